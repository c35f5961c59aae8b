#include "mptunnel/path/mtu_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "mtu_path.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::MtuPath;

/// A measured path.
MtuPath measured(std::size_t mtu) {
  MtuPath path(mtu);
  path.run(30s);
  EXPECT_TRUE(path.search.is_measured());
  path.probes.clear();
  return path;
}

TEST(MtuSearch, AssumesWhatEveryPathOfTodayCarriesUntilItKnows) {
  MtuSearch search;
  EXPECT_EQ(search.mtu(), kBaseMtu);
  EXPECT_FALSE(search.is_measured());
  EXPECT_EQ(search.next_probe(true), kNever);
  EXPECT_FALSE(search.probe({100ms, 3}, true, TimePoint{100s}));
  search.on_seen(1472, TimePoint{100s});
  search.on_refused(1000, TimePoint{100s});
  EXPECT_EQ(search.mtu(), kBaseMtu) << "nothing was asked";
}

/// A measured path of 1472 bytes under steady large packets, which carries only `mtu` from a confirmation on
/// whose first probe was sent just now, the only one that is noted.
MtuPath shrunk(std::size_t mtu, Duration round_trip) {
  MtuPath path(1472, round_trip);
  path.run(30s);
  path.large = true;
  path.run(5s);
  EXPECT_EQ(path.search.mtu(), 1472U);
  path.mtu = mtu;
  const auto start = static_cast<std::ptrdiff_t>(path.probes.size());
  while (static_cast<std::ptrdiff_t>(path.probes.size()) == start) path.run(1ms);
  path.probes.erase(path.probes.begin(), path.probes.begin() + start);
  path.tried.erase(path.tried.begin(), path.tried.begin() + start);
  return path;
}

MtuSearch::Patience patience_of(Duration round_trip, double answer_share = 1) {
  RttEstimator estimator;
  estimator.add(round_trip);
  return MtuSearch::Patience::of(estimator, answer_share);
}

/// UDP payloads over usual links: what a path carries ends there, or lies well above.
constexpr std::array<std::size_t, 13> kUsual{1232, 1252, 1352, 1372, 1392, 1412, 1432,
                                             1444, 1452, 1464, 1472, 8952, 8972};

TEST(MtuSearch, FindsEachMtuToTheByteSaveThoseJustAboveAUsualOne) {
  for (std::size_t mtu = 548; mtu <= 65507; mtu += mtu < 1600 ? 1 : 61) {
    MtuPath path(mtu);
    path.run(60s);
    ASSERT_TRUE(path.search.is_measured()) << mtu;
    ASSERT_LE(path.search.mtu(), mtu);
    ASSERT_GT(path.search.mtu() + 16, mtu);
    if (path.search.mtu() != mtu) {
      ASSERT_TRUE(std::find(kUsual.begin(), kUsual.end(), path.search.mtu()) != kUsual.end()) << mtu;
    }
    ASSERT_LE(path.probes.size(), 60U) << mtu;
  }
}

TEST(MtuSearch, FindsUsualSizesToTheByte) {
  for (const std::size_t mtu : {1200U, 1252U, 1372U, 1452U, 1472U, 8972U, 65507U}) {
    MtuPath path(mtu);
    path.run(60s);
    EXPECT_EQ(path.search.mtu(), mtu);
    EXPECT_LE(path.probes.size(), 35U) << mtu;
  }
}

TEST(MtuSearch, FindsWhatTheOwnInterfaceRefusesWithoutWaiting) {
  for (const std::size_t local : {548U, 700U, 1200U, 1252U, 1452U, 1472U, 4000U, 8972U, 65507U}) {
    MtuPath path(65507);
    path.local = local;
    path.run(10s);
    EXPECT_TRUE(path.search.is_measured()) << local;
    EXPECT_LE(path.search.mtu(), local);
    EXPECT_GT(path.search.mtu() + 16, local);
    EXPECT_LE(path.probes.size(), 40U) << local;
  }
}

TEST(MtuSearch, InterfaceThatTakesMoreThanThePathCarriesIsNotBelieved) {
  MtuPath path(1372);
  path.local = 1472;
  path.run(30s);
  EXPECT_EQ(path.search.mtu(), 1372U);
}

