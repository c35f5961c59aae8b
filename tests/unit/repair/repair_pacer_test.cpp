#include "mptunnel/repair/repair_pacer.h"

#include <gtest/gtest.h>

#include <vector>

#include "repair_support.h"

namespace mptunnel {
namespace {

using test::kRepairStart;

RepairPlan plan(RepairRate rate, std::size_t horizon, double budget = 3) {
  RepairPlan result;
  result.rate = rate;
  result.horizon = horizon;
  result.window = horizon;
  result.budget = budget;
  return result;
}

class RepairPacerTest : public testing::Test {
 protected:
  /// Sends a symbol at this time, once all that is due before has left.
  void source(Duration at, std::size_t bytes = 1000) {
    run_until(at);
    note(at, pacer_.on_source(bytes, kRepairStart + at));
  }
  void run_until(Duration at) {
    while (pacer_.deadline() <= kRepairStart + at) {
      const TimePoint due = pacer_.deadline();
      const std::size_t count = pacer_.on_deadline(due);
      ASSERT_TRUE(count > 0 || pacer_.deadline() > due);
      note(due - kRepairStart, count);
    }
  }
  void note(Duration at, std::size_t count) {
    for (; count > 0; --count) left_.push_back(at);
  }

  RepairPacer pacer_{20ms};
  std::vector<Duration> left_;  ///< when repair symbols left
};

TEST_F(RepairPacerTest, DoesNothingWithoutAPlan) {
  source(0ms);
  EXPECT_TRUE(left_.empty());
  EXPECT_EQ(pacer_.deadline(), kNever);
}

TEST_F(RepairPacerTest, ManySymbolsHaveOneRightBehindEachPeriod) {
  pacer_.follow(plan({1, 10}, 100));
  for (int i = 0; i < 30; ++i) source(i * 200us);
  EXPECT_EQ(left_, (std::vector<Duration>{9 * 200us, 19 * 200us, 29 * 200us}));
  EXPECT_EQ(pacer_.deadline(), kNever);
}

TEST_F(RepairPacerTest, TheLastOfABurstAreCoveredByHalfTheDelay) {
  pacer_.follow(plan({1, 10}, 100));
  for (int i = 0; i < 13; ++i) source(i * 200us);
  run_until(100ms);
  EXPECT_EQ(left_, (std::vector<Duration>{9 * 200us, 10 * 200us + 10ms}));
  // And they do not count again.
  left_.clear();
  for (int i = 0; i < 9; ++i) source(100ms + i * 200us);
  EXPECT_TRUE(left_.empty());
}

TEST_F(RepairPacerTest, ASparseFlowHasALateCopyOfEach) {
  pacer_.follow(plan({1, 1}, 1));
  source(0ms);
  source(20ms);
  source(40ms);
  run_until(100ms);
  EXPECT_EQ(left_, (std::vector<Duration>{10ms, 30ms, 50ms}));
}

TEST_F(RepairPacerTest, TwoForEachAreSpreadOverTheDelay) {
  pacer_.follow(plan({2, 1}, 1));
  source(0ms);
  source(30ms);
  run_until(100ms);
  ASSERT_EQ(left_.size(), 4U);
  EXPECT_NEAR(milliseconds(left_[0]), 6.67, 0.01);
  EXPECT_NEAR(milliseconds(left_[1]), 13.33, 0.01);
  EXPECT_NEAR(milliseconds(left_[2]), 36.67, 0.01);
  EXPECT_NEAR(milliseconds(left_[3]), 43.33, 0.01);
}

TEST_F(RepairPacerTest, OneForTwoComesByHalfTheDelayOfTheFirst) {
  pacer_.follow(plan({1, 2}, 4));
  for (int i = 0; i < 4; ++i) source(i * 5ms);
  run_until(100ms);
  EXPECT_EQ(left_, (std::vector<Duration>{10ms, 20ms}));
}

TEST_F(RepairPacerTest, NoMoreAreDueThanHaveRoom) {
  pacer_.follow(plan({3, 1}, 4));
  for (int i = 0; i < 10; ++i) note(0ms, pacer_.on_source(100, kRepairStart));
  EXPECT_EQ(left_.size(), 30U - 8U);
  run_until(100ms);
  EXPECT_EQ(left_.size(), 30U);
}

TEST_F(RepairPacerTest, NothingIsDueOnceThePlanIsOff) {
  pacer_.follow(plan({1, 1}, 1));
  source(0ms);
  EXPECT_NE(pacer_.deadline(), kNever);
  pacer_.follow(plan({0, 1}, 1));
  EXPECT_EQ(pacer_.deadline(), kNever);
  EXPECT_EQ(pacer_.on_deadline(kRepairStart + 1s), 0U);
}

TEST_F(RepairPacerTest, ACreditKeepsItsWorthWhenTheRateChanges) {
  pacer_.follow(plan({1, 20}, 100));
  for (int i = 0; i < 10; ++i) source(i * 100us);
  pacer_.follow(plan({1, 10}, 100));
  for (int i = 10; i < 15; ++i) source(i * 100us);
  EXPECT_EQ(left_.size(), 1U);
}

TEST_F(RepairPacerTest, TheBudgetIsAShareOfBytes) {
  pacer_.follow(plan({1, 1}, 100, 0.5));
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t due = pacer_.on_source(1000, kRepairStart + i * 1us);
    ASSERT_EQ(due, 1U);
    if (pacer_.take(1002)) ++sent;
  }
  EXPECT_GE(sent, 500U);
  EXPECT_LE(sent, 504U);
  EXPECT_EQ(pacer_.over_budget(), 1000 - sent);
}

TEST_F(RepairPacerTest, ThreeCopiesOfEachFitABudgetOfThree) {
  pacer_.follow(plan({3, 1}, 1, 3));
  for (int i = 0; i < 100; ++i) {
    source(i * 20ms, 160);
    run_until(i * 20ms + 19ms);
    ASSERT_EQ(left_.size(), 3U);
    for (; !left_.empty(); left_.pop_back()) ASSERT_TRUE(pacer_.take(162)) << i;
  }
}

TEST_F(RepairPacerTest, ALargeSymbolOfAMixedWindowIsPaidForByTheSmallOnes) {
  pacer_.follow(plan({1, 10}, 100, 0.5));
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t due = pacer_.on_source(60, kRepairStart + i * 100us);
    for (std::size_t j = 0; j < due; ++j) sent += pacer_.take(1402) ? 1 : 0;
  }
  // 60,000 bytes were sent. The budget may not even save up for one.
  EXPECT_LE(sent * 1400, 30'000U + 16 * 60);
}

}  // namespace
}  // namespace mptunnel
