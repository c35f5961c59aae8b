// How often a path is probed, and what is made of the share of answers.

#include <gtest/gtest.h>

#include "mptunnel/path/probed_path.h"
#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

ProbedPath available(const PathTraits& traits = {}) {
  ProbedPath path;
  path.set_traits(traits);
  path.set_available(true);
  return path;
}
/// A PING that is answered at once.
void exchange(ProbedPath& path, bool moving, TimePoint now) {
  ASSERT_TRUE(path.answered(path.probe(moving, now), now));
}
ProbedPath up(const PathTraits& traits = {}) {
  ProbedPath path = available(traits);
  exchange(path, false, kStart);
  return path;
}
/// Lets PINGs go unanswered from kStart on; returns the time of the last one.
TimePoint silence_until(ProbedPath& path, PathState wanted) {
  TimePoint now = kStart;
  for (int i = 0; i < 100; ++i) {
    path.probe(true, now);
    if (path.state() == wanted) return now;
    now += 100ms;
    path.update(now);
  }
  ADD_FAILURE() << "never " << name_of(wanted);
  return now;
}
Duration wait(const ProbedPath& path, bool moving, TimePoint now) {
  return path.next_probe(moving) - now;
}

TEST(ProbedPathPace, NewPathIsProbedQuicklyWhateverMoves) {
  for (const bool metered : {false, true}) {
    ProbedPath path = available({false, metered});
    path.probe(false, kStart);
    EXPECT_EQ(wait(path, false, kStart), kProbeWhileMoving);
    EXPECT_EQ(wait(path, true, kStart), kProbeWhileMoving);
  }
}

struct PaceRow {
  const char* name;
  PathTraits traits;
  bool standby;
  Duration moving;
  Duration idle;
};

TEST(ProbedPathPace, FollowsWhatThePathIsFor) {
  for (const PaceRow& row :
       {PaceRow{"plain", {}, false, 100ms, 10s}, PaceRow{"keepalive", {false, false, 25s}, false, 100ms, 25s},
        PaceRow{"backup", {true, false, 20s}, true, 1s, 20s},
        PaceRow{"backup in use", {true, false, 20s}, false, 100ms, 20s},
        PaceRow{"metered", {false, true, 20s}, true, 20s, 20s},
        PaceRow{"metered in use", {false, true, 20s}, false, 100ms, 20s}}) {
    SCOPED_TRACE(row.name);
    for (const bool moving : {true, false}) {
      ProbedPath path = up(row.traits);
      path.set_standby(row.standby);
      EXPECT_EQ(path.interval(moving), moving ? row.moving : row.idle);
      exchange(path, moving, kStart + 1s);
      EXPECT_EQ(wait(path, moving, kStart + 1s), moving ? row.moving : row.idle);
    }
  }
}

TEST(ProbedPathPace, QuickensWhileABackupWaitsForItToFail) {
  ProbedPath path = up();
  path.set_backed(true);
  EXPECT_EQ(path.interval(true), kProbeWhileBacked);
  EXPECT_EQ(path.interval(false), kProbeWhileIdle);
  // Silent from the first PING that nothing answers on: the backup takes over within 300 ms of the last
  // answer.
  EXPECT_LT(path.interval(true) + kSuspectAfter, 300ms);
  path.set_standby(true);
  EXPECT_EQ(path.interval(true), kProbeWhileStandby);
}

TEST(ProbedPathPace, KeepsTheIntervalThatThePeerWasTold) {
  ProbedPath path = up();
  exchange(path, true, kStart + 1s);
  // The pace slows: one PING more comes as it was announced, and announces the longer interval.
  EXPECT_EQ(wait(path, false, kStart + 1s), kProbeWhileMoving);
  exchange(path, false, kStart + 1100ms);
  EXPECT_EQ(wait(path, false, kStart + 1100ms), kProbeWhileIdle);
  // And quickens at once: to come early breaks no promise.
  EXPECT_EQ(wait(path, true, kStart + 1100ms), kProbeWhileMoving);
  path.set_standby(true);
  EXPECT_EQ(wait(path, true, kStart + 1100ms), kProbeWhileStandby);
}

TEST(ProbedPathPace, LoneDatagramMakesAPingDueHalfASecondAfterTheLastAtMost) {
  ProbedPath path = up();
  exchange(path, false, kStart + 1s);
  EXPECT_EQ(path.next_probe(false, kStart), kStart + 11s) << "sent before the PING";
  EXPECT_EQ(path.next_probe(false, kStart + 1s), kStart + 11s) << "sent with it";
  EXPECT_EQ(path.next_probe(false, kStart + 1100ms), kStart + 1500ms);
  EXPECT_EQ(path.next_probe(false, kStart + 4s), kStart + 4s);
  EXPECT_EQ(path.next_probe(true, kStart + 1100ms), kStart + 1100ms) << "as ever while much moves";
  path.set_standby(true);
  EXPECT_EQ(path.next_probe(false, kStart + 4s), kStart + 11s) << "nothing was sent on it";
}

