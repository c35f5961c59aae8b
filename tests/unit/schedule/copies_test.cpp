#include "mptunnel/schedule/copies.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

constexpr TimePoint kNow{100s};

TEST(CopiesScheduler, EachDatagramGoesToAllPathsAtOnce) {
  CopiesScheduler scheduler;
  PathViews views;
  views.add(PathId{0}, {PathState::up, 1472, 10ms});
  views.add(PathId{7}, {PathState::suspect, kLeastMtu, 900ms});
  views.add(PathId{31}, {PathState::fresh, kBaseMtu, {}});
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1000}, kMaxPacketBytes}) {
    const Decision decision = scheduler.choose(views, {bytes, FlowHandle{1}, 46}, kNow);
    EXPECT_EQ(decision.paths, PathSet::of(PathId{0}, PathId{7}, PathId{31}));
    EXPECT_TRUE(decision.is_to_leave(kNow));
  }
}

TEST(CopiesScheduler, WithoutAPathNothingLeaves) {
  CopiesScheduler scheduler;
  EXPECT_FALSE(scheduler.choose({}, {}, kNow).is_to_leave(kNow));
}

TEST(Decision, LeavesOnceItsTimeHasComeAndItHasAPath) {
  const PathSet paths = PathSet::first(1);
  EXPECT_TRUE((Decision{paths, {}}.is_to_leave(kNow)));
  EXPECT_TRUE((Decision{paths, kNow}.is_to_leave(kNow)));
  EXPECT_FALSE((Decision{paths, kNow + 1ns}.is_to_leave(kNow)));
  EXPECT_FALSE((Decision{{}, kNow}.is_to_leave(kNow)));
}

}  // namespace
}  // namespace mptunnel
