// Samples of counters of the last seconds, one a second, to compare the counters with.
#pragma once

#include <array>
#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// `Sample` has a member `time`. The last `Kept` are kept: of ten seconds unless it says otherwise.
template <typename Sample, std::size_t Kept = 11>
class RecentSamples {
 public:
  static constexpr Duration kStep = std::chrono::seconds(1);

  /// To be called about once a kStep; returns whether it kept the sample: not if the last one is too young.
  bool add(const Sample& sample) {
    if (count_ > 0 && sample.time - samples_[(count_ - 1) % Kept].time < kStep * 9 / 10) return false;
    samples_[count_++ % Kept] = sample;
    return true;
  }
  /// Null before the first.
  [[nodiscard]] const Sample* oldest() const { return count_ == 0 ? nullptr : &samples_[first() % Kept]; }
  /// There is one.
  [[nodiscard]] const Sample& newest() const { return samples_[(count_ - 1) % Kept]; }
  /// How many were kept so far, those included that had to go.
  [[nodiscard]] std::size_t taken() const { return count_; }
  /// Whether `holds` is true of any sample after the oldest.
  template <typename Holds>
  [[nodiscard]] bool any_later(Holds holds) const {
    for (std::size_t i = first() + 1; i < count_; ++i) {
      if (holds(samples_[i % Kept])) return true;
    }
    return false;
  }
  /// Of how many neighbours `holds(earlier, later)` is true.
  template <typename Holds>
  [[nodiscard]] std::size_t count_steps(Holds holds) const {
    std::size_t steps = 0;
    for (std::size_t i = first() + 1; i < count_; ++i) {
      if (holds(samples_[(i - 1) % Kept], samples_[i % Kept])) ++steps;
    }
    return steps;
  }

 private:
  [[nodiscard]] std::size_t first() const { return count_ < Kept ? 0 : count_ - Kept; }

  std::array<Sample, Kept> samples_{};
  std::size_t count_ = 0;  ///< taken so far; the newest is at (count_ - 1) % Kept
};

}  // namespace mptunnel
