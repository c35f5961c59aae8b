#include "mptunnel/engine/link/mark_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "sender_support.h"
#include "support/common/prng.h"

namespace mptunnel {
namespace {

constexpr std::uint8_t kExpedited = 46;
constexpr Duration kRound = 20ms;

/// A watch that is driven as an engine drives it, and a network that answers what `passes`.
class MarkWatchTest : public testing::Test {
 protected:
  using Passes = std::function<bool(PathId, std::uint8_t dscp)>;

  /// Packets with the DSCPs leave each 20 ms.
  void run(Duration time, std::vector<std::uint8_t> dscps = {kExpedited}) {
    const TimePoint end = now_ + time;
    for (TimePoint packet = now_; now_ < end;) {
      if (now_ >= packet) {
        for (const std::uint8_t dscp : dscps) watch_.note(dscp);
        packet = now_ + 20ms;
      }
      answer();
      if (now_ >= watch_.deadline()) step();
      ASSERT_GT(watch_.deadline(), now_) << "a deadline that does not go away";
      now_ += 1ms;
    }
  }
  void step() {
    const MarkWatch::Work work = watch_.run(paths_, {}, now_);
    for (const MarkWatch::Probe& probe : work.probes) {
      ++probes_;
      if (passes_(probe.path, probe.dscp)) answers_.emplace(now_ + kRound, probe);
    }
    for (const MarkWatch::News& news : work.news) {
      news_.push_back(news);
      last_news_ = now_;
    }
  }
  void answer() {
    while (!answers_.empty() && answers_.begin()->first <= now_) {
      watch_.on_seen(answers_.begin()->second.path, answers_.begin()->second.sequence);
      answers_.erase(answers_.begin());
    }
  }
  void drop(std::uint8_t dscp) {
    passes_ = [dscp](PathId path, std::uint8_t of) { return path != PathId{1} || of != dscp; };
  }

  MarkWatch watch_;
  PathViews paths_ = test::views_of({{0, kBaseMtu}, {1, kBaseMtu}});
  Passes passes_ = [](PathId, std::uint8_t) { return true; };
  TimePoint now_{std::chrono::hours(1)};
  std::multimap<TimePoint, MarkWatch::Probe> answers_;
  std::vector<MarkWatch::News> news_;
  TimePoint last_news_;
  std::size_t probes_ = 0;
};

TEST_F(MarkWatchTest, CostsNothingWhereNoMarkIsUsed) {
  run(1s, {0});
  EXPECT_EQ(watch_.deadline(), kNever);
  EXPECT_EQ(probes_, 0U);
}

TEST_F(MarkWatchTest, ProbesEachPathTwiceASecondWhileItIsUsed) {
  run(10s);
  EXPECT_EQ(probes_, 2 * 2 * 20U);
  run(1s, {});
  EXPECT_EQ(watch_.deadline(), kNever);
}

TEST_F(MarkWatchTest, FindsWithinTwoSecondsWhatVanishesFromTheStart) {
  drop(kExpedited);
  const TimePoint begun = now_;
  run(5s);
  ASSERT_EQ(news_.size(), 1U);
  EXPECT_EQ(news_[0].path, PathId{1});
  EXPECT_EQ(news_[0].dscp, kExpedited);
  EXPECT_FALSE(news_[0].passes);
  EXPECT_LT(last_news_ - begun, 2s);
  EXPECT_EQ(watch_.vanishing(kExpedited), PathSet::of(PathId{1}));
  EXPECT_TRUE(watch_.vanishing(34).empty());
  EXPECT_EQ(watch_.vanishing_on(PathId{1}), std::uint64_t{1} << kExpedited);
  EXPECT_EQ(watch_.vanishing_on(PathId{0}), 0U);
}

TEST_F(MarkWatchTest, FindsWithinTwoSecondsWhatVanishesLater) {
  run(10s + 10ms);
  drop(kExpedited);
  const TimePoint begun = now_;
  run(5s);
  ASSERT_EQ(news_.size(), 1U);
  EXPECT_LT(last_news_ - begun, 2s);
}

TEST_F(MarkWatchTest, TriesAgainAfterMinutes) {
  drop(kExpedited);
  run(2s);
  const std::size_t before = probes_;
  run(kMarkRetryAfter - 10s);
  EXPECT_LE(probes_ - before, 2 * 400U) << "of the other path";
  run(30s);
  EXPECT_EQ(news_.size(), 1U) << "what goes on is no news";
  passes_ = [](PathId, std::uint8_t) { return true; };
  run(kMarkRetryAfter);
  ASSERT_EQ(news_.size(), 2U);
  EXPECT_TRUE(news_[1].passes);
  EXPECT_TRUE(watch_.vanishing(kExpedited).empty());
}

TEST_F(MarkWatchTest, FindsANetworkThatPassesOneInTwenty) {
  test::Prng random(5);
  passes_ = [&](PathId path, std::uint8_t dscp) {
    return path != PathId{1} || dscp != kExpedited || random.u64() % 20 == 0;
  };
  run(10s);
  EXPECT_EQ(watch_.vanishing(kExpedited), PathSet::of(PathId{1}));
}

TEST_F(MarkWatchTest, BelievesNoLossThatHitsAllAlike) {
  for (const std::uint64_t percent : {20U, 50U, 70U}) {
    test::Prng random(percent);
    passes_ = [&](PathId, std::uint8_t) { return random.u64() % 100 >= percent; };
    run(600s);
    EXPECT_TRUE(news_.empty()) << percent << " %";
  }
}

TEST_F(MarkWatchTest, FindsItOnALossyPath) {
  test::Prng random(3);
  passes_ = [&](PathId path, std::uint8_t dscp) {
    return random.u64() % 2 == 0 && (path != PathId{1} || dscp != kExpedited);
  };
  run(5s);
  EXPECT_EQ(watch_.vanishing(kExpedited), PathSet::of(PathId{1}));
  EXPECT_EQ(news_.size(), 1U);
}

TEST_F(MarkWatchTest, DecidesNothingOfAPathThatIsDown) {
  passes_ = [](PathId, std::uint8_t dscp) { return dscp == 0; };
  run(400ms);
  paths_ = PathViews{};
  run(10s);
  EXPECT_TRUE(news_.empty());
}

TEST_F(MarkWatchTest, WatchesAFewAndLetsTheIdleGo) {
  std::vector<std::uint8_t> many;
  for (std::uint8_t dscp = 1; dscp < 64; ++dscp) many.push_back(dscp);
  run(500ms, many);
  EXPECT_EQ(probes_, std::size_t{2 * 2 * kMarksWatched});
  drop(kExpedited);
  run(1s, {});
  run(3s);
  EXPECT_EQ(news_.size(), 1U) << "it got the place of an idle one";
}

TEST_F(MarkWatchTest, AnotherWayStartsAfresh) {
  drop(kExpedited);
  run(3s);
  ASSERT_FALSE(watch_.vanishing(kExpedited).empty());
  watch_.forget(PathId{1});
  EXPECT_TRUE(watch_.vanishing(kExpedited).empty());
}

}  // namespace
}  // namespace mptunnel
