#include "mptunnel/repair/loss_memory.h"

#include <gtest/gtest.h>

#include "mptunnel/repair/limits.h"
#include "repair_support.h"

namespace mptunnel {
namespace {

using test::kRepairStart;

/// Reports every 20 ms of a flow of 5,000 symbols a second.
class LossMemoryTest : public testing::Test {
 protected:
  void run(Duration span, double loss, double run = 1) {
    for (const TimePoint end = now_ + span; now_ < end;) {
      now_ += 20ms;
      const auto runs = loss > 0 ? std::poisson_distribution<std::uint64_t>(100 * loss / run)(engine_) : 0;
      memory_.add(100, static_cast<std::uint64_t>(static_cast<double>(runs) * run), runs, now_);
    }
  }

  std::mt19937_64 engine_{1};
  TimePoint now_ = kRepairStart;
  LossMemory memory_;
};

TEST_F(LossMemoryTest, KnowsNothingAtFirst) {
  EXPECT_EQ(memory_.lower(2), 0);
  EXPECT_EQ(memory_.upper(2), 1);
  EXPECT_EQ(memory_.mean_run(), 1);
}

TEST_F(LossMemoryTest, BoundsEncloseWhatIsLost) {
  for (const double loss : {0.001, 0.01, 0.1}) {
    memory_ = {};
    run(30s, loss);
    EXPECT_LT(memory_.lower(2), loss) << loss;
    EXPECT_GT(memory_.upper(2), loss) << loss;
    EXPECT_LT(memory_.upper(2), loss * 1.6) << loss;
  }
}

TEST_F(LossMemoryTest, BurstsAreKnownByTheirLengthAndMakeTheBoundsWider) {
  run(30s, 0.02);
  const double width = memory_.upper(2) - memory_.lower(2);
  memory_ = {};
  run(30s, 0.02, 10);
  EXPECT_NEAR(memory_.mean_run(), 10, 0.1);
  EXPECT_GT(memory_.upper(2) - memory_.lower(2), 2 * width);
}

TEST_F(LossMemoryTest, ARiseIsKnownWithin200ms) {
  run(60s, 0);
  EXPECT_LT(memory_.upper(2), 1e-4);
  run(200ms, 0.02);
  EXPECT_EQ(memory_.changes(), 1U);
  EXPECT_GT(memory_.upper(2), 0.02);
}

TEST_F(LossMemoryTest, AFallIsKnownOnceWhatWasHasFaded) {
  run(60s, 0.02);
  run(1s, 0);
  EXPECT_GT(memory_.upper(2), 0.015);
  run(60s, 0);
  EXPECT_LT(memory_.upper(2), 0.001);
}

TEST_F(LossMemoryTest, ARiseThatIsOverIsForgottenAtOnce) {
  run(60s, 0);
  run(200ms, 0.3);
  EXPECT_GT(memory_.lower(2), 0.15);
  run(kLeastPatience - 100ms, 0);
  EXPECT_GT(memory_.lower(2), 0.05);
  run(200ms, 0);
  EXPECT_LT(memory_.upper(2), 1e-3);
  EXPECT_EQ(memory_.recoveries(), 1U);
}

TEST_F(LossMemoryTest, WhatWasKnownBeforeARiseCountsAgainAfterIt) {
  run(60s, 0.005);
  const std::uint64_t recoveries = memory_.recoveries();
  run(200ms, 0.3);
  EXPECT_GT(memory_.lower(2), 0.1);
  run(1s, 0.005);
  EXPECT_GT(memory_.recoveries(), recoveries);
  EXPECT_GT(memory_.lower(2), 0.003);
  EXPECT_LT(memory_.upper(2), 0.007);
}

TEST_F(LossMemoryTest, ARiseIsRememberedForAsLongAsItLasted) {
  run(60s, 0);
  run(3s, 0.1);
  run(2s, 0);
  EXPECT_GT(memory_.lower(2), 0.02);
  run(1500ms, 0);
  EXPECT_LT(memory_.upper(2), 1e-3);
}

TEST_F(LossMemoryTest, ARiseThatComesBackAgainAndAgainIsRemembered) {
  run(60s, 0);
  for (int i = 0; i < 5; ++i) {
    run(200ms, 0.3);
    run(2s, 0);
  }
  EXPECT_LE(memory_.recoveries(), 3U);
  EXPECT_GT(memory_.lower(2), 0.02);
  // And no longer, once it is over for as long as it went on.
  run(20s, 0);
  EXPECT_LT(memory_.upper(2), 1e-3);
}

TEST_F(LossMemoryTest, FewSymbolsDoNotShowThatARiseIsOver) {
  run(60s, 0);
  run(200ms, 0.3);
  for (int i = 0; i < 15; ++i) memory_.add(1, 0, 0, now_ += 100ms);
  EXPECT_GT(memory_.lower(2), 0.1);
  EXPECT_EQ(memory_.recoveries(), 0U);
}

TEST_F(LossMemoryTest, WhatStaysTheSameIsSeldomTakenForAChange) {
  run(600s, 0.01);
  EXPECT_LE(memory_.changes(), 60U);
}

TEST_F(LossMemoryTest, CountsThatCanNotBeAreTakenForWhatTheyCanBe) {
  memory_.add(10, 20, 30, now_ + 1s);
  EXPECT_EQ(memory_.upper(2), 1);
  EXPECT_GE(memory_.mean_run(), 1);
  memory_ = {};
  memory_.add(100, 10, 0, now_ + 1s);
  EXPECT_NEAR(memory_.mean_run(), 10, 1e-9);
}

}  // namespace
}  // namespace mptunnel
