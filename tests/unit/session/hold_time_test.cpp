#include "mptunnel/session/hold_time.h"

#include <gtest/gtest.h>

#include "support/test_random.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMost = 20ms;

void come(HoldTime& time, int count, Duration after) {
  for (int i = 0; i < count; ++i) time.came(after);
}
void never_come(HoldTime& time, int count) {
  for (int i = 0; i < count; ++i) time.never_came();
}

TEST(HoldTime, BeginsWithTheMostAndLearnsFromSixteen) {
  HoldTime time(kMost);
  EXPECT_EQ(time.get(), kMost);
  come(time, 15, 0ms);
  EXPECT_EQ(time.get(), kMost);
  come(time, 1, 0ms);
  EXPECT_LT(time.get(), kMost);

  HoldTime in_vain(kMost);
  never_come(in_vain, 15);
  EXPECT_EQ(in_vain.get(), kMost);
  never_come(in_vain, 1);
  EXPECT_EQ(in_vain.get(), 0ms);
}

TEST(HoldTime, IsLongerThanWhatAllTookByTwoTwentiethsAtMost) {
  for (Duration after = 0ms; after < kMost; after += 100us) {
    HoldTime time(kMost);
    come(time, 100, after);
    EXPECT_GT(time.get(), after);
    EXPECT_LE(time.get(), after + 2 * kMost / 20);
    EXPECT_LE(time.get(), kMost);
  }
}

TEST(HoldTime, IsAShareOfWhateverTheMostIs) {
  for (const Duration most : {Duration{1ms}, Duration{7ms}, Duration{1000ms}}) {
    HoldTime time(most);
    EXPECT_EQ(time.get(), most);
    come(time, 100, most / 2);
    EXPECT_EQ(time.get(), most * 12 / 20);
  }
}

/// What a slower copy fills at once is no reason not to wait for what is repaired.
TEST(HoldTime, CoversTheRareOnesThatComeLater) {
  HoldTime time(kMost);
  come(time, 1000, 0ms);
  EXPECT_EQ(time.get(), 2ms);
  come(time, 2, 15ms);
  EXPECT_EQ(time.get(), 17ms);
  never_come(time, 6);
  EXPECT_EQ(time.get(), 17ms) << "a quarter of those that are missing by then come";
  never_come(time, 1);
  EXPECT_EQ(time.get(), 2ms) << "and now it is less";
}

TEST(HoldTime, WhatComesAfterTheMostIsAsGoodAsNever) {
  HoldTime time(kMost);
  come(time, 100, kMost - 1ns);
  EXPECT_EQ(time.get(), kMost);
  HoldTime late(kMost);
  come(late, 100, kMost);
  EXPECT_EQ(late.get(), 0ms);
  HoldTime far_too_late(kMost);
  come(far_too_late, 100, 1h);
  EXPECT_EQ(far_too_late.get(), 0ms);
}

TEST(HoldTime, IsZeroOnlyWhereLessThanAQuarterComes) {
  HoldTime time(kMost);
  come(time, 25, 5ms);
  never_come(time, 75);
  EXPECT_EQ(time.get(), 7ms) << "what never comes makes it no longer";
  never_come(time, 1);
  EXPECT_EQ(time.get(), 0ms);
  come(time, 1, 5ms);
  EXPECT_EQ(time.get(), 7ms) << "it learns though nothing was held";
}

TEST(HoldTime, ManyThatNeverComeCountAsMany) {
  for (const int many : {1, 15, 40, 311}) {
    HoldTime one_by_one(kMost);
    HoldTime at_once(kMost);
    come(one_by_one, 200, 5ms);
    come(at_once, 200, 5ms);
    never_come(one_by_one, many);
    at_once.never_came(static_cast<std::uint32_t>(many));
    EXPECT_EQ(one_by_one.get(), at_once.get()) << many;
  }
}

TEST(HoldTime, TimeThatRunsBackCountsAsAtOnce) {
  HoldTime time(kMost);
  come(time, 100, -5ms);
  EXPECT_LE(time.get(), 2ms);
  EXPECT_GT(time.get(), 0ms);
}

TEST(HoldTime, ForgetsThatNothingCame) {
  HoldTime time(kMost);
  never_come(time, 100'000);
  int needed = 0;
  for (; time.get() == 0ms && needed < 10'000; ++needed) time.came(5ms);
  EXPECT_LT(needed, 3000);
  EXPECT_EQ(time.get(), 7ms);
}

TEST(HoldTime, ForgetsThatItTookLong) {
  HoldTime time(kMost);
  come(time, 100'000, 15ms);
  ASSERT_GT(time.get(), 15ms);
  int needed = 0;
  for (; time.get() > 5ms && needed < 100'000; ++needed) time.came(0ms);
  EXPECT_LT(needed, 70'000);
  // And sooner if it matters.
  come(time, 100'000, 15ms);
  for (needed = 0; time.get() > 5ms && needed < 100'000; ++needed) {
    time.came(0ms);
    time.never_came();
  }
  EXPECT_LT(needed, 20'000);
}

TEST(HoldTime, ForgetsThatAllCame) {
  HoldTime time(kMost);
  come(time, 100'000, 5ms);
  int needed = 0;
  for (; time.get() != 0ms && needed < 100'000; ++needed) time.never_came();
  EXPECT_LT(needed, 16'000);
  EXPECT_GT(needed, 4000) << "but not at once";
}

TEST(HoldTime, StaysWithinItsBoundsWhateverComes) {
  test::TestRandom random(3);
  HoldTime time(kMost);
  for (int i = 0; i < 20'000; ++i) {
    if (random.below(3) == 0) {
      time.never_came();
    } else {
      time.came(std::chrono::microseconds(random.below(1U << (1 + random.below(18)))));
    }
    ASSERT_GE(time.get(), 0ms);
    ASSERT_LE(time.get(), kMost);
  }
}

}  // namespace
}  // namespace mptunnel
