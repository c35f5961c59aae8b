// Latencies as a histogram with narrow buckets: percentiles within 0.4 % of the truth, in constant memory.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "mptunnel/base/time.h"

namespace mptunnel::test {

class LatencyHistogram {
 public:
  LatencyHistogram();

  /// Negative ones count as 0.
  void add(Duration latency);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The smallest latency that at least `percent` (over 0, to 100) of all do not exceed; 0 if there are
  /// none. Least and greatest are exact.
  [[nodiscard]] Duration percentile(double percent) const;
  /// {"min", "p50", "p90", "p99", "p99.9", "max", "mean"} in milliseconds; each null if there are none.
  [[nodiscard]] nlohmann::ordered_json to_json() const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  double sum_ns_ = 0;
  std::uint64_t least_ = UINT64_MAX;
  std::uint64_t greatest_ = 0;
};

}  // namespace mptunnel::test
