#include "mptunnel/schedule/fastest.h"

#include <gtest/gtest.h>

#include <vector>

namespace mptunnel {
namespace {

struct FastestRow {
  std::uint8_t path;
  Duration rtt;
  PathState state = PathState::up;
};

class FastestTest : public testing::Test {
 protected:
  /// The path that the next datagram takes.
  std::uint8_t choose(const std::vector<FastestRow>& rows) {
    PathViews views;
    for (const FastestRow& row : rows) views.add(PathId{row.path}, {row.state, 1472, row.rtt});
    const Decision decision = scheduler_.choose(views, {1000, FlowHandle{1}, 0}, kFastestNow);
    EXPECT_TRUE(decision.is_to_leave(kFastestNow));
    EXPECT_EQ(decision.paths.size(), 1U);
    return decision.paths.empty() ? 255 : (*decision.paths.begin()).value;
  }

  static constexpr TimePoint kFastestNow{100s};
  FastestScheduler scheduler_;
};

TEST_F(FastestTest, TakesTheLeastRoundTrip) {
  EXPECT_EQ(choose({{0, 40ms}, {1, 10ms}, {2, 20ms}}), 1);
}

TEST_F(FastestTest, StaysUntilAnotherIsClearlyFaster) {
  EXPECT_EQ(choose({{0, 20ms}, {1, 30ms}}), 0);
  EXPECT_EQ(choose({{0, 20ms}, {1, 15ms}}), 0) << "by a fifth and 3 ms at least";
  EXPECT_EQ(choose({{0, 22ms}, {1, 15ms}}), 1);
  EXPECT_EQ(choose({{0, 14ms}, {1, 15ms}}), 1);
}

TEST_F(FastestTest, LeavesAPathThatFailsToAnswerAtOnceAndComesBack) {
  EXPECT_EQ(choose({{0, 10ms}, {1, 50ms}}), 0);
  EXPECT_EQ(choose({{0, 10ms, PathState::suspect}, {1, 50ms}}), 1);
  EXPECT_EQ(choose({{0, 10ms}, {1, 50ms}}), 0);
}

TEST_F(FastestTest, TakesOneThatFailsToAnswerIfAllDo) {
  EXPECT_EQ(choose({{0, 20ms, PathState::suspect}, {1, 10ms, PathState::suspect}}), 1);
}

TEST_F(FastestTest, TakesAPathThatIsNotMeasuredYetIfThereIsNoOther) {
  EXPECT_EQ(choose({{3, Duration{}, PathState::fresh}}), 3);
  EXPECT_EQ(choose({{3, Duration{}, PathState::fresh}, {4, 90ms}}), 4);
}

TEST_F(FastestTest, WithoutAPathNothingLeaves) {
  EXPECT_FALSE(scheduler_.choose({}, {}, kFastestNow).is_to_leave(kFastestNow));
}

TEST(MakerOf, MakesOneOfTheModesOwn) {
  PathViews views;
  views.add(PathId{0}, {PathState::up, 1472, 10ms});
  views.add(PathId{1}, {PathState::up, 1472, 20ms});
  const auto paths_of = [&](SchedulerMode mode) {
    return maker_of(mode)()->choose(views, {1000, FlowHandle{1}, 0}, TimePoint{100s}).paths.size();
  };
  EXPECT_EQ(paths_of(SchedulerMode::copies), 2U);
  EXPECT_EQ(paths_of(SchedulerMode::fastest), 1U);
  EXPECT_EQ(paths_of(SchedulerMode::automatic), 2U) << "what is not much";
}

}  // namespace
}  // namespace mptunnel
