#include "mptunnel/ports/mtu_follower.h"

#include <gtest/gtest.h>

#include "support/start_time.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kStart;

TEST(MtuFollower, IsTheUsualOneWhileNothingIsKnown) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  EXPECT_EQ(mtu.get(), 1400U);
  EXPECT_EQ(mtu.update(std::nullopt, kStart), 1400U);
  EXPECT_EQ(mtu.update(std::nullopt, kStart + 1h), 1400U);
}

TEST(MtuFollower, RisesOnceMoreHasFittedForAWhile) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  EXPECT_EQ(mtu.update(1433, kStart), 1400U);
  EXPECT_EQ(mtu.update(1433, kStart + 2999ms), 1400U);
  EXPECT_EQ(mtu.update(1433, kStart + 3s), 1433U);
}

TEST(MtuFollower, RisesToTheLeastThatFittedInThatTime) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  mtu.update(1433, kStart);
  mtu.update(1410, kStart + 1s);
  EXPECT_EQ(mtu.update(1433, kStart + 3s), 1410U);
}

TEST(MtuFollower, FallsOnceLessHasFittedForAWhile) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  EXPECT_EQ(mtu.update(1300, kStart), 1400U);
  EXPECT_EQ(mtu.update(1290, kStart + 4999ms), 1400U);
  EXPECT_EQ(mtu.update(1290, kStart + 5s), 1300U) << "no further than it had to in all that time";
  EXPECT_EQ(mtu.update(1290, kStart + 6s), 1300U);
  EXPECT_EQ(mtu.update(1290, kStart + 11s), 1290U);
}

TEST(MtuFollower, APathThatIsNewChangesNothing) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  // Until more is found it is taken to carry little.
  mtu.update(1160, kStart);
  mtu.update(1400, kStart + 1s);
  EXPECT_EQ(mtu.update(1160, kStart + 7s), 1400U);
  mtu.update(1433, kStart + 8s);
  EXPECT_EQ(mtu.update(1160, kStart + 10s), 1400U) << "what fitted in between begins the wait anew";
  EXPECT_EQ(mtu.update(1433, kStart + 12s), 1400U);
  EXPECT_EQ(mtu.update(1433, kStart + 15s), 1433U);
}

TEST(MtuFollower, StaysWithinItsBounds) {
  MtuFollower mtu(std::nullopt, 1280, 9000);
  mtu.update(100, kStart);
  EXPECT_EQ(mtu.update(100, kStart + 5s), 1280U);
  mtu.update(65000, kStart + 6s);
  EXPECT_EQ(mtu.update(65000, kStart + 9s), 9000U);
}

TEST(MtuFollower, FixedOneFollowsNothing) {
  MtuFollower mtu(1300, 576, 9000);
  EXPECT_TRUE(mtu.is_fixed());
  EXPECT_EQ(mtu.get(), 1300U);
  mtu.update(1000, kStart);
  EXPECT_EQ(mtu.update(1000, kStart + 10s), 1300U);
}

}  // namespace
}  // namespace mptunnel
