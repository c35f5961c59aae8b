// A path with a queue: how its round-trip time is learnt when it grows, and when an outage comes between.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

#include "mptunnel/path/probed_path.h"
#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

/// A path that is probed as the client does it, and whose PINGs come back after the time that `rtt` says for
/// when they were sent, though in order.
class QueuedPath {
 public:
  explicit QueuedPath(std::function<Duration(Duration)> rtt) : rtt_(std::move(rtt)) {
    path.set_available(true);
  }

  void run(Duration time) {
    for (const TimePoint end = now + time; now < end; now += 1ms) {
      const PathState before = path.state();
      while (!under_way_.empty() && under_way_.front().second <= now) {
        path.answered(under_way_.front().first, now);
        under_way_.pop_front();
        changes += before == path.state() ? 0U : 1U;
      }
      if (path.update(now)) ++changes;
      if (now >= path.next_probe(true)) send();
    }
  }

  ProbedPath path;
  TimePoint now = kStart;
  bool is_lost = false;  ///< what is sent
  std::size_t changes = 0;
  std::size_t probes = 0;

 private:
  void send() {
    ++probes;
    const std::uint32_t sequence = path.probe(true, now);
    if (is_lost) return;
    TimePoint back = now + rtt_(now - kStart);
    if (!under_way_.empty()) back = std::max(back, under_way_.back().second);
    under_way_.emplace_back(sequence, back);
  }

  std::function<Duration(Duration)> rtt_;
  std::deque<std::pair<std::uint32_t, TimePoint>> under_way_;
};

/// From `least` to `most` and back, in `each` time.
std::function<Duration(Duration)> there_and_back(Duration least, Duration most, Duration each) {
  return [=](Duration age) {
    const double place = std::chrono::duration<double>(age) / std::chrono::duration<double>(each);
    const double share = place < 1 ? place : std::max(0.0, 2 - place);
    return least + std::chrono::duration_cast<Duration>((most - least) * share);
  };
}

TEST(SlowProbedPath, RoundTripThatGrowsTenfoldSlowlyAndShrinksAgainChangesNothing) {
  for (const Duration least : {2ms, 20ms, 100ms, 300ms}) {
    SCOPED_TRACE(milliseconds(least));
    QueuedPath p(there_and_back(least, 10 * least, 20s));
    p.run(1s);
    const std::size_t before = p.changes;
    p.run(19s);
    EXPECT_GE(p.path.rtt().smoothed(), 8 * least);
    p.run(30s);
    EXPECT_EQ(p.changes, before);
    EXPECT_NEAR(milliseconds(p.path.rtt().smoothed()), milliseconds(least), milliseconds(least) / 10);
  }
}

TEST(SlowProbedPath, QueueOfThreeSecondsThatIsThereAtOnceIsLearnt) {
  for (const Duration queue : {900ms, 1500ms, 3000ms}) {
    SCOPED_TRACE(milliseconds(queue));
    QueuedPath p([queue](Duration age) { return age < 5s ? Duration{20ms} : 20ms + queue; });
    p.run(5s);
    p.run(5s);
    // Suspect, down, and up with the first late answer.
    EXPECT_LE(p.changes, 4U);
    p.run(10s);
    EXPECT_LE(p.changes, 4U);
    EXPECT_EQ(p.path.state(), PathState::up);
    EXPECT_NEAR(milliseconds(p.path.rtt().smoothed()), milliseconds(20ms + queue), 10);
  }
}

TEST(SlowProbedPath, IsDownAfterThreeOfItsRoundTripsAndFastAgainOnceTheQueueHasDrained) {
  QueuedPath p([](Duration) { return Duration{2s}; });
  p.run(10s);
  p.is_lost = true;
  p.run(2s + 4s);
  EXPECT_NE(p.path.state(), PathState::down);
  p.run(4s);
  EXPECT_EQ(p.path.state(), PathState::down);

  QueuedPath drained([](Duration age) { return age < 10s ? Duration{2s} : Duration{20ms}; });
  drained.run(16s);
  drained.is_lost = true;
  drained.run(kDownAfter + 150ms);
  EXPECT_EQ(drained.path.state(), PathState::down);
}

/// A queue that begins to fill after 5 s, by 4 s of it each second, up to 4 s.
Duration filling(Duration age) {
  return 20ms + std::clamp<Duration>(4 * (age - 5s), 0s, 4s);
}

TEST(SlowProbedPath, WhoseQueueFillsIsNotDown) {
  QueuedPath p(filling);
  p.run(5s);
  const std::size_t before = p.changes;
  for (int i = 0; i < 3000; ++i) {
    p.run(10ms);
    ASSERT_NE(p.path.state(), PathState::down) << i;
  }
  EXPECT_LE(p.changes - before, 6U) << "suspect and up again";
  EXPECT_EQ(p.path.state(), PathState::up);
  EXPECT_NEAR(milliseconds(p.path.rtt().smoothed()), 4020, 100);
}

TEST(SlowProbedPath, ThatDiesWhileItsQueueFillsIsDownAfterSeconds) {
  QueuedPath p(filling);
  p.run(5100ms);
  p.is_lost = true;
  // What was sent before comes within 600 ms.
  p.run(600ms + kDownAfterQueue);
  EXPECT_EQ(p.path.state(), PathState::down);
}

TEST(SlowProbedPath, RoundTripAfterAnOutageIsLearnt) {
  QueuedPath p([](Duration age) { return age < 10s ? Duration{20ms} : Duration{2500ms}; });
  p.run(5s);
  p.is_lost = true;
  p.run(5s);
  ASSERT_EQ(p.path.state(), PathState::down);
  p.is_lost = false;
  const std::size_t before = p.changes;
  p.run(10s);
  EXPECT_EQ(p.changes, before + 1);
  EXPECT_EQ(p.path.state(), PathState::up);
  EXPECT_NEAR(milliseconds(p.path.rtt().smoothed()), 2500, 10);
}

TEST(SlowProbedPath, SuspectLeavesRoomForData) {
  QueuedPath p([](Duration) { return Duration{2s}; });
  p.run(10s);
  p.is_lost = true;
  while (p.path.state() != PathState::suspect) p.run(1ms);
  const std::size_t before = p.probes;
  p.run(1s);
  EXPECT_LE(p.probes - before, 11U);
}

TEST(SlowProbedPath, WhatAStoppedProgramAnswersAtOnceIsNoRoundTrip) {
  QueuedPath p([](Duration) { return Duration{20ms}; });
  p.run(5s);
  std::vector<std::uint32_t> sequences;
  for (int i = 0; i < 20; ++i) sequences.push_back(p.path.probe(true, p.now));
  p.now += 10s;
  for (const std::uint32_t sequence : sequences) ASSERT_TRUE(p.path.answered(sequence, p.now));
  EXPECT_NEAR(milliseconds(p.path.rtt().smoothed()), 20, 1);
  // Nor is anybody waited for who is asked after it.
  p.is_lost = true;
  p.run(kDownAfter + 150ms);
  EXPECT_EQ(p.path.state(), PathState::down);
}

}  // namespace
}  // namespace mptunnel
