// Round-trip time of one path (RFC 9002, section 5; there is no acknowledgement delay here).
#pragma once

#include <algorithm>

#include "mptunnel/base/time.h"

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

  void add(Duration sample) {
    latest_ = sample;
    if (!has_sample_) {
      has_sample_ = true;
      minimum_ = sample;
      start_over(sample);
      return;
    }
    minimum_ = std::min(minimum_, sample);
    const Duration deviation = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
    variation_ = (3 * variation_ + deviation) / 4;
    smoothed_ = (7 * smoothed_ + sample) / 8;
  }
  /// The path has changed: all samples before this one say nothing any more, but for the minimum.
  void start_over(Duration sample) {
    latest_ = smoothed_ = sample;
    variation_ = sample / 2;
  }

 private:
  Duration latest_{};
  Duration smoothed_{};
  Duration variation_{};
  Duration minimum_{};
  bool has_sample_ = false;
};

}  // namespace mptunnel