TEST(MtuSearch, FindsItWhileProbesAreLost) {
  for (const double loss : {0.05, 0.2, 0.4}) {
    for (const std::size_t mtu : {600U, 1252U, 1372U, 1452U, 1472U, 8972U, 20000U}) {
      MtuPath path(mtu);
      path.loss = loss;
      path.run(5min);
      EXPECT_TRUE(path.search.is_measured());
      EXPECT_LE(path.search.mtu(), mtu);
      EXPECT_LE(path.probes.size(), 250U);
      // A size is given up for lost probes once in a hundred times: most runs find it at once.
      if (path.search.mtu() + 16 <= mtu) {
        path.run(30min);
        EXPECT_GT(path.search.mtu() + 16, mtu) << loss << " " << mtu;
      }
    }
  }
}

/// Before anything is known of a path's loss, three probes of kBaseMtu are lost by chance now and then.
TEST(MtuSearch, PathThatLostTheFirstProbesByChanceIsNotTakenForASmallOneForLong) {
  MtuPath path(1472);
  path.mtu = 0;
  path.run(1100ms);
  ASSERT_LT(path.search.mtu(), kBaseMtu);
  path.mtu = 1472;
  path.run(5s);
  EXPECT_EQ(path.search.mtu(), 1472U);
}

TEST(MtuSearch, SmallPathIsAskedForTheUsualSizeLessAndLessOften) {
  for (const std::size_t mtu : {548U, 700U, 1100U, 1199U}) {
    MtuPath path = measured(mtu);
    path.run(1h);
    EXPECT_EQ(path.search.mtu(), mtu);
    EXPECT_LE(path.probes.size(), 6 * 40U + 5 * 3U) << "complete searches each 10 minutes";
    path.mtu = 1472;
    path.run(11min);
    EXPECT_EQ(path.search.mtu(), 1472U);
  }
}

TEST(MtuSearch, UsualPathIsKnownWithinThreeSeconds) {
  for (const std::size_t mtu : {1252U, 1372U, 1452U, 1472U}) {
    MtuPath path(mtu);
    path.run(3s);
    EXPECT_EQ(path.search.mtu(), mtu);
  }
}

TEST(MtuSearch, MeasuredPathIsLeftInPeace) {
  MtuPath path = measured(1472);
  path.moving = false;
  path.run(24h);
  EXPECT_TRUE(path.probes.empty());
  EXPECT_EQ(path.search.next_probe(false), kNever);
}

TEST(MtuSearch, LargePacketsHaveItsSizeConfirmed) {
  MtuPath path = measured(1472);
  path.large = true;
  path.run(60s);
  EXPECT_EQ(path.search.mtu(), 1472U);
  // Each 250 ms, and the time that the answer takes.
  EXPECT_GE(path.probes.size(), 200U);
  EXPECT_LE(path.probes.size(), 240U);
  for (const std::size_t size : path.probes) EXPECT_EQ(size, 1472U);
  path.large = false;
  path.probes.clear();
  path.run(60s);
  EXPECT_LE(path.probes.size(), 1U) << "and nothing more once they stop";
}

TEST(MtuSearch, PathThatShrinksIsNoticedWhileLargePacketsMove) {
  for (const std::size_t now : {1452U, 1372U, 1252U, 1200U, 900U, 548U}) {
    MtuPath path = measured(1472);
    path.large = true;
    path.run(10s);
    ASSERT_EQ(path.search.mtu(), 1472U);
    path.mtu = now;
    // Two seconds to the next confirmation, three tries of 100 ms; a path of less than 1,200 takes three
    // more.
    path.run(2s + 3 * 100ms + 10ms);
    EXPECT_LE(path.search.mtu(), std::max<std::size_t>(now, kBaseMtu)) << now;
    path.run(10s);
    EXPECT_LE(path.search.mtu(), now);
    EXPECT_GT(path.search.mtu() + 16, now);
  }
}

TEST(MtuSearch, PathThatShrinksBelowTheBaseIsNoticedToo) {
  MtuPath path = measured(1000);
  ASSERT_LE(path.search.mtu(), 1000U);
  path.large = true;
  path.run(10s);
  path.mtu = 700;
  path.run(10s);
  EXPECT_LE(path.search.mtu(), 700U);
  EXPECT_GT(path.search.mtu() + 16, 700U);
}

TEST(MtuSearch, ShrinkIsNoticedByTheFirstLargePacketAfterAPause) {
  MtuPath path = measured(1472);
  path.run(60s);
  path.mtu = 1372;
  path.large = true;
  // Six probes, 100 ms each.
  path.run(700ms);
  EXPECT_LE(path.search.mtu(), 1372U);
  path.run(5s);
  EXPECT_EQ(path.search.mtu(), 1372U);
}

