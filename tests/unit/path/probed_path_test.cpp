#include "mptunnel/path/probed_path.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

constexpr Duration kRtt = 20ms;

/// A path, and the time that it lives in.
struct Path {
  ProbedPath path;
  TimePoint now = kStart;

  Path() { path.set_available(true); }

  /// A PING that is answered after `rtt`.
  std::optional<PathState> exchange(Duration rtt = kRtt) {
    const std::uint32_t sequence = path.probe(true, now);
    now += rtt;
    return path.answered(sequence, now);
  }
  /// PINGs every 100 ms that nothing answers, until the path has this state or a minute is over.
  void silence_until(PathState wanted) {
    for (int i = 0; i < 600 && path.state() != wanted; ++i) {
      path.probe(true, now);
      now += 100ms;
      while (path.update(now) && path.state() != wanted) {
      }
    }
  }
  void bring_to(PathState wanted) {
    if (wanted == PathState::fresh) return;
    if (wanted != PathState::down) exchange();
    if (wanted != PathState::up) silence_until(wanted);
    ASSERT_EQ(path.state(), wanted);
  }
};

enum class Happening {
  answer,
  wait_50_ms,
  wait_2_s_one_probe,
  wait_2_s_two_probes,
  wait_2_s_three_probes,
  loss_of_address
};

struct TransitionRow {
  const char* name;
  PathState from;
  Happening happening;
  PathState to;
};
class ProbedPathTransition : public testing::TestWithParam<TransitionRow> {};

