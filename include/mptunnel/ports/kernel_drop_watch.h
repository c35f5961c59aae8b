// Losses before the program: datagrams that found a full receive buffer, or waited in it for too long.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/net/datagram_socket.h"

namespace mptunnel {

/// Counts datagrams that the kernel dropped because receive buffers were full, and logs them once a minute
/// at most.
class KernelDropWatch {
 public:
  /// `what` is for the log line: "from the network".
  explicit KernelDropWatch(const char* what) : what_(what) {}
  /// Adds what a receive call has reported, mostly nothing. Returns how many datagrams that were.
  std::uint64_t add(const ReceiveResult& result, TimePoint now) {
    old_ += result.old;
    if (result.more) full_at_ = now;
    if (result.kernel_drops > 0) count(result.kernel_drops, now);
    return result.old + result.kernel_drops;
  }
  /// Whether so much came lately that a read had no room for all. If not, what the kernel dropped did not
  /// find the buffer full: it counts wrong checksums as well, which anybody can send.
  [[nodiscard]] bool is_pressed(TimePoint now) const { return full_at_ && now - *full_at_ < kPressedFor; }
  [[nodiscard]] const char* what() const { return what_; }
  /// Dropped by the kernel.
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// Dropped here: they had waited longer than kMaxReceiveAge.
  [[nodiscard]] std::uint64_t old() const { return old_; }
  [[nodiscard]] std::uint64_t lost() const { return total_ + old_; }
  /// How many of the total have been logged.
  [[nodiscard]] std::uint64_t reported() const { return reported_; }

 private:
  static constexpr Duration kPressedFor = std::chrono::milliseconds(500);
  void count(std::uint64_t drops, TimePoint now);

  const char* what_;
  std::uint64_t total_ = 0;
  std::uint64_t old_ = 0;
  std::uint64_t reported_ = 0;
  std::optional<TimePoint> reported_at_;
  std::optional<TimePoint> full_at_;
};

/// At the end: a line for each that has counted something.
void log_kernel_drops(std::initializer_list<const KernelDropWatch*> watches);

}  // namespace mptunnel