TEST(MtuSearch, SizeIsInDoubtAfterATimeWithoutLargePacketsUntilAProbeOfItIsAnswered) {
  MtuPath path = measured(1472);
  path.large = true;
  path.run(10s);
  path.large = false;
  path.run(2s);
  EXPECT_FALSE(path.search.is_doubted(path.now));
  path.run(2s);
  EXPECT_TRUE(path.search.is_doubted(path.now));
  path.run(1h);
  EXPECT_TRUE(path.search.is_doubted(path.now)) << "smaller ones confirm nothing";
  path.large = true;
  path.run(30ms);
  EXPECT_FALSE(path.search.is_doubted(path.now)) << "a round trip later";
  // The path has become narrow: in doubt until it is found to be.
  path.large = false;
  path.run(1h);
  path.mtu = 1372;
  path.large = true;
  path.run(590ms);
  EXPECT_TRUE(path.search.is_doubted(path.now));
  path.run(5s);
  EXPECT_EQ(path.search.mtu(), 1372U);
  EXPECT_FALSE(path.search.is_doubted(path.now));
}

TEST(MtuSearch, SizeIsNotInDoubtWhileLargePacketsMove) {
  for (const Duration round_trip : {1ms, 300ms, 2000ms}) {
    MtuPath path(1472, round_trip);
    path.run(1min);
    path.large = true;
    path.run(5s);
    ASSERT_EQ(path.search.mtu(), 1472U);
    for (int i = 0; i < 20'000; ++i) {
      path.run(50ms);
      ASSERT_FALSE(path.search.is_doubted(path.now)) << i;
    }
  }
}

TEST(MtuSearch, SizeIsInDoubtSoonAfterThePathShrankUnderManyLargePackets) {
  for (const Duration round_trip : {1ms, 10ms, 50ms, 200ms}) {
    for (int offset = 0; offset < 30; ++offset) {
      MtuPath path(1472, round_trip);
      path.run(10s);
      path.large = true;
      path.run(5s + offset * 10ms);
      ASSERT_EQ(path.search.mtu(), 1472U);
      path.mtu = 1300;
      // The next confirmation, and what two probes may take: 1.5 x (RTT + 4 variations of a half) each.
      path.run(kMtuConfirmAtLeast + 20ms + round_trip +
               2 * std::max<Duration>(kMtuDoubtAnswer, round_trip * 9 / 2));
      EXPECT_TRUE(path.search.is_doubted(path.now) || path.search.mtu() <= 1300) << offset;
    }
  }
}

TEST(MtuSearch, OneLostProbeOfAPathThatLosesNothingPutsNoSizeInDoubt) {
  for (const Duration round_trip : {1ms, 10ms, 50ms, 200ms, 2000ms}) {
    MtuPath path = shrunk(1300, round_trip);
    path.mtu = 1472;
    for (Duration time{}; time < 2 * round_trip + 4s; time += 1ms) {
      ASSERT_FALSE(path.search.is_doubted(path.now)) << round_trip.count() << " after " << time.count();
      path.run(1ms);
    }
  }
}

TEST(MtuSearch, SizeIsAskedForAgainOnceItsProbeIsLateAndNotGivenUpTheSooner) {
  for (const Duration round_trip : {1ms, 10ms, 15ms, 50ms, 200ms}) {
    const MtuSearch::Patience patience = patience_of(round_trip);
    MtuPath path = shrunk(1300, round_trip);
    const TimePoint first = path.tried.at(0);
    path.run(first + 6 * patience.answer - 1ms - path.now);
    ASSERT_EQ(path.probes, std::vector<std::size_t>(6, 1472)) << round_trip.count();
    for (int i = 0; i < 5; ++i) {
      const auto later = static_cast<std::size_t>(i) + 1;
      EXPECT_EQ(path.tried.at(later) - first, patience.late + i * patience.answer) << round_trip.count();
    }
    EXPECT_EQ(path.search.mtu(), 1472U);
    path.run(2ms);
    EXPECT_EQ(path.search.mtu(), kBaseMtu) << round_trip.count();
  }
}

