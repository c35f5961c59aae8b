// residual_loss() against the real encoder and decoder, and where it is known in closed form.
#include "mptunnel/repair/residual_loss.h"

#include <gtest/gtest.h>

#include <string>

#include "code_trial.h"

namespace mptunnel {
namespace {

using test::CodeTrial;

TEST(ResidualLoss, WithoutRepairIsTheLoss) {
  EXPECT_EQ(residual_loss({0.03, 1, 0}, {0, 1}, 50), 0.03);
  EXPECT_EQ(residual_loss({0, 1, 0}, {1, 20}, 50), 0);
  EXPECT_EQ(residual_loss({1, 1, 0}, {1, 20}, 50), 1);
}

/// One repair symbol behind each source symbol, and none later: it must come, and nothing before may be
/// missing.
TEST(ResidualLoss, OfCopiesIsTheProduct) {
  const LossModel model{0.001, 1, 0};
  EXPECT_NEAR(residual_loss(model, {1, 1}, 1), 1e-6, 2e-8);
  EXPECT_NEAR(residual_loss(model, {2, 1}, 1), 1e-9, 2e-10);
  EXPECT_NEAR(residual_loss({0.001, 1, 0.1}, {1, 1}, 1), 0.001 * 0.1009, 1e-6);
}

TEST(ResidualLoss, FallsWithTheRateAndTheHorizon) {
  const LossModel model{0.05, 1, 0};
  double before = 0.05;
  for (const std::uint32_t sources : {30U, 20U, 15U, 10U, 8U, 6U, 5U, 4U}) {
    const double now = residual_loss(model, {1, sources}, 30);
    EXPECT_LT(now, before) << sources;
    before = now;
  }
  before = 0.05;
  for (const std::size_t horizon : {10U, 20U, 50U, 100U, 200U}) {
    const double now = residual_loss(model, {1, 12}, horizon);
    EXPECT_LT(now, before) << horizon;
    before = now;
  }
}

TEST(ResidualLoss, MoreLossThanRepairIsNotRepaired) {
  EXPECT_GT(residual_loss({0.2, 1, 0}, {1, 20}, 100), 0.15);
  EXPECT_LE(residual_loss({0.2, 1, 0}, {1, 20}, 100), 0.2);
}

TEST(ResidualLoss, BurstsNeedMore) {
  EXPECT_GT(residual_loss({0.01, 5, 0}, {1, 10}, 100), 10 * residual_loss({0.01, 1, 0}, {1, 10}, 100));
}

struct TrialRow {
  const char* name;
  LossModel model;
  RepairRate rate;
  std::size_t horizon;
  std::uint64_t symbols;
};
class ResidualLossTrial : public testing::TestWithParam<TrialRow> {};

/// The real code does as computed: not more than a third better or worse where enough is lost to tell.
TEST_P(ResidualLossTrial, IsThatOfTheRealCode) {
  const TrialRow& row = GetParam();
  const double computed = residual_loss(row.model, row.rate, row.horizon);
  const auto real = CodeTrial(row.model, row.rate, row.horizon, row.horizon, 1).run(row.symbols);
  EXPECT_NEAR(real.lost, row.model.loss, row.model.loss * 0.1);
  EXPECT_LT(real.residual, computed * 1.34);
  EXPECT_GT(real.residual, computed / 1.34);
}

INSTANTIATE_TEST_SUITE_P(Losses, ResidualLossTrial,
                         testing::Values(TrialRow{"OneInThousand", {1e-3, 1, 0}, {1, 90}, 100, 3'000'000},
                                         TrialRow{"OneInHundred", {1e-2, 1, 0}, {1, 32}, 100, 600'000},
                                         TrialRow{"EightInThousand", {8e-3, 1, 0}, {1, 40}, 100, 600'000},
                                         TrialRow{"OneInTen", {0.1, 1, 0}, {1, 6}, 100, 300'000},
                                         TrialRow{"OneInTenShort", {0.1, 1, 0}, {1, 2}, 8, 300'000},
                                         TrialRow{"TwoForThree", {0.2, 1, 0}, {2, 3}, 20, 300'000},
                                         TrialRow{"RepairsOnOnePath", {1e-2, 1, 0.1}, {1, 24}, 100, 600'000},
                                         TrialRow{"SparseOnOnePath", {0.1, 1, 0}, {2, 1}, 1, 1'000'000},
                                         TrialRow{"SparseTwoDeep", {0.1, 1, 0}, {1, 1}, 2, 1'000'000},
                                         TrialRow{"Bursts", {1e-2, 5, 0}, {1, 8}, 100, 600'000},
                                         TrialRow{"LongBursts", {0.02, 20, 0}, {1, 5}, 128, 1'000'000},
                                         TrialRow{"Overload", {0.1, 1, 0}, {1, 20}, 100, 100'000}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Wilson, BoundsAreThoseOfTheFormula) {
  // 10 of 100 at 1.96: 0.0552 to 0.1744, as in the textbook.
  EXPECT_NEAR(wilson_lower(10, 100, 1.96), 0.0552, 1e-4);
  EXPECT_NEAR(wilson_upper(10, 100, 1.96), 0.1744, 1e-4);
  EXPECT_EQ(wilson_lower(0, 0, 2), 0);
  EXPECT_EQ(wilson_upper(0, 0, 2), 1);
  EXPECT_NEAR(wilson_lower(0, 100, 2), 0, 1e-12);
  EXPECT_NEAR(wilson_upper(0, 10'000, 2), 4e-4, 1e-6);
}

}  // namespace
}  // namespace mptunnel
