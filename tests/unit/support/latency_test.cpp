#include "support/probe/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/common/prng.h"

namespace mptunnel::test {
namespace {

TEST(LatencyHistogram, IsWithinHalfAPercentOfTheSortedValues) {
  Prng random(3);
  LatencyHistogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 50000; ++i) {
    // Nine orders of magnitude.
    const double value = std::floor(std::pow(10.0, 1 + 9 * random.uniform()));
    values.push_back(value);
    histogram.add(Duration(static_cast<Duration::rep>(value)));
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 50000)) - 1;
    const auto measured = static_cast<double>(histogram.percentile(percent).count());
    EXPECT_NEAR(measured, values[rank], values[rank] * 0.005 + 0.5) << percent;
  }
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 200; ++i) histogram.add(Duration(i));
  EXPECT_EQ(histogram.percentile(0.5), Duration(1));
  EXPECT_EQ(histogram.percentile(50), Duration(100));
  EXPECT_EQ(histogram.percentile(50.1), Duration(101));
  EXPECT_EQ(histogram.percentile(100), Duration(200));
}

TEST(LatencyHistogram, LeastAndGreatestAreExact) {
  LatencyHistogram histogram;
  for (const Duration::rep value : {1'234'567, 98'765'432, 5'555'555}) histogram.add(Duration(value));
  const auto json = histogram.to_json();
  EXPECT_EQ(json["min"], 1.235);
  EXPECT_EQ(json["max"], 98.765);
  EXPECT_EQ(histogram.percentile(100), Duration(98'765'432));
}

TEST(LatencyHistogram, OneValueIsEveryPercentile) {
  LatencyHistogram histogram;
  histogram.add(std::chrono::milliseconds(3));
  EXPECT_EQ(histogram.percentile(0.1), std::chrono::milliseconds(3));
  EXPECT_EQ(histogram.percentile(99.9), std::chrono::milliseconds(3));
}

TEST(LatencyHistogram, TakesTheWholeRange) {
  LatencyHistogram histogram;
  histogram.add(Duration(-5));
  histogram.add(Duration::max());
  EXPECT_EQ(histogram.percentile(50), Duration{0});
  EXPECT_EQ(histogram.percentile(100), Duration::max());
}

TEST(LatencyHistogram, IsNullWithoutValues) {
  const auto json = LatencyHistogram().to_json();
  for (const char* name : {"min", "p50", "p90", "p99", "p99.9", "max", "mean"})
    EXPECT_TRUE(json.at(name).is_null());
}

}  // namespace
}  // namespace mptunnel::test
