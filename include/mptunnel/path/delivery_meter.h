// What one path delivers: it remembers what left by it, and when, and makes of the peer's ACKs what
// RateControl follows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/time.h"
#include "mptunnel/path/rate_control.h"
#include "mptunnel/wire/ack_frame.h"

namespace mptunnel {

/// Packets that left by a path together: of one kind and key, with consecutive numbers.
struct SentRun {
  std::uint32_t order = 0;  ///< of the key epoch: grows with each of a session
  PacketType type{};
  PacketNumber first;
  std::uint32_t count = 0;
  std::size_t stride = 0;  ///< bytes of each, but for
  std::size_t tail = 0;    ///< the last
};

/// The runs of one kind that left last, in their order.
class SentLog {
 public:
  /// A run whose first number is not above all before it is left out: a late copy.
  void add(const SentRun& run, std::uint64_t packets_before, std::uint64_t bytes_before, TimePoint left);
  /// One packet: when it left, and what had left by the path with it, in all.
  struct Left {
    TimePoint at;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  /// nullopt if it is not known (any more).
  [[nodiscard]] std::optional<Left> find(std::uint32_t order, PacketNumber number) const;
  [[nodiscard]] bool empty() const { return runs_.empty(); }

 private:
  struct Entry {
    SentRun run;
    std::uint64_t packets = 0;  ///< before it
    std::uint64_t bytes = 0;
    TimePoint left;
  };
  static constexpr std::size_t kRuns = 1024;
  static std::uint64_t key_of(std::uint32_t order, std::uint32_t number) {
    return std::uint64_t{order} << 32U | number;
  }
  /// The entry that was added so many after the oldest one.
  [[nodiscard]] const Entry& at(std::size_t index) const { return runs_[(oldest_ + index) % kRuns]; }

  std::vector<Entry> runs_;  ///< a ring once it has kRuns
  std::size_t oldest_ = 0;
};

class DeliveryMeter {
 public:
  /// The run was taken by the kernel; before it, so many packets and bytes had been of this path.
  void on_sent(const SentRun& run, std::uint64_t packets_before, std::uint64_t bytes_before, TimePoint now);
  /// An ACK of this path that came under the key of this order. nullopt if it says nothing new, or only what
  /// later ones are compared with.
  std::optional<DeliveryReport> on_ack(const AckFrame& ack, std::uint32_t order, TimePoint now);
  /// Bytes that have left by the path, in all.
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  [[nodiscard]] const SentLog& log_of(PacketType type) const {
    return type == PacketType::data ? data_ : control_;
  }

  SentLog data_;
  SentLog control_;
  std::uint64_t sent_bytes_ = 0;
  struct Seen {
    std::uint64_t time = 0;  ///< of the peer's clock, in microseconds from somewhere
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    SentLog::Left left;
  };
  std::optional<Seen> last_;  ///< what the last ACK said
};

}  // namespace mptunnel
