#include <gtest/gtest.h>

#include "mptunnel/engine/client_paths.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::kBackup;
using test::kMetered;
using test::kPlain;

/// Paths with these traits, all of them up, and the policy that rules them.
class StandbyPolicyTest : public testing::Test {
 protected:
  void make(const std::vector<PathTraits>& traits, std::size_t min_paths = 1) {
    policy_ = StandbyPolicy(min_paths);
    paths_ = std::vector<ClientPath>(traits.size());
    for (std::size_t i = 0; i < traits.size(); ++i) {
      paths_[i].probed.set_traits(traits[i]);
      paths_[i].probed.set_available(true);
      rise(i);
    }
  }
  void rise(std::size_t path) {
    ProbedPath& probed = paths_[path].probed;
    probed.answered(probed.probe(true, now_), now_ + 10ms);
    ASSERT_TRUE(probed.is_up());
  }
  void fall(std::size_t path) {
    ProbedPath& probed = paths_[path].probed;
    for (int i = 0; i < 3; ++i) probed.probe(true, now_);
    while (probed.state() != PathState::down) ASSERT_TRUE(probed.update(now_ + 1min));
  }
  /// The paths that changed.
  std::vector<int> update() {
    std::vector<int> changed;
    for (const PathId path : policy_.update(paths_, now_)) changed.push_back(path.value);
    return changed;
  }
  [[nodiscard]] std::vector<int> resting() const {
    std::vector<int> all;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (paths_[i].probed.is_standby()) all.push_back(static_cast<int>(i));
    }
    return all;
  }
  [[nodiscard]] Duration interval(std::size_t path) const { return paths_[path].probed.interval(true); }
  [[nodiscard]] TimePoint next_rest() const { return policy_.next_rest(paths_); }

  using Paths = std::vector<int>;
  StandbyPolicy policy_{1};
  std::vector<ClientPath> paths_;
  TimePoint now_{100s};
};

TEST_F(StandbyPolicyTest, PathsInUseAreProbedMoreOftenWhileABackupRests) {
  make({kPlain, kPlain, kBackup}, 1);
  update();
  EXPECT_EQ(interval(0), kProbeWhileBacked);
  EXPECT_EQ(interval(1), kProbeWhileBacked);
  EXPECT_EQ(interval(2), kProbeWhileStandby);
  fall(0);
  fall(1);
  update();
  for (const std::size_t path : {0U, 1U, 2U}) EXPECT_EQ(interval(path), kProbeWhileMoving);
}

TEST_F(StandbyPolicyTest, PlainPathsNeverRest) {
  make({kPlain, kPlain, kPlain});
  EXPECT_EQ(update(), Paths{});
  EXPECT_EQ(resting(), Paths{});
  EXPECT_EQ(next_rest(), kNever);
}

TEST_F(StandbyPolicyTest, BackupRestsAtOnceWhileAnotherPathIsUp) {
  make({kPlain, kBackup});
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{1});
  EXPECT_EQ(update(), Paths{}) << "said once";
  EXPECT_EQ(next_rest(), kNever);
}

TEST_F(StandbyPolicyTest, BackupCarriesDataUntilAnotherPathIsUp) {
  make({kPlain, kBackup});
  fall(0);
  EXPECT_EQ(update(), Paths{});
  EXPECT_EQ(resting(), Paths{});
}

TEST_F(StandbyPolicyTest, SuspectPathIsNotUp) {
  make({kPlain, kBackup});
  update();
  for (int i = 0; i < 2; ++i) paths_[0].probed.probe(true, now_);
  ASSERT_TRUE(paths_[0].probed.update(now_ + 1min));
  ASSERT_EQ(paths_[0].probed.state(), PathState::suspect);
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{});
}

TEST_F(StandbyPolicyTest, CalledInBackupRestsOnceTheOthersHaveBeenUpForLong) {
  make({kPlain, kBackup});
  update();
  fall(0);
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{});
  EXPECT_EQ(next_rest(), kNever) << "time alone changes nothing";
  now_ += 1min;
  rise(0);
  const TimePoint rose = now_;
  EXPECT_EQ(update(), Paths{});
  EXPECT_EQ(next_rest(), rose + kRestAfter);
  now_ = rose + kRestAfter - 1ns;
  EXPECT_EQ(update(), Paths{});
  now_ = rose + kRestAfter;
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{1});
  EXPECT_EQ(next_rest(), kNever);
}

TEST_F(StandbyPolicyTest, BreakStartsTheWaitAnew) {
  make({kPlain, kBackup});
  update();
  fall(0);
  update();
  rise(0);
  update();
  now_ += kRestAfter - 1ns;
  fall(0);
  EXPECT_EQ(update(), Paths{});
  EXPECT_EQ(next_rest(), kNever);
  now_ += 1s;
  rise(0);
  update();
  EXPECT_EQ(next_rest(), now_ + kRestAfter);
  now_ += kRestAfter - 1ns;
  EXPECT_EQ(update(), Paths{});
}

TEST_F(StandbyPolicyTest, BackupsAreCalledBeforeMeteredPaths) {
  make({kPlain, kMetered, kBackup});
  // Those that cost by the byte are decided last.
  EXPECT_EQ(update(), (Paths{2, 1}));
  fall(0);
  EXPECT_EQ(update(), Paths{2});
  EXPECT_EQ(resting(), Paths{1});
  fall(2);
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{});
}

TEST_F(StandbyPolicyTest, PathThatIsBothCountsAsMetered) {
  make({kPlain, PathTraits{.backup = true, .metered = true}, kBackup});
  update();
  fall(0);
  EXPECT_EQ(update(), Paths{2});
}

TEST_F(StandbyPolicyTest, AsManyCarryDataAsAreWanted) {
  make({kPlain, kBackup, kBackup, kMetered}, 2);
  EXPECT_EQ(update(), (Paths{2, 3})) << "the first backup makes up the two";
  fall(0);
  EXPECT_EQ(update(), Paths{2});
  fall(2);
  EXPECT_EQ(update(), Paths{3});
  EXPECT_EQ(resting(), Paths{});
}

TEST_F(StandbyPolicyTest, WithoutAMinimumAllReservesRest) {
  make({kBackup, kMetered}, 0);
  EXPECT_EQ(update(), (Paths{0, 1}));
}

TEST_F(StandbyPolicyTest, UnavailablePathIsLeftAlone) {
  make({kPlain, kBackup});
  paths_[1].probed.set_available(false);
  EXPECT_EQ(update(), Paths{});
  EXPECT_EQ(resting(), Paths{});
  paths_[1].probed.set_available(true);
  EXPECT_EQ(update(), Paths{1});
}

TEST_F(StandbyPolicyTest, CalledInPathThatIsUnavailableHasNoRestToWaitFor) {
  make({kPlain, kBackup});
  update();
  fall(0);
  update();
  rise(0);
  update();
  ASSERT_NE(next_rest(), kNever);
  paths_[1].probed.set_available(false);
  EXPECT_EQ(next_rest(), kNever);
}

TEST_F(StandbyPolicyTest, PathThatStartsAnewNeedNotProveTheOthers) {
  make({kPlain, kBackup});
  update();
  fall(0);
  ASSERT_EQ(update(), Paths{1});
  rise(0);
  ASSERT_EQ(update(), Paths{});
  policy_.reset(PathId{1});
  EXPECT_EQ(next_rest(), kNever);
  EXPECT_EQ(update(), Paths{1});
  EXPECT_EQ(resting(), Paths{1});
}

}  // namespace
}  // namespace mptunnel
