#include "mptunnel/path/queue_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace mptunnel {
namespace {

/// A path that is given 100 packets of 1,000 bytes a second.
class QueueWatchTest : public testing::Test {
 protected:
  /// Lets so many seconds pass in which so many packets of each hundred do not leave; keeps what is said.
  void run(int seconds, std::uint64_t held_back, bool is_up = true) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      traffic_.count_sent(100 - held_back, (100 - held_back) * 1000);
      traffic_.held_back += held_back;
      if (const auto news = watch_.update(is_up, traffic_, now_)) said_.push_back(*news);
    }
  }

  TimePoint now_{100s};
  PathTraffic traffic_;
  QueueWatch watch_;
  std::vector<QueueWatch::News> said_;
};

TEST_F(QueueWatchTest, SaysOnceThatALineTakesLessAndOnceThatItTakesAll) {
  run(10, 0);
  run(4, 60);
  EXPECT_TRUE(said_.empty());
  EXPECT_FALSE(watch_.overload());
  run(60, 60);
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_FALSE(said_[0].over);
  ASSERT_TRUE(watch_.overload());
  EXPECT_DOUBLE_EQ(watch_.overload()->share, 0.6);
  EXPECT_EQ(watch_.overload()->rate_bps, 40U * 1000 * 8);
  run(10, 0);
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_TRUE(said_[1].over);
  EXPECT_FALSE(watch_.overload());
}

TEST_F(QueueWatchTest, BurstsThatLeaveInTimeAreNone) {
  for (int i = 0; i < 30; ++i) {
    run(2, 50);
    run(1, 0);
  }
  EXPECT_TRUE(said_.empty());
}

TEST_F(QueueWatchTest, AFewInAHundredAreNoneButDoNotEndOne) {
  run(60, 4);
  EXPECT_TRUE(said_.empty());
  run(10, 20);
  run(60, 4);
  EXPECT_EQ(said_.size(), 1U);
  EXPECT_TRUE(watch_.overload());
}

TEST_F(QueueWatchTest, APathThatIsNotUpStartsAfresh) {
  run(10, 60);
  EXPECT_EQ(said_.size(), 1U);
  run(1, 60, false);
  EXPECT_FALSE(watch_.overload());
  run(4, 60);
  EXPECT_EQ(said_.size(), 1U);
}

TEST_F(QueueWatchTest, CountsOfAnotherSessionAreNotCompared) {
  run(10, 60);
  traffic_ = {};
  run(4, 60);
  EXPECT_EQ(said_.size(), 1U);
  ASSERT_TRUE(watch_.overload());
  EXPECT_DOUBLE_EQ(watch_.overload()->share, 0.6);
  run(20, 0);
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_TRUE(said_[1].over);
}

}  // namespace
}  // namespace mptunnel
