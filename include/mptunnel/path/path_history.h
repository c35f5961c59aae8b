// What happened on one path lately, from samples of its counters: loss each way and rates.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/recent_samples.h"

namespace mptunnel {

/// The share of losses between two counts; nullopt if fewer than `least` packets lie between them, which mean
/// nothing, or the counts began anew.
std::optional<double> loss_between(const Arrivals& before, const Arrivals& after, std::uint64_t least = 20);

/// The last ten seconds of a path, in samples of one.
class PathHistory {
 public:
  static constexpr Duration kStep = std::chrono::seconds(1);

  struct Recent {
    std::optional<double> loss_out;  ///< fractions; nullopt if too little was sent, or the counts are void
    std::optional<double> loss_in;
    double bytes_out = 0;  ///< a second
    double bytes_in = 0;
  };

  /// To be called about once a kStep; more often does nothing. Clears `traffic.voided`.
  void sample(PathTraffic& traffic, TimePoint now);
  [[nodiscard]] Recent recent(const PathTraffic& traffic, TimePoint now) const;

 private:
  struct Sample {
    TimePoint time;
    Arrivals out;
    Arrivals in;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    bool voided = false;
  };

  RecentSamples<Sample> samples_;
};

}  // namespace mptunnel
