// Whether a path that is up loses so much that a person should know: more than half for some seconds. What it
// is not: the measure of loss for the status; that is PathHistory.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/recent_samples.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Both directions of one path.
class LossWatch {
 public:
  struct News {
    double share = 0;  ///< that is lost, 0 to 1
    bool over = false;
  };
  /// Out, and in.
  using Verdicts = std::array<std::optional<News>, 2>;

  /// To be called about once a second, before the path's history is sampled. What an outage lost is no news
  /// once it is over: a path that is not up starts afresh.
  Verdicts update(bool is_up, const PathTraffic& traffic, TimePoint now);

 private:
  /// Samples in a window, and one before it.
  static constexpr std::size_t kSamples = static_cast<std::size_t>(kLossWindow / std::chrono::seconds(1)) + 1;
  struct Sample {
    TimePoint time;
    Arrivals out;
    Arrivals in;
    bool is_void = false;  ///< what came before it was no honest count, see PathTraffic::voided
  };

  static std::optional<News> judge(bool& is_lossy, std::optional<double> loss);

  RecentSamples<Sample, kSamples> samples_;  ///< since it is up
  std::array<bool, 2> is_lossy_{};
};

}  // namespace mptunnel