TEST(ProbedPathPace, UnansweredPingIsFollowedBeforeTheInterval) {
  ProbedPath path = up();
  path.probe(false, kStart + 1s);
  EXPECT_EQ(wait(path, false, kStart + 1s), 200ms);
  EXPECT_EQ(wait(path, true, kStart + 1s), kProbeWhileMoving);
}

TEST(ProbedPathPace, SuspectIsProbedEach25Milliseconds) {
  for (const bool metered : {false, true}) {
    ProbedPath path = up({false, metered});
    const TimePoint last = silence_until(path, PathState::suspect);
    EXPECT_EQ(wait(path, true, last), kProbeWhileSuspect);
    EXPECT_EQ(wait(path, false, last), kProbeWhileSuspect);
  }
}

TEST(ProbedPathPace, DownPathIsProbedEachSecondWhileDataMoves) {
  struct Row {
    PathTraits traits;
    bool standby;
    Duration moving;
    Duration idle;
  };
  for (const Row& row :
       {Row{{}, false, 1s, 5s}, Row{{false, false, 2s}, false, 1s, 2s}, Row{{true, false, 30s}, true, 1s, 5s},
        Row{{false, true, 30s}, true, 30s, 30s}, Row{{false, true, 30s}, false, 1s, 30s}}) {
    ProbedPath path = up(row.traits);
    const TimePoint last = silence_until(path, PathState::down);
    path.set_standby(row.standby);
    EXPECT_EQ(wait(path, true, last), row.moving);
    EXPECT_EQ(wait(path, false, last), row.idle);
  }
}

TEST(ProbedPathPace, IdlePathThatDiesIsDownWithinASecondOfItsFirstLostPing) {
  ProbedPath path = up();
  TimePoint now = path.next_probe(false);
  ASSERT_EQ(now, kStart + kProbeWhileIdle);
  const TimePoint first = now;
  unsigned probes = 0;
  while (path.state() != PathState::down && now < first + 1min) {
    path.update(now);
    if (now >= path.next_probe(false)) {
      path.probe(false, now);
      ++probes;
    }
    now += 1ms;
  }
  EXPECT_LE(now, first + kDownAfter + 2ms);
  EXPECT_LE(probes, 45U);
}

TEST(ProbedPathPace, TraitsOutliveAnAddress) {
  ProbedPath path = up({true, true, 33s});
  path.set_standby(true);
  path.set_available(false);
  path.set_available(true);
  EXPECT_TRUE(path.traits().backup && path.traits().metered);
  EXPECT_EQ(path.traits().keepalive, 33s);
  EXPECT_FALSE(path.is_standby());
}

TEST(AnswerShare, IsOneUntilSomethingIsLost) {
  ProbedPath path = available();
  EXPECT_DOUBLE_EQ(path.answer_share(), 1);
  for (int i = 0; i < 100; ++i) exchange(path, true, kStart);
  EXPECT_DOUBLE_EQ(path.answer_share(), 1);
}

TEST(AnswerShare, FollowsTheShareThatIsAnswered) {
  for (const unsigned answered_of_ten : {1U, 3U, 5U, 8U}) {
    ProbedPath path = available();
    double sum = 0;
    for (unsigned i = 0; i < 2000; ++i) {
      const std::uint32_t sequence = path.probe(true, kStart);
      // 7 and 10 have no common factor: the answers are spread.
      if (i * 7 % 10 < answered_of_ten) {
        ASSERT_TRUE(path.answered(sequence, kStart));
      }
      if (i >= 1000) sum += path.answer_share();
    }
    EXPECT_NEAR(sum / 1000, answered_of_ten / 10.0, 0.06) << answered_of_ten;
  }
}

TEST(AnswerShare, OverdueAnswersDoNotRaiseItAboveOne) {
  ProbedPath path = available();
  std::vector<std::uint32_t> sequences;
  for (int i = 0; i < 50; ++i) sequences.push_back(path.probe(true, kStart));
  for (std::size_t i = sequences.size(); i > 0; --i)
    ASSERT_TRUE(path.answered(sequences[i - 1], kStart + 1s));
  EXPECT_LE(path.answer_share(), 1);
  EXPECT_GT(path.answer_share(), 0.9);
}

TEST(AnswerShare, LongSilenceBringsItDownAndAnswersUpAgain) {
  ProbedPath path = available();
  for (int i = 0; i < 500; ++i) path.probe(true, kStart);
  exchange(path, true, kStart);
  EXPECT_LT(path.answer_share(), 0.1);
  EXPECT_GT(path.answer_share(), 0);
  for (int i = 0; i < 60; ++i) exchange(path, true, kStart);
  EXPECT_GT(path.answer_share(), 0.95);
}

}  // namespace
}  // namespace mptunnel
