// What happened on one path lately, from samples of its counters: loss each way and rates.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"

namespace mptunnel {

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
  static constexpr std::size_t kSamples = 11;
  struct Sample {
    TimePoint time;
    Arrivals out;
    Arrivals in;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    bool voided = false;
  };

  std::array<Sample, kSamples> samples_{};
  std::size_t count_ = 0;  ///< taken so far; the newest is at (count_ - 1) % kSamples
};

}  // namespace mptunnel