TEST_P(ProbedPathTransition, LeadsTo) {
  const TransitionRow& row = GetParam();
  Path p;
  p.bring_to(row.from);
  const auto probe_and_wait = [&p](int probes) {
    if (p.path.state() == PathState::up || p.path.state() == PathState::fresh) {
      for (int i = 0; i < probes; ++i) p.path.probe(true, p.now);
    }
    p.now += 2s;
    while (p.path.update(p.now)) {
    }
  };
  switch (row.happening) {
    case Happening::wait_2_s_one_probe:
      probe_and_wait(1);
      break;
    case Happening::answer:
      EXPECT_EQ(p.exchange(), row.from);
      break;
    case Happening::wait_50_ms:
      p.now += 50ms;
      EXPECT_FALSE(p.path.update(p.now));
      break;
    case Happening::wait_2_s_two_probes:
      probe_and_wait(2);
      break;
    case Happening::wait_2_s_three_probes:
      probe_and_wait(3);
      break;
    case Happening::loss_of_address:
      p.path.set_available(false);
      EXPECT_FALSE(p.path.carries_data());
      break;
  }
  EXPECT_STREQ(name_of(p.path.state()), name_of(row.to));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ProbedPathTransition,
    testing::Values(
        TransitionRow{"NewAnswered", PathState::fresh, Happening::answer, PathState::up},
        TransitionRow{"NewWaits", PathState::fresh, Happening::wait_50_ms, PathState::fresh},
        TransitionRow{"NewSilentToTwo", PathState::fresh, Happening::wait_2_s_two_probes, PathState::fresh},
        TransitionRow{"NewSilentToThree", PathState::fresh, Happening::wait_2_s_three_probes,
                      PathState::down},
        TransitionRow{"NewGone", PathState::fresh, Happening::loss_of_address, PathState::fresh},
        TransitionRow{"UpAnswered", PathState::up, Happening::answer, PathState::up},
        TransitionRow{"UpWaits", PathState::up, Happening::wait_50_ms, PathState::up},
        TransitionRow{"UpSilentToTwo", PathState::up, Happening::wait_2_s_two_probes, PathState::suspect},
        TransitionRow{"UpSilentToOne", PathState::up, Happening::wait_2_s_one_probe, PathState::up},
        TransitionRow{"UpSilentToThree", PathState::up, Happening::wait_2_s_three_probes, PathState::down},
        TransitionRow{"UpGone", PathState::up, Happening::loss_of_address, PathState::fresh},
        TransitionRow{"SuspectAnswered", PathState::suspect, Happening::answer, PathState::up},
        TransitionRow{"SuspectWaits", PathState::suspect, Happening::wait_50_ms, PathState::suspect},
        TransitionRow{"SuspectGone", PathState::suspect, Happening::loss_of_address, PathState::fresh},
        TransitionRow{"DownAnswered", PathState::down, Happening::answer, PathState::up},
        TransitionRow{"DownWaits", PathState::down, Happening::wait_2_s_three_probes, PathState::down},
        TransitionRow{"DownGone", PathState::down, Happening::loss_of_address, PathState::fresh}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ProbedPath, SilenceThatIsForgivenCountsAnew) {
  for (const PathState state : {PathState::fresh, PathState::up, PathState::suspect}) {
    Path p;
    p.bring_to(state);
    for (int i = 0; i < 5; ++i) p.path.probe(true, p.now);
    p.now += 10s;
    p.path.forgive_silence(p.now);
    EXPECT_EQ(p.path.unanswered(), 0U);
    EXPECT_EQ(p.path.next_change(), kNever);
    for (int i = 0; i < 3; ++i) p.path.probe(true, p.now);
    p.now += 10ms;
    EXPECT_FALSE(p.path.update(p.now)) << name_of(state);
    p.now += 10s;
    EXPECT_TRUE(p.path.update(p.now)) << name_of(state);
  }
}

TEST(ProbedPath, CarriesDataInEachStateButDown) {
  for (const PathState state : {PathState::fresh, PathState::up, PathState::suspect, PathState::down}) {
    Path p;
    p.bring_to(state);
    EXPECT_EQ(p.path.carries_data(), state != PathState::down) << name_of(state);
  }
  const ProbedPath unavailable;
  EXPECT_FALSE(unavailable.carries_data());
}

TEST(ProbedPath, TurnsSuspectAtTheVeryMomentItAnnounces) {
  Path p;
  p.exchange();
  const TimePoint first = p.now;
  p.path.probe(true, first);
  EXPECT_EQ(p.path.next_change(), kNever) << "one lost PING says nothing";
  p.path.probe(true, first + 100ms);
  EXPECT_EQ(p.path.next_change(), first + 200ms);
  EXPECT_FALSE(p.path.update(first + 200ms - 1ns));
  EXPECT_TRUE(p.path.update(first + 200ms));
  EXPECT_EQ(p.path.state(), PathState::suspect);
}

TEST(ProbedPath, SuspectsAFastPathNoSoonerThan200MillisecondsAndASlowOneByItsRoundTrip) {
  Path fast;
  for (int i = 0; i < 200; ++i) fast.exchange(100us);
  fast.path.probe(true, fast.now);
  fast.path.probe(true, fast.now);
  EXPECT_EQ(fast.path.next_change(), fast.now + 200ms);
  Path slow;
  slow.exchange(300ms);
  slow.path.probe(true, slow.now);
  slow.path.probe(true, slow.now);
  // A first variation of 150 ms: (300 + 4 * 150) * 1.5.
  EXPECT_EQ(slow.path.next_change(), slow.now + 1350ms);
}

TEST(ProbedPath, SuspectPathIsUpAtItsFirstAnswerAndNeedsTwoLossesAgain) {
  Path p;
  p.bring_to(PathState::suspect);
  EXPECT_EQ(p.exchange(), PathState::suspect);
  EXPECT_EQ(p.path.state(), PathState::up);
  p.path.probe(true, p.now);
  EXPECT_FALSE(p.path.update(p.now + 24h));
}

TEST(ProbedPath, IsDownNoSoonerThanASecondAndThreeProbes) {
  Path p;
  p.exchange();
  const TimePoint first = p.now;
  p.path.probe(true, first);
  p.path.probe(true, first + 100ms);
  ASSERT_TRUE(p.path.update(first + 200ms));
  EXPECT_EQ(p.path.next_change(), kNever);
  p.path.probe(true, first + 200ms);
  EXPECT_EQ(p.path.next_change(), first + kDownAfter);
  EXPECT_FALSE(p.path.update(first + kDownAfter - 1ns));
  EXPECT_TRUE(p.path.update(first + kDownAfter));
  EXPECT_EQ(p.path.state(), PathState::down);
  EXPECT_EQ(p.path.next_change(), kNever);
}

TEST(ProbedPath, SlowPathIsDownAfterThreeRoundTrips) {
  Path p;
  for (int i = 0; i < 200; ++i) p.exchange(600ms);
  ASSERT_EQ(p.path.rtt().smoothed(), 600ms);
  const TimePoint first = p.now;
  for (int i = 0; i < 3; ++i) p.path.probe(true, first);
  ASSERT_TRUE(p.path.update(p.path.next_change()));
  EXPECT_EQ(p.path.state(), PathState::suspect);
  EXPECT_EQ(p.path.next_change(), first + 1800ms);
}

TEST(ProbedPath, AnswerCountsOnlyOnce) {
  Path p;
  const std::uint32_t sequence = p.path.probe(true, p.now);
  EXPECT_EQ(p.path.answered(sequence, p.now + kRtt), PathState::fresh);
  EXPECT_FALSE(p.path.answered(sequence, p.now + 2 * kRtt));
  EXPECT_EQ(p.path.rtt().latest(), kRtt);
  EXPECT_EQ(p.path.last_answer(), p.now + kRtt);
}

TEST(ProbedPath, AnswerToNoPingIsIgnored) {
  Path p;
  EXPECT_FALSE(p.path.answered(0, p.now));
  const std::uint32_t sequence = p.path.probe(true, p.now);
  for (const std::uint32_t wrong : {sequence + 1, sequence + 512, sequence - 512, 0xffffffffU}) {
    EXPECT_FALSE(p.path.answered(wrong, p.now)) << wrong;
  }
  EXPECT_EQ(p.path.state(), PathState::fresh);
  EXPECT_FALSE(p.path.rtt().has_sample());
}

TEST(ProbedPath, RemembersTheLast512Pings) {
  Path p;
  std::vector<std::uint32_t> sequences;
  for (int i = 0; i < 513; ++i) sequences.push_back(p.path.probe(true, p.now));
  EXPECT_FALSE(p.path.answered(sequences[0], p.now + kRtt));
  EXPECT_TRUE(p.path.answered(sequences[1], p.now + kRtt));
}

TEST(ProbedPath, SilenceCountsFromTheFirstPingAfterTheAnsweredOne) {
  Path p;
  p.exchange();
  const TimePoint first = p.now;
  p.path.probe(true, first);
  const std::uint32_t second = p.path.probe(true, first + 10ms);
  p.path.probe(true, first + 30ms);
  ASSERT_TRUE(p.path.answered(second, first + 30ms));
  EXPECT_EQ(p.path.silent_since(), first + 30ms);
  EXPECT_EQ(p.path.unanswered(), 1U);
  p.path.probe(true, first + 130ms);
  EXPECT_EQ(p.path.next_change(), first + 30ms + 200ms);
}

TEST(ProbedPath, NothingChangesWhileNothingWasAsked) {
  Path p;
  p.exchange();
  EXPECT_EQ(p.path.next_change(), kNever);
  EXPECT_FALSE(p.path.update(p.now + 24h));
  EXPECT_EQ(p.path.state(), PathState::up);
}

TEST(ProbedPath, FirstProbeIsDueAtOnceAndNoneWithoutAnAddress) {
  ProbedPath path;
  EXPECT_EQ(path.next_probe(true), kNever);
  path.set_available(true);
  EXPECT_LT(path.next_probe(false), kStart);
}

TEST(ProbedPath, NewAddressStartsAfreshAndOldAnswersMeanNothing) {
  Path p;
  p.exchange();
  const std::uint32_t before = p.path.probe(true, p.now);
  p.path.set_available(false);
  EXPECT_FALSE(p.path.answered(before, p.now));
  EXPECT_EQ(p.path.next_change(), kNever);
  p.path.set_available(true);
  EXPECT_EQ(p.path.state(), PathState::fresh);
  EXPECT_FALSE(p.path.rtt().has_sample());
  EXPECT_FALSE(p.path.answered(before, p.now));
  EXPECT_GT(p.path.probe(true, p.now), before);
}

/// A suspect path whose PINGs each show that they arrived, by another path, or by what came back by this one.
void half_silence(Path& path, bool out, Duration time) {
  for (const TimePoint end = path.now + time; path.now < end;) {
    const std::uint32_t sequence = path.path.probe(true, path.now);
    path.now += 50ms;
    if (out) path.path.passed_out(sequence, path.now);
    if (!out) path.path.passed_in(path.now);
    path.path.update(path.now);
  }
}

TEST(ProbedPath, OneThatPassesOutAloneStaysSuspectAndCarries) {
  Path path;
  path.bring_to(PathState::suspect);
  EXPECT_TRUE(path.path.wants_help());
  half_silence(path, true, 60s);
  EXPECT_EQ(path.path.state(), PathState::suspect);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::out);
  EXPECT_TRUE(path.path.carries_data());
  EXPECT_EQ(path.path.next_probe(true), path.now - 50ms + kProbeWhileMoving)
      << "no longer as if it hung by a thread";
  path.silence_until(PathState::down);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no);
}

