// Datagrams on their way: what left the impairments and is not due yet. It reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/time.h"
#include "support/common/samples.h"

namespace mptunnel::test {

struct DelayedDatagram {
  TimePoint release;
  std::uint64_t client = 0;  ///< whose it is; the queue gives it back as it was
  Buffer bytes;
  bool second_copy = false;
  std::uint64_t order = 0;  ///< set by the queue
};

/// Ordered by release, then by arrival. Bounded: see push().
class DelayQueue {
 public:
  static constexpr std::size_t kMaxDatagrams = 1U << 20U;
  static constexpr std::size_t kMaxBytes = 512U << 20U;

  explicit DelayQueue(std::size_t max_datagrams = kMaxDatagrams, std::size_t max_bytes = kMaxBytes)
      : max_datagrams_(max_datagrams), max_bytes_(max_bytes) {}

  /// False, and nothing kept, if a limit is reached.
  bool push(DelayedDatagram datagram);
  /// The next one that is due, if any.
  std::optional<DelayedDatagram> pop_due(TimePoint now);
  /// When the next one is due; kNever if none waits.
  [[nodiscard]] TimePoint next_release() const { return heap_.empty() ? kNever : heap_.front().release; }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  std::size_t max_datagrams_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t next_order_ = 0;
  std::vector<DelayedDatagram> heap_;
};

}  // namespace mptunnel::test
