#include "mptunnel/engine/link/joint_loss.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

class JointLossTest : public testing::Test {
 protected:
  LossReport report(const DataCounts& counts) {
    return losses_.on_report(counts, {paths_, queued_, traffic_}, now_ += 100ms);
  }
  /// The peer has got this many of so many more packets on this path.
  void pass(PathId path, std::uint64_t sent, std::uint64_t received) {
    traffic_[path.value].out += Arrivals{sent, received};
  }

  JointLoss losses_;
  PathTable traffic_;
  PathSet paths_ = PathSet::of(PathId{0}) | PathSet::of(PathId{1});
  PathSet queued_;
  TimePoint now_{100s};
};

TEST_F(JointLossTest, TellsWhatIsNew) {
  const auto first = report({100, 5, 3});
  EXPECT_EQ(first.sent, 100U);
  EXPECT_EQ(first.lost, 5U);
  EXPECT_EQ(first.runs, 3U);
  EXPECT_EQ(report({100, 5, 3}).sent, 0U) << "nothing is new";
  // So many reports as are compared, plus one.
  LossReport all;
  for (int i = 0; i < 9; ++i) {
    const LossReport news = report({150, 7, 4});
    all.sent += news.sent;
    all.lost += news.lost;
    all.runs += news.runs;
  }
  EXPECT_EQ(all.sent, 50U) << "and once";
  EXPECT_EQ(all.lost, 2U);
  EXPECT_EQ(all.runs, 1U);
}

// Where each goes by one path, nothing follows from what paths lose that is not counted as well; but before
// enough is, some is taken to be lost.
TEST_F(JointLossTest, OfOnePathEachSomethingIsExpectedUntilEnoughIsCounted) {
  losses_.expect_by_one();
  pass(PathId{0}, 1000, 500);
  EXPECT_DOUBLE_EQ(report({0, 0, 0}).expected_loss, JointLoss::kUnknownLoss);
  double last = JointLoss::kUnknownLoss;
  for (std::uint32_t of = 100; of <= 500; of += 50) {
    const double expected = report({of, 0, 0}).expected_loss;
    EXPECT_LE(expected, last) << of;
    last = expected;
  }
  EXPECT_EQ(last, 0);
}

TEST_F(JointLossTest, WhatASlowerPathBringsIsNotLost) {
  paths_ = PathSet::of(PathId{0});
  report({100, 0, 0});
  // By the fast path 30 seem to be missing; by the slow one they have come.
  report({200, 30, 1});
  report({190, 0, 0});
  std::uint64_t lost = report({300, 31, 2}).lost;
  for (std::uint32_t i = 0; i < 9; ++i) lost += report({300 + 10 * i, 0, 0}).lost;
  EXPECT_EQ(lost, 0U);
}

TEST_F(JointLossTest, WhatStaysMissingIsLostOnce) {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  for (std::uint32_t i = 1; i <= 40; ++i) {
    const LossReport news = report({100 * i, 2 * i, i});
    sent += news.sent;
    lost += news.lost;
  }
  EXPECT_GE(sent, 3500U);
  EXPECT_LE(sent, 4000U);
  EXPECT_NEAR(static_cast<double>(lost), static_cast<double>(sent) * 0.02, 1);
}

TEST_F(JointLossTest, NewKeysBeginAtZero) {
  report({1000, 50, 50});
  losses_.restart();
  const LossReport news = report({10, 1, 1});
  EXPECT_EQ(news.sent, 10U);
  EXPECT_EQ(news.lost, 1U);
}

TEST_F(JointLossTest, APeerThatCountsBackwardsIsNoHarm) {
  report({1000, 500, 100});
  for (const DataCounts counts :
       {DataCounts{10, 0, 0}, DataCounts{2000, 0, 7}, DataCounts{3000, 5000, 9000}}) {
    const LossReport news = report(counts);
    EXPECT_LE(news.lost, news.sent);
    EXPECT_LE(news.runs, news.lost);
  }
}

TEST_F(JointLossTest, PathsThatLoseIndependentlyLoseTheirProductTogether) {
  pass(PathId{0}, 1000, 900);
  pass(PathId{1}, 1000, 800);
  const LossReport news = report({1000, 0, 0});
  EXPECT_NEAR(losses_.of(PathId{0}), 0.1, 1e-9);
  EXPECT_NEAR(losses_.of(PathId{1}), 0.2, 1e-9);
  EXPECT_NEAR(news.expected_loss, 0.02, 1e-9);
}

