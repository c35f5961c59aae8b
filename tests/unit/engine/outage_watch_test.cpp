#include "mptunnel/engine/outage_watch.h"

#include <gtest/gtest.h>

#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

TEST(OutageWatch, IsOverASecondAfterAPathIsUpAgainAndCountsToThatTime) {
  OutageWatch watch;
  EXPECT_TRUE(watch.begin(kStart, kStart + 1s));
  EXPECT_FALSE(watch.begin(kStart, kStart + 2s)) << "the same";
  EXPECT_FALSE(watch.over(0, kStart + 3s));
  watch.mend(kStart + 4s);
  watch.mend(kStart + 4500ms);
  EXPECT_FALSE(watch.lasts(kStart + 4500ms));
  EXPECT_FALSE(watch.over(1, kStart + 5s - 1ns));
  const auto resumed = watch.over(3, kStart + 5s);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->after, 4s);
  EXPECT_EQ(resumed->paths, 3U);
  EXPECT_FALSE(watch.over(3, kStart + 6s));
  EXPECT_TRUE(watch.begin(kStart + 7s, kStart + 8s));
}

TEST(OutageWatch, GoesOnIfNoPathStaysUp) {
  OutageWatch watch;
  watch.begin(kStart, kStart);
  std::size_t begun = 0;
  for (int i = 1; i < 1000; ++i) {
    watch.mend(kStart + i * 20ms);
    EXPECT_FALSE(watch.over(1, kStart + i * 20ms));
    if (watch.begin(kStart + i * 20ms, kStart + i * 20ms + 10ms)) ++begun;
  }
  EXPECT_EQ(begun, 0U);
  watch.mend(kStart + 40s);
  EXPECT_EQ(watch.over(1, kStart + 41s)->after, 40s);
}

TEST(OutageWatch, CountsToTheFirstSignOfLifeIfAPathIsUpSoonAfterIt) {
  OutageWatch watch;
  watch.begin(kStart, kStart);
  watch.note_heard(kStart + 1s);
  watch.note_heard(kStart + 5s);
  watch.note_heard(kStart + 5100ms);
  watch.mend(kStart + 6s);
  EXPECT_EQ(watch.over(1, kStart + 7s)->after, 5s);
}

TEST(OutageWatch, IsSaidAgainAfterTwiceAsLongEachTimeUnlessItIsExplained) {
  for (const bool is_explained : {false, true}) {
    OutageWatch watch;
    watch.begin(kStart, kStart, is_explained);
    std::vector<int> said;
    for (int second = 0; second < 6 * 3600; ++second) {
      if (watch.is_due(kStart + second * 1s)) said.push_back(second);
      EXPECT_EQ(watch.lasts(kStart + second * 1s), second * 1s);
    }
    if (is_explained) {
      EXPECT_TRUE(said.empty());
    } else {
      EXPECT_EQ(said, (std::vector<int>{30, 90, 210, 450, 930, 1890, 3810, 7410, 11010, 14610, 18210}));
    }
  }
}

TEST(OutageWatch, WithoutOneNothingIsOver) {
  OutageWatch watch;
  watch.mend(kStart);
  watch.note_heard(kStart);
  EXPECT_FALSE(watch.over(3, kStart + 1h));
  EXPECT_FALSE(watch.lasts(kStart + 1h));
  EXPECT_FALSE(watch.is_due(kStart + 1h));
}

}  // namespace
}  // namespace mptunnel
