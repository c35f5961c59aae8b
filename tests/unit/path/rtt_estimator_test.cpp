#include "mptunnel/path/rtt_estimator.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

TEST(RttEstimator, HasNothingBeforeTheFirstSample) {
  const RttEstimator rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.smoothed(), 0ns);
}

TEST(RttEstimator, FirstSampleSetsVariationToItsHalf) {
  RttEstimator rtt;
  rtt.add(100ms);
  EXPECT_TRUE(rtt.has_sample());
  EXPECT_EQ(rtt.latest(), 100ms);
  EXPECT_EQ(rtt.smoothed(), 100ms);
  EXPECT_EQ(rtt.variation(), 50ms);
  EXPECT_EQ(rtt.minimum(), 100ms);
}

// By hand from RFC 9002, appendix A.7, where the variation is taken against the smoothed time as it was:
//   180 ms: variation 3/4 * 50 + 1/4 * |100 - 180| = 57.5, smoothed 7/8 * 100 + 1/8 * 180 = 110
//    30 ms: variation 3/4 * 57.5 + 1/4 * |110 - 30| = 63.125, smoothed 7/8 * 110 + 1/8 * 30 = 100
TEST(RttEstimator, FollowsRfc9002) {
  RttEstimator rtt;
  rtt.add(100ms);
  rtt.add(180ms);
  EXPECT_EQ(rtt.variation(), 57'500us);
  EXPECT_EQ(rtt.smoothed(), 110ms);
  EXPECT_EQ(rtt.minimum(), 100ms);
  EXPECT_EQ(rtt.latest(), 180ms);
  rtt.add(30ms);
  EXPECT_EQ(rtt.variation(), 63'125us);
  EXPECT_EQ(rtt.smoothed(), 100ms);
  EXPECT_EQ(rtt.minimum(), 30ms);
  EXPECT_EQ(rtt.latest(), 30ms);
}

TEST(RttEstimator, SettlesOnASteadyTime) {
  RttEstimator rtt;
  rtt.add(500ms);
  for (int i = 0; i < 200; ++i) rtt.add(40ms);
  EXPECT_LT(rtt.smoothed() - 40ms, 1us);
  EXPECT_LT(rtt.variation(), 1us);
  EXPECT_EQ(rtt.minimum(), 40ms);
}

}  // namespace
}  // namespace mptunnel
