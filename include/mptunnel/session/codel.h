// Controlled delay (CoDel, RFC 8289): whether the datagram whose turn it is has to go, because all that left
// the queue through an interval had waited for longer than the target.
#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

class Codel {
 public:
  /// RFC 8289, sections 4.3 and 4.4: what may stand is a small part of a usual RTT, and an interval is that.
  static constexpr Duration kTarget = std::chrono::milliseconds{5};
  static constexpr Duration kInterval = std::chrono::milliseconds{100};
  /// With no more than a full packet behind it none is dropped: that is no standing queue.
  static constexpr std::size_t kFullPacket = 1514;

  /// Asked of the oldest datagram when it may leave; `waited` is how long it has, less what
  /// it may beyond kTarget, `behind` the bytes of those behind it. True: it is to be dropped, and the next
  /// one asked about; or to be marked instead, and to leave.
  bool drops(Duration waited, std::size_t behind, TimePoint now) {
    const bool is_late = was_late_for_long(waited, behind, now);
    if (!is_late) {
      is_dropping_ = false;
      return false;
    }
    if (is_dropping_) {
      if (now < next_) return false;
      ++count_;
      next_ += pause();
      return true;
    }
    // What it took to bring the queue down a short time ago is where it goes on.
    const std::uint32_t since_then = count_ - first_count_;
    const bool is_soon = now - next_ < 16 * kInterval;
    count_ = since_then > 1 && is_soon ? since_then : 1;
    first_count_ = count_;
    next_ = now + pause();
    is_dropping_ = true;
    return true;
  }
  /// Nothing waits any more.
  void on_empty() {
    late_from_.reset();
    is_dropping_ = false;
  }

 private:
  bool was_late_for_long(Duration waited, std::size_t behind, TimePoint now) {
    if (waited < kTarget || behind <= kFullPacket) {
      late_from_.reset();
      return false;
    }
    if (!late_from_) late_from_ = now;
    return now - *late_from_ >= kInterval;
  }
  /// Losses come closer together as the square root of their count: so the rate of a TCP falls linearly.
  [[nodiscard]] Duration pause() const {
    return std::chrono::duration_cast<Duration>(kInterval / std::sqrt(static_cast<double>(count_)));
  }

  std::optional<TimePoint> late_from_;
  bool is_dropping_ = false;
  TimePoint next_{};               ///< of the next drop, while dropping
  std::uint32_t count_ = 0;        ///< drops since it has been dropping
  std::uint32_t first_count_ = 0;  ///< what that began with
};

}  // namespace mptunnel
