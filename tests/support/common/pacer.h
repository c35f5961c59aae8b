// When the next datagram of a steady stream is due. It reads no clock and sends nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel::test {

/// Datagram number i is due at start + i / rate: an absolute schedule, so that small delays do not add up.
/// What was missed is caught up in bursts of at most `kMaxBurst`; a stall beyond `kMaxBehind` moves the
/// schedule instead.
class Pacer {
 public:
  static constexpr std::size_t kMaxBurst = 64;
  /// Two bursts are no closer than this, so that others get a turn and fast streams are sent in small
  /// batches.
  static constexpr Duration kMinInterval = std::chrono::microseconds(100);
  static constexpr Duration kMaxBehind = std::chrono::milliseconds(100);

  /// `per_second` of 0: as fast as it goes.
  Pacer(double per_second, TimePoint start)
      : period_ns_(per_second > 0 ? 1e9 / per_second : 0), origin_(start) {}

  /// How many datagrams may be sent now; the caller sends exactly those.
  std::size_t take_due(TimePoint now);
  /// When to call take_due() again.
  [[nodiscard]] TimePoint next() const;
  /// Time by which the schedule was moved because the caller came too late.
  [[nodiscard]] Duration slipped() const { return slipped_; }

 private:
  [[nodiscard]] TimePoint due_at(std::uint64_t number) const;

  double period_ns_;
  TimePoint origin_;
  std::uint64_t taken_ = 0;
  TimePoint earliest_ = TimePoint::min();
  Duration slipped_{0};
};

}  // namespace mptunnel::test
