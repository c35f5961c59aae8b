#include "mptunnel/path/rtt_estimator.h"

#include <gtest/gtest.h>

#include <initializer_list>

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

RttEstimator estimator_of(std::initializer_list<Duration> samples) {
  RttEstimator rtt;
  for (const Duration sample : samples) rtt.add(sample);
  return rtt;
}

TEST(RttEstimator, AQueueIsSeenInTheLastSamples) {
  RttEstimator rtt = estimator_of({40ms, 40ms, 41ms, 40ms});
  EXPECT_FALSE(rtt.is_queued());
  rtt.add(61ms);
  EXPECT_TRUE(rtt.is_queued());
  for (int i = 0; i < 3; ++i) rtt.add(40ms);
  EXPECT_TRUE(rtt.is_queued()) << "what is reported now was lost then";
  rtt.add(40ms);
  EXPECT_FALSE(rtt.is_queued());
  EXPECT_FALSE(RttEstimator{}.is_queued());
}

TEST(RttEstimator, JitterIsNoQueue) {
  RttEstimator rtt;
  for (int i = 0; i < 200; ++i) rtt.add(i % 2 == 0 ? 40ms : 65ms);
  EXPECT_FALSE(rtt.is_queued());
  rtt.add(150ms);
  EXPECT_TRUE(rtt.is_queued());
}

/// A path that leads another way takes longer from then on.
TEST(RttEstimator, WhatPassesForAQueueAtFirstIsTheDelayAfterSomeHundredSamples) {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) rtt.add(20ms);
  for (int i = 0; i < 300; ++i) rtt.add(90ms);
  EXPECT_TRUE(rtt.is_queued());
  for (int i = 0; i < 400; ++i) rtt.add(90ms);
  EXPECT_FALSE(rtt.is_queued());
  EXPECT_EQ(rtt.minimum(), 20ms);
}

/// Answers that are so late that they count only once they are believed.
TEST(RttEstimator, WhatIsFarSlowerAtOnceIsAQueueAtFirst) {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) rtt.add(40ms);
  rtt.start_over(2s);
  EXPECT_EQ(rtt.smoothed(), 2s);
  EXPECT_TRUE(rtt.is_queued());
  for (int i = 0; i < 200; ++i) rtt.add(2s);
  EXPECT_TRUE(rtt.is_queued());
  for (int i = 0; i < 500; ++i) rtt.add(2s);
  EXPECT_FALSE(rtt.is_queued());
  EXPECT_EQ(rtt.minimum(), 40ms);
}

}  // namespace
}  // namespace mptunnel