TEST(ProbedPath, OneThatPassesInAloneStaysSuspectAndCarriesNothing) {
  Path path;
  path.bring_to(PathState::suspect);
  half_silence(path, false, 60s);
  EXPECT_EQ(path.path.state(), PathState::suspect);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::in);
  EXPECT_FALSE(path.path.carries_data());
  path.exchange();
  EXPECT_EQ(path.path.state(), PathState::up);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no);
  EXPECT_TRUE(path.path.carries_data());
}

TEST(ProbedPath, OneThatHasBeenSilentForALittleIsHeldForLateAndNotForOneWay) {
  for (const bool out : {true, false}) {
    Path path;
    path.bring_to(PathState::suspect);
    half_silence(path, out, kOneWayAfter - 600ms);
    EXPECT_EQ(path.path.state(), PathState::suspect);
    EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no);
    EXPECT_TRUE(path.path.carries_data());
    EXPECT_GT(path.path.next_change(), path.now) << "nothing spins";
    half_silence(path, out, 1s);
    EXPECT_NE(path.path.one_way(), ProbedPath::OneWay::no);
    EXPECT_EQ(path.path.state(), PathState::suspect);
  }
}

TEST(ProbedPath, OneWhosePingsArriveLateIsWaitedForThreeTimesAsLong) {
  Path path;
  path.bring_to(PathState::suspect);
  std::deque<std::uint32_t> under_way;
  const auto run = [&](Duration time) {
    for (const TimePoint end = path.now + time; path.now < end; path.now += 50ms) {
      under_way.push_back(path.path.probe(true, path.now));
      // They wait for 900 ms on the way out.
      if (under_way.size() > 18) {
        path.path.passed_out(under_way.front(), path.now);
        under_way.pop_front();
      }
      path.path.update(path.now);
    }
  };
  run(4s);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no);
  run(2s);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::out);

  path.exchange();
  under_way.clear();
  const TimePoint since = path.now;
  const auto late = [&](Duration time) {
    for (const TimePoint end = path.now + time; path.now < end; path.now += 50ms) {
      under_way.push_back(path.path.probe(true, path.now));
      if (path.now - since < 3s) continue;
      path.path.passed_out(under_way.front(), path.now);
      if (under_way.size() > 60) under_way.pop_front();
      path.path.update(path.now);
    }
  };
  late(8500ms);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no) << "3 s on the way out";
  late(1500ms);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::out);
}

