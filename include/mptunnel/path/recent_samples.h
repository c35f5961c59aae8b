// Samples of counters of the last ten seconds, one a second, to compare the counters with.
#pragma once

#include <array>
#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// `Sample` has a member `time`.
template <typename Sample>
class RecentSamples {
 public:
  static constexpr Duration kStep = std::chrono::seconds(1);

  /// To be called about once a kStep; returns whether it kept the sample: not if the last one is too young.
  bool add(const Sample& sample) {
    if (count_ > 0 && sample.time - samples_[(count_ - 1) % kKept].time < kStep * 9 / 10) return false;
    samples_[count_++ % kKept] = sample;
    return true;
  }
  /// Null before the first.
  [[nodiscard]] const Sample* oldest() const { return count_ == 0 ? nullptr : &samples_[first() % kKept]; }
  /// Whether `holds` is true of any sample after the oldest.
  template <typename Holds>
  [[nodiscard]] bool any_later(Holds holds) const {
    for (std::size_t i = first() + 1; i < count_; ++i) {
      if (holds(samples_[i % kKept])) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kKept = 11;

  [[nodiscard]] std::size_t first() const { return count_ < kKept ? 0 : count_ - kKept; }

  std::array<Sample, kKept> samples_{};
  std::size_t count_ = 0;  ///< taken so far; the newest is at (count_ - 1) % kKept
};

}  // namespace mptunnel
