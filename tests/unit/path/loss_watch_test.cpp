#include "mptunnel/path/loss_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace mptunnel {
namespace {

/// A path of 50 packets a second each way.
class LossWatchTest : public testing::Test {
 protected:
  /// Lets so many seconds pass in which these shares get lost; keeps what is said.
  void run(int seconds, double lost_out, double lost_in, bool is_up = true, std::uint64_t packets = 50) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      traffic_.out +=
          {packets, packets - static_cast<std::uint64_t>(lost_out * static_cast<double>(packets))};
      traffic_.in += {packets, packets - static_cast<std::uint64_t>(lost_in * static_cast<double>(packets))};
      const LossWatch::Verdicts verdicts = watch_.update(is_up, traffic_, now_);
      for (std::size_t way = 0; way < 2; ++way) {
        if (verdicts[way]) said_[way].push_back(*verdicts[way]);
      }
    }
  }

  TimePoint now_{100s};
  PathTraffic traffic_;
  LossWatch watch_;
  std::array<std::vector<LossWatch::News>, 2> said_;
};

TEST_F(LossWatchTest, SaysWhatIsLostInEachDirectionOnceAndWhenItIsOver) {
  for (const std::size_t way : {0U, 1U}) {
    run(10, 0, 0);
    EXPECT_TRUE(said_[way].empty());
    run(20, way == 0 ? 0.7 : 0, way == 1 ? 0.7 : 0);
    ASSERT_EQ(said_[way].size(), 1U);
    EXPECT_GT(said_[way][0].share, kLossSaid);
    EXPECT_FALSE(said_[way][0].over);
    run(20, 0, 0);
    ASSERT_EQ(said_[way].size(), 2U);
    EXPECT_TRUE(said_[way][1].over);
    EXPECT_EQ(said_[1 - way].size(), way == 0 ? 0U : 2U);
  }
}

TEST_F(LossWatchTest, NeedsSecondsOfIt) {
  run(10, 0, 0);
  run(2, 1, 1);
  run(10, 0, 0);
  EXPECT_TRUE(said_[0].empty() && said_[1].empty());
}

TEST_F(LossWatchTest, AMomentThatLosesMostOfAQuietPathIsNoNews) {
  // A NAT forgets the mapping of a path that is idle but for PINGs: all of one second, in which much is sent.
  run(10, 0, 0, true, 1);
  run(1, 1, 1, true, 60);
  run(1, 0, 0, true, 5);
  run(10, 0, 0, true, 1);
  EXPECT_TRUE(said_[0].empty() && said_[1].empty());
}

TEST_F(LossWatchTest, HalfIsNotMoreThanHalfAndAThirdIsNotOver) {
  run(60, 0.5, 0.5);
  EXPECT_TRUE(said_[0].empty() && said_[1].empty());
  run(10, 0.8, 0);
  run(60, 0.34, 0);
  EXPECT_EQ(said_[0].size(), 1U);
}

TEST_F(LossWatchTest, FewPacketsSayNothing) {
  run(60, 1, 1, true, 3);
  EXPECT_TRUE(said_[0].empty() && said_[1].empty());
}

TEST_F(LossWatchTest, WhatAnOutageLostIsNoNews) {
  run(10, 0, 0);
  for (int i = 0; i < 5; ++i) {
    run(4, 1, 1, false);
    run(1, 1, 1);
    run(10, 0, 0);
  }
  EXPECT_TRUE(said_[0].empty() && said_[1].empty());
}

TEST_F(LossWatchTest, CountsThatWereForgedSayNothing) {
  run(10, 0, 0);
  traffic_.voided = true;
  run(20, 0, 0.7);
  EXPECT_TRUE(said_[1].empty());
}

}  // namespace
}  // namespace mptunnel
