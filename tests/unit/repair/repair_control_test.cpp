#include "mptunnel/repair/repair_control.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "code_trial.h"

namespace mptunnel {
namespace {

using test::CodeTrial;
using test::kRepairStart;

constexpr double kDense = 5000;  ///< symbols a second
constexpr double kBits = 1200 * 8;

RepairPlan plan_for(const RepairSettings& settings, const LossModel& model, double symbols_per_second) {
  return RepairControl::plan_for(settings, model, symbols_per_second, symbols_per_second * kBits);
}

struct PlanRow {
  const char* name;
  LossModel model;
  double symbols_per_second;
  double residual;        ///< the target
  double most_overhead;   ///< that may be needed for it
  std::uint64_t symbols;  ///< of the trial
};
class RepairPlans : public testing::TestWithParam<PlanRow> {};

/// The plan reaches the target with the real encoder and decoder, and the next lower rate is not computed to.
TEST_P(RepairPlans, ReachTheTargetByAsLittleAsDoes) {
  const PlanRow& row = GetParam();
  RepairSettings settings;
  settings.residual = row.residual;
  const RepairPlan plan = plan_for(settings, row.model, row.symbols_per_second);
  ASSERT_TRUE(plan.is_on());
  EXPECT_LE(plan.residual, row.residual);
  EXPECT_LE(plan.rate.share(), row.most_overhead);
  const auto real = CodeTrial(row.model, plan.rate, plan.horizon, plan.window, 1).run(row.symbols);
  EXPECT_LE(real.residual, row.residual * 1.5) << real.residual;
  // A quarter less would not do, or not cover each symbol by half the delay.
  const RepairRate lower{plan.rate.repairs * 3, plan.rate.sources * 4};
  if (lower.share() >= 2.0 / static_cast<double>(plan.horizon)) {
    EXPECT_GT(residual_loss(row.model, lower, plan.horizon), row.residual);
  }
  RecordProperty("overhead", std::to_string(plan.rate.share()));
}

INSTANTIATE_TEST_SUITE_P(
    Losses, RepairPlans,
    testing::Values(PlanRow{"OneInThousand", {1e-3, 1, 0}, kDense, 1e-5, 0.05, 2'000'000},
                    PlanRow{"EightInThousand", {8e-3, 1, 0}, kDense, 1e-4, 0.08, 1'000'000},
                    PlanRow{"OneInTen", {0.1, 1, 0}, kDense, 1e-4, 0.34, 500'000},
                    PlanRow{"OneInTenByAPath", {0.1, 1, 0.05}, kDense, 1e-4, 0.5, 500'000},
                    PlanRow{"Bursts", {5e-3, 5, 0}, kDense, 1e-4, 0.34, 1'000'000},
                    PlanRow{"SparseOfThreePaths", {1e-3, 1, 0}, 2000, 1e-5, 0.13, 2'000'000}),
    [](const auto& row) { return std::string(row.param.name); });

/// Neither more of it nor less, however long that lasts.
TEST(RepairControl, WhatWasKnownStaysInAnOverrun) {
  RepairControl control{{}};
  LossReport report;
  report.symbols_per_second = kDense;
  report.bits_per_second = kDense * kBits;
  TimePoint now = kRepairStart;
  for (int i = 0; i < 100; ++i) {
    report.sent = 500;
    report.lost = report.runs = 5;
    control.observe(report, now += 100ms);
  }
  ASSERT_TRUE(control.plan().is_on());
  const RepairRate rate = control.plan().rate;
  LossReport overrun = report;
  overrun.sent = overrun.lost = overrun.runs = 0;
  overrun.is_overrun = true;
  for (int i = 0; i < 6000; ++i) {
    control.observe(overrun, now += 100ms);
    ASSERT_EQ(control.plan().rate, rate) << i;
  }
  report.lost = report.runs = 0;
  for (int i = 0; i < 3000; ++i) control.observe(report, now += 100ms);
  EXPECT_FALSE(control.plan().is_on());
}

/// 50 datagrams of 160 bytes a second.
TEST(RepairControl, ASparseFlowGetsLateCopies) {
  const double bits = 50 * 160 * 8;
  auto plan = RepairControl::plan_for({}, {1e-3, 1, 0}, 50, bits);
  EXPECT_EQ(plan.horizon, 1U);
  EXPECT_EQ(plan.rate, (RepairRate{1, 1}));
  EXPECT_LE(plan.residual, 1e-5);
  // Over one path of 10 %, where even three do not reach the target.
  plan = RepairControl::plan_for({}, {0.1, 1, 0}, 50, bits);
  EXPECT_EQ(plan.rate, (RepairRate{3, 1}));
  EXPECT_LT(plan.residual, 2e-4);
  EXPECT_GE(plan.window, kLeastWindow);
}

TEST(RepairControl, StaysWithinItsBudget) {
  for (const double budget : {0.1, 0.3, 0.5, 1.0}) {
    RepairSettings settings;
    settings.budget = budget;
    for (const double loss : {1e-3, 0.03, 0.1, 0.2, 0.3}) {
      for (const double rate : {20.0, 100.0, 150.0, 500.0, 5000.0, 50000.0}) {
        const auto plan = plan_for(settings, {loss, 1, 0}, rate);
        EXPECT_LE(plan.rate.share(), budget) << budget << " " << loss << " " << rate;
        EXPECT_LE(plan.residual, plan.loss);
      }
    }
  }
}

/// Large datagrams, few a second: no horizon is so short that nothing is repaired.
TEST(RepairControl, RepairsAtEachRateOfSymbols) {
  for (double rate = 10; rate < 100'000; rate *= 1.2) {
    const auto plan = plan_for({}, {0.01, 1, 0}, rate);
    EXPECT_TRUE(plan.is_on()) << rate;
    EXPECT_LT(plan.residual, plan.loss * 0.65) << rate;
  }
}

TEST(RepairControl, SendsNothingThatHelpsNothing) {
  EXPECT_FALSE(plan_for({}, {0.95, 1, 0}, kDense).is_on());
  EXPECT_FALSE(plan_for({}, {0.01, 1, 1}, kDense).is_on());
  EXPECT_FALSE(plan_for({}, {1, 1, 0}, kDense).is_on());
  // Outages much longer than the horizon.
  EXPECT_FALSE(plan_for({}, {0.01, 5000, 0}, kDense).is_on());
}

TEST(RepairControl, NothingBelowTheTarget) {
  EXPECT_FALSE(plan_for({}, {1e-5, 1, 0}, kDense).is_on());
  EXPECT_FALSE(plan_for({}, {0, 1, 0}, kDense).is_on());
}

TEST(RepairControl, AFixedRateIsOnAlways) {
  for (const double share : {0.01, 0.05, 0.25, 0.5, 1.0, 2.0}) {
    RepairSettings settings;
    settings.fixed = share;
    RepairControl control(settings);
    control.observe({1000, 0, 0, 0, 0, kDense, kDense * kBits}, kRepairStart);
    EXPECT_NEAR(control.plan().rate.share(), share, share * 0.01);
    EXPECT_GE(control.plan().budget, share);
    control.observe({1000, 500, 200, 0, 0, kDense, kDense * kBits}, kRepairStart + 1s);
    EXPECT_NEAR(control.plan().rate.share(), share, share * 0.01);
  }
}

/// What its symbols cost is that: a multiplication for each byte of the window.
TEST(RepairControl, AFixedRateHasTheShortestWindowThatDoes) {
  RepairSettings settings;
  settings.fixed = 0.05;
  EXPECT_EQ(plan_for(settings, {0, 1, 0}, 50'000).window, 40U);
  for (const double loss : {1e-3, 0.01, 0.03}) {
    const RepairPlan plan = plan_for(settings, {loss, 1, 0}, 50'000);
    EXPECT_EQ(plan.horizon, kMostHorizon) << loss;
    EXPECT_GE(plan.window, 40U) << loss;
    EXPECT_LE(plan.window, kMostHorizon) << loss;
    const double whole = residual_loss({plan.loss, 1, 0}, plan.rate, kMostHorizon);
    EXPECT_LE(plan.residual, std::max(settings.residual, whole * kNearLeast)) << loss;
  }
  EXPECT_EQ(plan_for(settings, {0.01, 1, 0}, 50'000).window, kMostHorizon) << "all that helps";
}

/// A flow with reports every 20 ms.
class RepairControlTest : public testing::Test {
 protected:
  void run(Duration span, double loss, double expected = 0) {
    for (const TimePoint end = now_ + span; now_ < end;) {
      now_ += 20ms;
      const auto sent = static_cast<std::uint64_t>(rate_ / 50);
      const double mean = static_cast<double>(sent) * loss;
      const auto lost = mean > 0 ? std::poisson_distribution<std::uint64_t>(mean)(engine_) : 0;
      control_.observe({sent, lost, lost, expected, 0, rate_, rate_ * kBits}, now_);
      most_ = std::max(most_, share());
    }
  }
  [[nodiscard]] double share() const { return control_.plan().rate.share(); }

  std::mt19937_64 engine_{1};
  double rate_ = kDense;
  TimePoint now_ = kRepairStart;
  RepairControl control_{RepairSettings{}};
  double most_ = 0;
};

TEST_F(RepairControlTest, IsOffOnCleanPaths) {
  run(120s, 0);
  EXPECT_EQ(most_, 0);
}

TEST_F(RepairControlTest, OneLossInAHundredThousandIsNone) {
  run(20s, 0);
  control_.observe({100, 1, 1, 0, 0, rate_, rate_ * kBits}, now_ += 20ms);
  EXPECT_FALSE(control_.plan().is_on());
}

TEST_F(RepairControlTest, RisesWithin200msOfAChange) {
  for (const double loss : {8e-3, 0.03, 0.1}) {
    control_ = RepairControl{RepairSettings{}};
    run(60s, 0);
    EXPECT_EQ(share(), 0);
    run(200ms, loss);
    EXPECT_GE(share(), 0.7 * plan_for({}, {loss, 1, 0}, rate_).rate.share()) << loss;
  }
}

TEST_F(RepairControlTest, FallsSlowlyAndToNothing) {
  run(30s, 0.03);
  const double before = share();
  EXPECT_GT(before, 0.1);
  run(1s, 0);
  EXPECT_GT(share(), before / 2);
  run(120s, 0);
  EXPECT_EQ(share(), 0);
}

/// As when a queue on the way was full for a moment.
TEST_F(RepairControlTest, FallsAtOnceWhenARiseIsOver) {
  run(60s, 0);
  run(200ms, 0.3);
  const double risen = share();
  ASSERT_GT(risen, 0.3);
  run(kLeastPatience - 100ms, 0);
  EXPECT_GT(share(), risen / 2);
  run(200ms, 0);
  EXPECT_EQ(share(), 0);
}

/// Repair of a sparse flow costs a large share, and that is not what bulk is to begin with.
TEST_F(RepairControlTest, FallsAtOnceWhenTrafficGetsDenser) {
  const auto observe = [this](double per_second) {
    control_.observe({0, 0, 0, 0.05, 0, per_second, per_second * kBits / 8}, now_);
    return share();
  };
  const double sparse = observe(30);
  ASSERT_GT(sparse, 1);
  now_ += 200ms;
  const double dense = observe(kDense);
  EXPECT_EQ(dense, plan_for({}, {0.05, 1, 0}, kDense).rate.share());
  EXPECT_LT(dense, sparse / 4);
}

/// The need ends at once, for nothing was counted yet.
TEST_F(RepairControlTest, FallsByStepsOnceLessHasDoneForAWhile) {
  const auto observe = [this](double expected) {
    control_.observe({0, 0, 0, expected, 0, rate_, rate_ * kBits}, now_);
    return share();
  };
  const double risen = observe(0.05);
  ASSERT_GT(risen, 0);
  now_ += kFallAfter - 1ns;
  EXPECT_EQ(observe(0), risen);
  now_ += 1ns;
  double before = observe(0);
  EXPECT_LT(before, risen);
  EXPECT_GT(before, risen * 0.7);
  while (before > 0) {
    now_ += kFallStep - 1ns;
    ASSERT_EQ(observe(0), before);
    now_ += 1ns;
    const double after = observe(0);
    ASSERT_LT(after, before);
    before = after;
  }
  // And up at once.
  EXPECT_EQ(observe(0.05), risen);
}

TEST_F(RepairControlTest, HoldsItsRateWhileNothingChanges) {
  run(10s, 0.01);
  const double needed = plan_for({}, {0.01, 1, 0}, rate_).rate.share();
  double least = 1;
  most_ = 0;
  double sum = 0;
  for (int i = 0; i < 600; ++i) {
    run(100ms, 0.01);
    least = std::min(least, share());
    sum += share();
  }
  EXPECT_GE(least, needed * 0.99);
  EXPECT_LE(most_, 3 * needed);
  EXPECT_LE(sum / 600, 1.7 * needed);
}

TEST_F(RepairControlTest, BelievesWhatThePathsPromiseUntilItIsRefuted) {
  run(20ms, 0, 1e-3);
  EXPECT_GE(share(), plan_for({}, {1e-3, 1, 0}, rate_).rate.share());
  run(60s, 0, 1e-3);
  EXPECT_LT(control_.plan().loss, 1e-4);
}

/// Three paths of 10 %, 50 datagrams a second: a loss by all every 20 s.
TEST_F(RepairControlTest, ASparseFlowIsRepairedByWhatItsPathsPromise) {
  rate_ = 50;
  for (int i = 0; i < 3000; ++i) {
    now_ += 20ms;
    const std::uint64_t lost = i % 1000 == 500 ? 1 : 0;
    control_.observe({1, lost, lost, 1e-3, 0, 50, 50 * 160 * 8}, now_);
    ASSERT_GE(share(), 1) << i;
  }
}

}  // namespace
}  // namespace mptunnel