TEST_F(JointLossTest, AFewPacketsSayNothingOfAPath) {
  pass(PathId{0}, 19, 0);
  report({19, 0, 0});
  EXPECT_EQ(losses_.of(PathId{0}), 0);
  pass(PathId{0}, 5, 0);
  report({24, 0, 0});
  EXPECT_GT(losses_.of(PathId{0}), 0.9);
}

TEST_F(JointLossTest, WhatAPathLostFadesOnceItLosesNothing) {
  pass(PathId{0}, 1000, 500);
  report({1000, 0, 0});
  ASSERT_NEAR(losses_.of(PathId{0}), 0.5, 1e-9);
  double before = 0.5;
  for (std::uint32_t i = 1; i <= 10; ++i) {
    now_ += 2s;
    pass(PathId{0}, 1000, 1000);
    report({1000 + 1000 * i, 0, 0});
    EXPECT_LT(losses_.of(PathId{0}), before);
    before = losses_.of(PathId{0});
  }
  EXPECT_LT(before, 0.001);
}

/// A full queue loses what is sent too much.
TEST_F(JointLossTest, WhatIsLostWhilePacketsWaitOnAllPathsSaysNothing) {
  report({1000, 0, 0});
  queued_ = paths_;
  pass(PathId{0}, 1000, 500);
  pass(PathId{1}, 1000, 500);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(report({2000, 300, 10}).sent, 0U);
  EXPECT_EQ(losses_.of(PathId{0}), 0);
  queued_ = {};
  std::uint64_t lost = 0;
  for (std::uint32_t i = 1; i < 9; ++i) lost += report({2000 + 100 * i, 300, 10}).lost;
  EXPECT_EQ(lost, 0U) << "nor later";
}

TEST_F(JointLossTest, WhatAPathWithoutAQueueLosesTooIsLost) {
  queued_ = PathSet::of(PathId{0});
  pass(PathId{0}, 1000, 500);
  pass(PathId{1}, 1000, 900);
  const LossReport news = report({1000, 50, 40});
  EXPECT_EQ(news.lost, 50U);
  EXPECT_EQ(losses_.of(PathId{0}), 0);
  EXPECT_NEAR(losses_.of(PathId{1}), 0.1, 1e-9);
}

/// Who can't keep up loses more if it gets repair symbols as well.
TEST_F(JointLossTest, WhatEitherEndsSocketsLoseIsNoLossOfPaths) {
  std::uint32_t of = 1000;
  std::uint32_t lost = 0;
  LossReport told;
  const auto run = [&](int reports, std::uint32_t lost_each) {
    told = {};
    for (int i = 0; i < reports; ++i) {
      lost += lost_each;
      const LossReport news = report({of += 1000, lost, lost});
      told.sent += news.sent;
      told.lost += news.lost;
      told.is_overrun |= news.is_overrun;
    }
  };
  run(9, 0);
  traffic_[1].peer_overrun = true;  // by the other path no report came since
  pass(PathId{0}, 1000, 500);
  run(9, 300);
  EXPECT_EQ(told.sent, 0U);
  EXPECT_TRUE(told.is_overrun);
  EXPECT_EQ(losses_.of(PathId{0}), 0);
  traffic_[1].peer_overrun = false;
  run(9, 0);
  EXPECT_EQ(told.lost, 0U) << "nor later";
  EXPECT_GE(told.sent, 5000U);
  EXPECT_FALSE(report({of, lost, lost}).is_overrun);
  // What does not leave.
  for (int i = 0; i < 9; ++i) {
    for (const PathId path : paths_) {
      traffic_[path.value].count_sent(900, 900'000);
      traffic_[path.value].unsent += 100;
    }
    run(1, 300);
    EXPECT_EQ(told.sent, 0U);
  }
  now_ += kOverrunHold;
  run(9, 0);
  EXPECT_EQ(told.lost, 0U);
  EXPECT_GE(told.sent, 5000U);
  run(9, 100);
  EXPECT_GE(told.lost, 700U) << "and what paths lose counts again";
}

TEST_F(JointLossTest, ALineThatTakesNoMoreIsNotAllPaths) {
  traffic_[0].unsent += 100;
  pass(PathId{0}, 1000, 500);
  pass(PathId{1}, 1000, 900);
  EXPECT_EQ(report({1000, 50, 40}).lost, 50U);
  EXPECT_NEAR(losses_.of(PathId{0}), 0.5, 1e-9) << "of those that left";
  EXPECT_NEAR(losses_.of(PathId{1}), 0.1, 1e-9);
}

TEST_F(JointLossTest, NoPathsLoseNothingOfWhichIsKnown) {
  paths_ = {};
  EXPECT_EQ(report({100, 0, 0}).expected_loss, 0);
}

}  // namespace
}  // namespace mptunnel
