#include "mptunnel/schedule/earliest_arrival.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{100s};
constexpr std::size_t kBytes = 1000;
constexpr PathId kFast{0};
constexpr PathId kSlow{1};

/// Megabytes a second: a packet each so many milliseconds.
EarliestArrival::Path path(double mbytes, Duration delay) {
  return {mbytes * 1e6, delay};
}

TEST(EarliestArrival, HasNoChoiceWithoutAPath) {
  EarliestArrival choice;
  EXPECT_FALSE(choice.choose(kBytes, kStart));
  EXPECT_EQ(choice.retry_at(), kNever);
}

TEST(EarliestArrival, TakesTheFasterPathWhileItIsFree) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 10ms), kStart);
  choice.set(kSlow, path(10, 11500us), kStart);
  for (int i = 0; i < 10; ++i) {
    const TimePoint now = kStart + i * 1ms;
    const auto chosen = choice.choose(kBytes, now);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->path, kFast) << i;
    EXPECT_TRUE(chosen->is_at_once);
    choice.charge(kFast, kBytes, now);
  }
}

TEST(EarliestArrival, TakesTheSlowerOneWhereThatArrivesSooner) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 10ms), kStart);
  choice.set(kSlow, path(1, 15ms), kStart);
  std::vector<PathId> paths;
  // The fast path takes 5 packets ahead, each for 1 ms, until the slow one is as soon.
  for (int i = 0; i < 8; ++i) {
    const auto chosen = choice.choose(kBytes, kStart);
    ASSERT_TRUE(chosen) << i;
    paths.push_back(chosen->path);
    if (chosen->is_at_once) {
      choice.charge(chosen->path, kBytes, kStart);
    } else {
      choice.queue(chosen->path, kBytes);
    }
  }
  EXPECT_EQ(std::count(paths.begin(), paths.begin() + 5, kSlow), 0);
  EXPECT_GE(std::count(paths.begin(), paths.end(), kSlow), 1);
}

TEST(EarliestArrival, GivesPathsNoMoreThanTheyNeedAhead) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 10ms), kStart);
  choice.charge(kFast, 3 * kBytes, kStart);
  std::size_t count = 0;
  while (choice.choose(kBytes, kStart)) {
    choice.queue(kFast, kBytes);
    ASSERT_LT(++count, 10U);
  }
  EXPECT_LE(count, 2U);
  EXPECT_GT(choice.retry_at(), kStart);
  EXPECT_LE(choice.retry_at(), kStart + 3ms);
}

TEST(EarliestArrival, LetsALargePacketOntoAFreePath) {
  EarliestArrival choice;
  choice.set(kFast, path(0.01, 10ms), kStart);
  const auto chosen = choice.choose(60'000, kStart);
  ASSERT_TRUE(chosen);
  EXPECT_TRUE(chosen->is_at_once);
}

TEST(EarliestArrival, PacesWithABurstAfterAPause) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 0ms), kStart);
  for (int i = 0; i < 10; ++i) choice.charge(kFast, kBytes, kStart);
  EXPECT_EQ(choice.next(kFast), kStart + 10ms);
  EXPECT_FALSE(choice.may_leave(kFast, kStart + 9ms));
  EXPECT_TRUE(choice.may_leave(kFast, kStart + 10ms));
  choice.charge(kFast, kBytes, kStart + 1s);
  EXPECT_EQ(choice.next(kFast), kStart + 1s - EarliestArrival::kBurst + 1ms);
}

TEST(EarliestArrival, WhatDidNotLeaveIsNotCharged) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 0ms), kStart);
  for (int i = 0; i < 10; ++i) choice.charge(kFast, kBytes, kStart);
  choice.refund(kFast, 4 * kBytes);
  EXPECT_EQ(choice.next(kFast), kStart + 6ms);
}

TEST(EarliestArrival, OwesForATenthOfASecondAtMost) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 0ms), kStart);
  for (int i = 0; i < 1000; ++i) choice.charge(kFast, kBytes, kStart);
  EXPECT_EQ(choice.next(kFast), kStart + EarliestArrival::kMostDebt);
  // One packet that takes longer is paid for whole.
  choice.set(kSlow, path(0.001, 0ms), kStart);
  choice.charge(kSlow, kBytes, kStart);
  EXPECT_EQ(choice.next(kSlow), kStart + 1s);
}

