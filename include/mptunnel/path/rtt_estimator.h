// Round-trip time of one path (RFC 9002, section 5; there is no acknowledgement delay here).
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/path_limits.h"

namespace mptunnel {

class RttEstimator {
 public:
  [[nodiscard]] bool has_sample() const { return has_sample_; }
  [[nodiscard]] Duration smoothed() const { return smoothed_; }
  [[nodiscard]] Duration variation() const { return variation_; }
  [[nodiscard]] Duration minimum() const { return minimum_; }
  [[nodiscard]] Duration latest() const { return latest_; }

  /// How long an answer may take before it counts as late: one and a half times what RFC 9002, section 6.2.1,
  /// waits before it sends a probe. There an early probe costs a packet; here it would condemn a path.
  [[nodiscard]] Duration late_after() const { return (smoothed_ + 4 * variation_) * 3 / 2; }

  /// Whether packets waited somewhere on the path lately: one of the last answers took longer than the least
  /// of some hundred, by more than jitter explains. What is lost then may have found a queue full.
  [[nodiscard]] bool is_queued() const {
    const Duration most = *std::max_element(recent_.begin(), recent_.end());
    return has_sample_ && most > std::min(least_, least_before_) + kQueuedAtLeast + 3 * jitter_;
  }
  /// An answer that took so long waited in a queue that was filling.
  [[nodiscard]] bool shows_queue(Duration took) const {
    return has_sample_ && took > std::max<Duration>(2 * smoothed_, smoothed_ + kQueueShows);
  }

  void add(Duration sample) {
    if (!has_sample_) return start_over(sample);
    watch_queue(sample);
    latest_ = sample;
    minimum_ = std::min(minimum_, sample);
    const Duration deviation = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
    variation_ = (3 * variation_ + deviation) / 4;
    smoothed_ = (7 * smoothed_ + sample) / 8;
  }
  /// The path has changed: all samples before this one say nothing any more, but for the minimum. The least
  /// of the last ones stays as well: what became so slow at once is nearly always a path whose queue has
  /// filled, and if it is not, some hundred samples forget it.
  void start_over(Duration sample) {
    watch_queue(sample);
    minimum_ = has_sample_ ? std::min(minimum_, sample) : sample;
    has_sample_ = true;
    latest_ = smoothed_ = sample;
    variation_ = sample / 2;
  }

 private:
  static constexpr std::size_t kRecent = 4;
  static constexpr std::size_t kLeastOf = 300;  ///< samples, and as many before
  static constexpr Duration kQueuedAtLeast = std::chrono::milliseconds{10};

  void watch_queue(Duration sample) {
    if (has_sample_) jitter_ += ((sample > latest_ ? sample - latest_ : latest_ - sample) - jitter_) / 16;
    recent_[count_ % kRecent] = sample;
    if (count_++ % kLeastOf == 0) {
      least_before_ = std::exchange(least_, sample);
    } else {
      least_ = std::min(least_, sample);
    }
  }

  std::array<Duration, kRecent> recent_{};
  std::size_t count_ = 0;  ///< of samples
  Duration least_ = Duration::max() / 2;
  Duration least_before_ = Duration::max() / 2;
  Duration jitter_{};  ///< of neighbours, as in RFC 3550, section 6.4.1
  Duration latest_{};
  Duration smoothed_{};
  Duration variation_{};
  Duration minimum_{};
  bool has_sample_ = false;
};

}  // namespace mptunnel
