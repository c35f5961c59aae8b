#include "mptunnel/engine/link/delay_line.h"

#include <gtest/gtest.h>

#include <string>

#include "link_support.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr PathId kPrompt{0};
constexpr PathId kLate{1};
constexpr PathId kLater{5};
constexpr SessionHandle kSession{9};
constexpr SessionIndex kEpoch{77};
constexpr TimePoint kStart = TimePoint{} + 1h;

class DelayLineTest : public testing::Test {
 protected:
  DelayLineTest() {
    line_.set(kLate, 100ms);
    line_.set(kLater, 250ms);
  }
  PathSet take(const std::string& packet, PathSet to, TimePoint now = kStart) {
    return line_.take(bytes_of(packet), to, 46, kEpoch, now);
  }
  /// What leaves now, as "PATH:BYTES" with blanks between.
  std::string release(TimePoint now) {
    Output out;
    line_.release(out, kSession, now);
    std::string text;
    for (const PacketRun& run : out.runs) {
      EXPECT_EQ(run.session, kSession);
      EXPECT_EQ(run.epoch, kEpoch);
      EXPECT_EQ(run.dscp, 46);
      EXPECT_EQ(run.paths.size(), 1U);
      const ConstBytes bytes = out.bytes_of(run);
      text +=
          std::to_string((*run.paths.begin()).value) + ":" + std::string(bytes.begin(), bytes.end()) + " ";
    }
    return text;
  }

  DelayLine line_;
};

TEST_F(DelayLineTest, CopiesLeaveAsMuchLaterAsTheirPathsAreDelayed) {
  EXPECT_EQ(take("abc", PathSet::of(kPrompt, kLate, kLater)), PathSet::of(kPrompt));
  EXPECT_EQ(line_.deadline(), kStart + 100ms);
  EXPECT_EQ(release(kStart + 99ms), "");
  EXPECT_EQ(release(kStart + 100ms), "1:abc ");
  EXPECT_EQ(line_.deadline(), kStart + 250ms);
  EXPECT_EQ(release(kStart + 250ms), "5:abc ");
  EXPECT_EQ(line_.deadline(), kNever);
  EXPECT_EQ(line_.take_missed(), 0U);
}

TEST_F(DelayLineTest, FirstCopyLeavesAtOnceWhateverItsPath) {
  EXPECT_EQ(take("a", PathSet::of(kLater)), PathSet::of(kLater));
  EXPECT_EQ(line_.deadline(), kNever);
  EXPECT_EQ(take("b", PathSet::of(kLate, kLater)), PathSet::of(kLate));
  EXPECT_EQ(release(kStart + 149ms), "");
  EXPECT_EQ(release(kStart + 150ms), "5:b ");
}

TEST_F(DelayLineTest, PacketsOfOneSizeLeaveInOneRunAndInTheirOrder) {
  for (const char* const packet : {"ab", "cd", "e"}) take(packet, PathSet::of(kPrompt, kLate));
  EXPECT_EQ(release(kStart + 101ms), "1:abcde ");
}

TEST_F(DelayLineTest, HoldsNoMoreThanItsBound) {
  const std::string packet(1000, 'x');
  const PathSet both = PathSet::of(kPrompt, kLate);
  for (std::size_t i = 0; i < kMaxDelayedBytes / packet.size(); ++i) take(packet, both);
  EXPECT_EQ(line_.take_missed(), 0U);
  EXPECT_EQ(take(packet, both), PathSet::of(kPrompt)) << "the first copy leaves all the same";
  EXPECT_EQ(line_.take_missed(), 1U);
  EXPECT_EQ(take(packet, PathSet::of(kPrompt, kLater)), PathSet::of(kPrompt));
  EXPECT_EQ(line_.take_missed(), 0U) << "each path has a bound of its own";
  release(kStart + 100ms);
  take(packet, both);
  EXPECT_EQ(line_.take_missed(), 0U);
}

TEST_F(DelayLineTest, GivesUpWhatAProgramThatStoodStillIsTooLateWith) {
  take("a", PathSet::of(kPrompt, kLate));
  EXPECT_EQ(release(kStart + 100ms + kQueueLife), "1:a ");
  take("b", PathSet::of(kPrompt, kLate));
  EXPECT_EQ(release(kStart + 101ms + kQueueLife), "");
  EXPECT_EQ(line_.take_missed(), 1U);
}

TEST_F(DelayLineTest, WhatWaitsLeavesThoughThePathHasNoDelayAnyMore) {
  take("a", PathSet::of(kPrompt, kLate));
  line_.set(kLate, 0ms);
  line_.set(kLater, 0ms);
  EXPECT_TRUE(line_.empty());
  EXPECT_EQ(release(kStart + 100ms), "1:a ");
}

}  // namespace
}  // namespace mptunnel