TEST(EarliestArrival, ForgetsWhatAPathOwedOnceItComesBack) {
  EarliestArrival choice;
  choice.set(kFast, path(1, 0ms), kStart);
  choice.charge(kFast, 1000 * kBytes, kStart);
  choice.keep(PathSet{});
  EXPECT_TRUE(choice.usable().empty());
  choice.forget(kFast);
  choice.set(kFast, path(1, 0ms), kStart + 10ms);
  EXPECT_TRUE(choice.may_leave(kFast, kStart + 10ms));
}

/// A queue that is never empty, over paths in virtual time.
struct Flood {
  struct Line {
    double mbytes;
    Duration delay;
  };
  std::vector<double> carried;  ///< of each path, megabytes a second
  Duration late{};              ///< by how much a packet arrived behind one that was taken later, at most
  std::size_t packets = 0;
  Duration longest{};  ///< from when it was taken until it arrived

  Flood(const std::vector<Line>& lines, Duration span) {
    EarliestArrival choice;
    struct Taken {
      std::size_t number;
      TimePoint since;
    };
    std::vector<std::deque<Taken>> queues(lines.size());
    std::vector<std::pair<TimePoint, std::size_t>> arrivals;
    carried.resize(lines.size());
    const auto id = [](std::size_t i) { return PathId{static_cast<std::uint8_t>(i)}; };
    const auto leave = [&](std::size_t i, const Taken& taken, TimePoint now) {
      choice.charge(id(i), kBytes, now);
      carried[i] += kBytes / 1e6;
      const TimePoint arrival = now + lines[i].delay;
      arrivals.emplace_back(arrival, taken.number);
      longest = std::max(longest, arrival - taken.since);
    };
    for (TimePoint now = kStart; now < kStart + span; now += 100us) {
      for (std::size_t i = 0; i < lines.size(); ++i)
        choice.set(id(i), {lines[i].mbytes * 1e6, lines[i].delay}, now);
      for (std::size_t i = 0; i < lines.size(); ++i) {
        for (; !queues[i].empty() && choice.may_leave(id(i), now); queues[i].pop_front()) {
          choice.unqueue(id(i), kBytes);
          leave(i, queues[i].front(), now);
        }
      }
      while (const auto chosen = choice.choose(kBytes, now)) {
        const Taken taken{packets++, now};
        if (chosen->is_at_once) {
          leave(chosen->path.value, taken, now);
        } else {
          choice.queue(chosen->path, kBytes);
          queues[chosen->path.value].push_back(taken);
        }
      }
    }
    std::sort(arrivals.begin(), arrivals.end(),
              [](const auto& a, const auto& b) { return a.second > b.second; });
    TimePoint of_later = kNever;
    for (const auto& [at, number] : arrivals) {
      if (at > of_later) late = std::max(late, at - of_later);
      of_later = std::min(of_later, at);
    }
    for (double& sum : carried) sum /= seconds_of(span);
  }
};

TEST(EarliestArrival, UsesTheSumOfUnequalPathsAndArrivesNearlyInOrder) {
  const Flood flood({{6.25, 10ms}, {2.5, 30ms}, {1.25, 60ms}}, 5s);
  EXPECT_NEAR(flood.carried[0], 6.25, 0.1);
  EXPECT_NEAR(flood.carried[1], 2.5, 0.05);
  EXPECT_NEAR(flood.carried[2], 1.25, 0.03);
  EXPECT_LE(flood.longest, 60ms + 5ms) << "no longer than the slowest path takes";
  EXPECT_LE(flood.late, 2ms);
}

TEST(EarliestArrival, SharesEqualPathsEvenly) {
  const Flood flood({{5, 20ms}, {5, 20ms}, {5, 20ms}}, 5s);
  for (const double carried : flood.carried) EXPECT_NEAR(carried, 5, 0.1);
  EXPECT_LE(flood.longest, 25ms);
}

}  // namespace
}  // namespace mptunnel
