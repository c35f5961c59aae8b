#include "mptunnel/engine/link/delay_line.h"

#include <gtest/gtest.h>

#include <string>

#include "link_support.h"
#include "some_values.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kEpoch;
using test::kSession;
using test::kStart;

constexpr PathId kPrompt{0};
constexpr PathId kLate{1};
constexpr PathId kLater{5};

class DelayLineTest : public testing::Test {
 protected:
  DelayLineTest() {
    line_.set(kLate, 100ms);
    line_.set(kLater, 250ms);
  }
  PathSet take(const std::string& packet, PathSet to, TimePoint now = kStart) {
    return line_.take(bytes_of(packet), to, line_.least_of(to), {46, Ecn::ect1}, kEpoch, now);
  }
  /// What leaves now, as "PATH:BYTES" with blanks between.
  std::string release(TimePoint now) {
    Output out;
    line_.release(may_, out, kSession, now);
    return text_of(out);
  }
  static std::string text_of(const Output& out) {
    std::string text;
    for (const PacketRun& run : out.runs) {
      EXPECT_EQ(run.session, kSession);
      EXPECT_EQ(run.epoch, kEpoch);
      EXPECT_EQ(run.marks, (Marks{46, Ecn::ect1}));
      EXPECT_EQ(run.paths.size(), 1U);
      const ConstBytes bytes = out.bytes_of(run);
      text +=
          std::to_string((*run.paths.begin()).value) + ":" + std::string(bytes.begin(), bytes.end()) + " ";
    }
    return text;
  }

  QueueBudget budget_;
  PathSet may_ = PathSet::all();
  DelayLine line_{budget_};
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

TEST_F(DelayLineTest, PartOfADatagramGoesByTheLeastDelayOfAllPathsThatGetTheDatagram) {
  EXPECT_EQ(line_.least_of(PathSet::of(kPrompt, kLate, kLater)), 0ms);
  EXPECT_EQ(line_.least_of(PathSet::of(kLate, kLater)), 100ms);
  const auto packet = bytes_of("a");
  EXPECT_TRUE(line_.take(packet, PathSet::of(kLate), 0ms, {46, Ecn::ect1}, kEpoch, kStart).empty());
  EXPECT_EQ(release(kStart + 99ms), "");
  EXPECT_EQ(release(kStart + 100ms), "1:a ");
}

TEST_F(DelayLineTest, WhatIsForAPathThatIsGoneIsMissed) {
  take("a", PathSet::of(kPrompt, kLate, kLater));
  may_ = PathSet::of(kLater);
  EXPECT_EQ(release(kStart + 250ms), "5:a ");
  EXPECT_EQ(line_.take_missed(), 1U);
  EXPECT_EQ(line_.bytes(), 0U);
}

TEST_F(DelayLineTest, SharesABudgetWithAllThatWait) {
  QueueBudget budget(10 * (100 + kQueueRecordBytes));
  DelayLine one(budget);
  DelayLine other(budget);
  const std::string packet(100, 'x');
  const auto fill = [&](DelayLine& line, int packets) {
    line.set(kLate, 100ms);
    for (int i = 0; i < packets; ++i)
      line.take(bytes_of(packet), PathSet::of(kPrompt, kLate), 0ms, {}, kEpoch, kStart);
  };
  fill(one, 10);
  EXPECT_EQ(one.take_missed(), 0U);
  fill(other, 2);
  EXPECT_GE(one.take_missed(), 2U) << "whoever holds most gives up its oldest";
  EXPECT_EQ(other.take_missed(), 0U);
  EXPECT_LE(budget.bytes(), 10 * (100 + kQueueRecordBytes));
  Output out;
  other.release(PathSet::all(), out, kSession, kStart + 100ms);
  EXPECT_EQ(out.runs.at(0).count, 2U);
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