TEST(MtuSearch, SearchAfterARefusedConfirmationWaitsForNoSizeLonger) {
  MtuPath path = shrunk(1200, 1ms);
  path.local = 1300;
  path.search.on_refused(1472, path.now);
  path.run(5s);
  ASSERT_EQ(path.search.mtu(), 1200U);
  ASSERT_GE(path.tried.size(), 8U);
  for (std::size_t i = 1; i < path.tried.size() && path.probes[i] > kBaseMtu; ++i)
    EXPECT_LE(path.tried[i] - path.tried[i - 1], 101ms) << path.probes[i];
}

TEST(MtuSearch, SizeIsInDoubtByTheLossThatIsKnownWhenTheProbeLeaves) {
  MtuPath path = shrunk(1300, 1ms);
  path.loss = 0.2;
  path.run(150ms);
  ASSERT_EQ(path.probes.size(), 3U);
  EXPECT_FALSE(path.search.is_doubted(path.now)) << "five probes, as a fifth is lost each way";
  path.loss = 0;
  path.run(100ms);
  ASSERT_EQ(path.probes.size(), 4U);
  EXPECT_TRUE(path.search.is_doubted(path.now)) << "two are enough, and more were sent";
}

TEST(MtuSearch, ConfirmationsCostLittleOfWhatTheyProtect) {
  for (const auto& [each, most] : {std::pair(1ms, 240U), std::pair(10ms, 240U), std::pair(50ms, 48U),
                                   std::pair(200ms, 30U), std::pair(1900ms, 30U)}) {
    MtuPath path = measured(1472);
    path.large = true;
    path.large_each = each;
    path.run(10s);
    path.probes.clear();
    path.run(60s);
    EXPECT_LE(path.probes.size(), most + 1) << each.count();
    EXPECT_GE(path.probes.size(), most / 2) << each.count();
  }
}

TEST(MtuSearch, LossesPutNoSizeThatPassesInDoubtForLong) {
  for (const double loss : {0.02, 0.2, 0.4}) {
    MtuPath path(1472);
    path.loss = loss;
    path.run(5min);
    path.large = true;
    path.run(1min);
    int in_doubt = 0;
    int in_all = 0;
    for (int i = 0; i < 60'000; ++i) {
      path.run(10ms);
      if (path.search.mtu() < 1472) continue;
      ++in_all;
      in_doubt += path.search.is_doubted(path.now) ? 1 : 0;
    }
    EXPECT_GT(in_all, 50'000);
    EXPECT_LT(in_doubt, in_all / 50) << loss;
  }
}

TEST(MtuSearch, BaseIsNeverInDoubt) {
  MtuPath path(1200);
  EXPECT_FALSE(path.search.is_doubted(path.now));
  path.run(1h);
  EXPECT_EQ(path.search.mtu(), kBaseMtu);
  EXPECT_FALSE(path.search.is_doubted(path.now));
}

TEST(MtuSearch, OneLostConfirmationIsNoShrink) {
  MtuPath path = measured(1472);
  path.large = true;
  for (int i = 0; i < 20; ++i) {
    path.mtu = 1000;
    path.run(110ms);
    path.mtu = 1472;
    path.run(3s);
    ASSERT_EQ(path.search.mtu(), 1472U) << i;
  }
}

TEST(MtuSearch, PathThatGrowsIsFoundAfterTenMinutesOfData) {
  MtuPath path = measured(1372);
  path.mtu = 1472;
  path.run(9min);
  EXPECT_EQ(path.search.mtu(), 1372U);
  path.run(2min);
  EXPECT_EQ(path.search.mtu(), 1472U);
}

TEST(MtuSearch, PathThatDoesNotGrowIsTriedSparsely) {
  MtuPath path = measured(1472);
  path.run(24h);
  EXPECT_EQ(path.search.mtu(), 1472U);
  // Each ten minutes two sizes, three times each.
  EXPECT_LE(path.probes.size(), 24U * 6 * 6 + 6);
  EXPECT_GE(path.probes.size(), 24U * 6 * 6 - 12);
}

TEST(MtuSearch, LargePacketsDoNotKeepItFromRising) {
  MtuPath path = measured(1372);
  path.large = true;
  path.mtu = 8972;
  path.run(11min);
  EXPECT_EQ(path.search.mtu(), 8972U);
}

TEST(MtuSearch, RefusedSizeLowersItAtOnce) {
  MtuPath path = measured(1472);
  path.local = path.mtu = 1400;
  path.search.on_refused(1472, path.now);
  EXPECT_LE(path.search.mtu(), 1400U);
  path.run(5s);
  EXPECT_LE(path.search.mtu(), 1400U);
  EXPECT_GT(path.search.mtu() + 16, 1400U);
}

TEST(MtuSearch, RefusalOfWhatEveryPathMustCarryIsIgnored) {
  MtuPath path = measured(1472);
  path.search.on_refused(kLeastMtu, path.now);
  path.search.on_refused(100, path.now);
  EXPECT_EQ(path.search.mtu(), 1472U);
}

TEST(MtuSearch, LateAnswerCorrectsWhatWasGivenUp) {
  MtuPath path(1252, 20ms);
  path.run(30s);
  ASSERT_EQ(path.search.mtu(), 1252U);
  path.search.on_seen(1472, path.now);
  EXPECT_EQ(path.search.mtu(), 1472U);
  path.search.on_seen(1300, path.now);
  EXPECT_EQ(path.search.mtu(), 1472U) << "a smaller one says nothing new";
  path.search.on_seen(65508, path.now);
  EXPECT_EQ(path.search.mtu(), 1472U) << "nor one that cannot be";
}

TEST(MtuSearch, PatienceGrowsWithTheRoundTripAndWithLoss) {
  RttEstimator fast;
  fast.add(1ms);
  RttEstimator slow;
  slow.add(400ms);
  EXPECT_EQ(MtuSearch::Patience::of({}, 1).answer, 100ms);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 1).answer, 100ms);
  EXPECT_EQ(MtuSearch::Patience::of(slow, 1).answer, 1800ms);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 1).tries, 3U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.95).tries, 3U);
  // A half is lost: 0.5 to the 10th is below one in a thousand, to the 24th below one in ten million.
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.5).tries, 10U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.01).tries, 16U) << "there is an end to it";
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0).tries, 16U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 1).confirm_tries, 6U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.5).confirm_tries, 24U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0).confirm_tries, 48U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 1).doubt_tries, 2U) << "one is lost on any path";
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.95).doubt_tries, 2U);
  EXPECT_EQ(MtuSearch::Patience::of(fast, 0.64).doubt_tries, 5U) << "a fifth is lost each way";
  EXPECT_EQ(MtuSearch::Patience::of(slow, 1).late, 1800ms);
}