TEST(ProbedPath, WhatWasUnderWayWhenItFailedShowsNoOneWay) {
  Path path;
  path.exchange();
  path.path.probe(true, path.now);
  path.now += 50ms;
  path.path.passed_in(path.now);
  path.silence_until(PathState::down);
  EXPECT_EQ(path.path.one_way(), ProbedPath::OneWay::no);
}

TEST(ProbedPath, SignOfLifeOfADeadPathMakesItSuspect) {
  Path path;
  path.bring_to(PathState::down);
  EXPECT_FALSE(path.path.passed_out(12345, path.now)) << "no PING of ours";
  EXPECT_EQ(path.path.state(), PathState::down);
  const std::uint32_t sequence = path.path.probe(true, path.now);
  const Duration silent = path.path.silence(path.now);
  EXPECT_TRUE(path.path.passed_out(sequence, path.now + 10ms));
  EXPECT_EQ(path.path.state(), PathState::suspect);
  EXPECT_EQ(path.path.silence(path.now), silent) << "it has not answered";
  EXPECT_FALSE(path.path.passed_out(sequence, path.now + 20ms)) << "is no news";
  // One sign is not enough to be held for half alive.
  path.now += 20ms;
  path.silence_until(PathState::down);
}

TEST(ProbedPath, RepeatedNewsOfAvailabilityChangesNothing) {
  Path p;
  p.exchange();
  p.path.set_available(true);
  EXPECT_EQ(p.path.state(), PathState::up);
}

}  // namespace
}  // namespace mptunnel
