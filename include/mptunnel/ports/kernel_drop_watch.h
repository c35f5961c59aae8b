// Losses that only the kernel sees: datagrams that found a full receive buffer.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// Counts datagrams that the kernel dropped because receive buffers were full, and logs them once a minute
/// at most.
class KernelDropWatch {
 public:
  /// `what` is for the log line: "from the network".
  explicit KernelDropWatch(const char* what) : what_(what) {}
  /// Adds what a receive call has reported, mostly 0.
  void add(std::uint64_t drops, TimePoint now) {
    if (drops > 0) count(drops, now);
  }
  [[nodiscard]] const char* what() const { return what_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// How many of the total have been logged.
  [[nodiscard]] std::uint64_t reported() const { return reported_; }

 private:
  void count(std::uint64_t drops, TimePoint now);

  const char* what_;
  std::uint64_t total_ = 0;
  std::uint64_t reported_ = 0;
  std::optional<TimePoint> reported_at_;
};

/// At the end: a line for each that has counted something.
void log_kernel_drops(std::initializer_list<const KernelDropWatch*> watches);

}  // namespace mptunnel