TEST(MtuSearch, StopsAndStartsAfresh) {
  MtuPath path = measured(8972);
  path.search.stop();
  EXPECT_EQ(path.search.mtu(), kBaseMtu);
  EXPECT_FALSE(path.search.is_measured());
  EXPECT_EQ(path.search.next_probe(true), kNever);
  path.mtu = 1372;
  path.search.start(path.now);
  path.run(10s);
  EXPECT_EQ(path.search.mtu(), 1372U);
}

TEST(MtuSearch, NothingThatHappensMakesItSpinOrLeaveItsBounds) {
  test::TestRandom random(11);
  for (int round = 0; round < 300; ++round) {
    MtuPath path(548 + random.below(9000));
    for (int step = 0; step < 60; ++step) {
      switch (random.below(9)) {
        case 0:
          path.mtu = 548 + random.below(random.below(2) == 0 ? 1500 : 64'000);
          break;
        case 1:
          path.local = 548 + random.below(64'900);
          break;
        case 2:
          path.search.on_refused(random.below(65'600), path.now);
          break;
        case 3:
          path.search.on_seen(random.below(65'600), path.now);
          break;
        case 4:
          path.large = !path.large;
          break;
        case 5:
          path.loss = static_cast<double>(random.below(100)) / 100;
          break;
        case 6:
          path.moving = !path.moving;
          break;
        default:
          break;
      }
      const std::size_t before = path.probes.size();
      path.run(std::chrono::milliseconds(random.below(5000)));
      if (testing::Test::HasFatalFailure()) return;
      ASSERT_LE(path.probes.size() - before, 120U);
      ASSERT_GE(path.search.mtu(), kLeastMtu);
      ASSERT_LE(path.search.mtu(), kMaxPacketBytes);
    }
    // And once all is quiet it is right again, within a rise and a confirmation.
    path.loss = 0;
    path.local = kMaxPacketBytes;
    path.moving = path.large = true;
    path.run(25min);
    ASSERT_LE(path.search.mtu(), path.mtu) << round;
    ASSERT_GT(path.search.mtu() + 16, path.mtu) << round;
  }
}

}  // namespace
}  // namespace mptunnel
