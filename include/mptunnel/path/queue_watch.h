// Whether a path is given more than its line takes, as the queue of this machine shows: copies did not leave
// in any of some seconds in a row. What lies behind the first hop is not seen; that is loss, see LossWatch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/recent_samples.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class QueueWatch {
 public:
  struct Overload {
    double share = 0;            ///< of the packets of the last kOverloadWindow that did not leave, 0 to 1
    std::uint64_t rate_bps = 0;  ///< of those that did, UDP payload
  };
  struct News {
    Overload what;
    bool over = false;
  };

  /// To be called about once a second. A path that is not up starts afresh.
  std::optional<News> update(bool is_up, const PathTraffic& traffic, TimePoint now);
  /// Of a path that is given too much; nullopt of any other.
  [[nodiscard]] const std::optional<Overload>& overload() const { return overload_; }

 private:
  /// Samples in a window, and one before it.
  static constexpr std::size_t kSamples =
      static_cast<std::size_t>(kOverloadWindow / std::chrono::seconds(1)) + 1;
  struct Sample {
    TimePoint time;
    std::uint64_t sent = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t held_back = 0;
    bool is_full = false;  ///< something was held back since the sample before
  };

  /// What happened in the window.
  [[nodiscard]] Overload measure() const;

  RecentSamples<Sample, kSamples> samples_;
  std::optional<Overload> overload_;
};

}  // namespace mptunnel
