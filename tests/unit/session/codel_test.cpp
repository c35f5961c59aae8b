#include "mptunnel/session/codel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/start_time.h"

namespace mptunnel {

using namespace std::chrono_literals;

namespace {

using test::kStart;

/// A queue of full packets in which each has waited for `waited`: how many of those that would leave, one a
/// millisecond, it drops through so long.
int drops_through(Codel& codel, Duration waited, Duration span, TimePoint from = kStart) {
  int dropped = 0;
  for (Duration at{}; at < span; at += 1ms) {
    while (codel.drops(waited, 100'000, from + at)) ++dropped;
  }
  return dropped;
}

TEST(Codel, DropsNothingThatWaitedForLessThanTheTarget) {
  Codel codel;
  EXPECT_EQ(drops_through(codel, Codel::kTarget - 1us, 10s), 0);
}

TEST(Codel, DropsNothingBeforeAnIntervalIsOver) {
  Codel codel;
  EXPECT_EQ(drops_through(codel, 50ms, Codel::kInterval), 0);
  EXPECT_TRUE(codel.drops(50ms, 100'000, kStart + Codel::kInterval));
}

TEST(Codel, ASinglePacketIsNoStandingQueue) {
  Codel codel;
  EXPECT_FALSE(codel.drops(400ms, Codel::kFullPacket, kStart));
  EXPECT_FALSE(codel.drops(400ms, Codel::kFullPacket, kStart + 1s));
}

// RFC 8289, section 5.3: an interval after the n-th drop, divided by the square root of n.
TEST(Codel, DropsComeCloserTogether) {
  Codel codel;
  std::vector<TimePoint> drops;
  for (TimePoint now = kStart; drops.size() < 20; now += 100us) {
    if (codel.drops(50ms, 100'000, now)) drops.push_back(now);
  }
  EXPECT_EQ(drops[0], kStart + 100ms);
  for (std::size_t n = 1; n < drops.size(); ++n) {
    const double wanted = 0.1 / std::sqrt(static_cast<double>(n));
    EXPECT_NEAR(std::chrono::duration<double>(drops[n] - drops[n - 1]).count(), wanted, 0.0002) << n;
  }
}

TEST(Codel, OneThatWaitedLittleEndsIt) {
  Codel codel;
  EXPECT_GT(drops_through(codel, 50ms, 500ms), 3);
  EXPECT_FALSE(codel.drops(1ms, 100'000, kStart + 500ms));
  EXPECT_EQ(drops_through(codel, 50ms, 99ms, kStart + 501ms), 0);
}

// What stands again at once is met with as many drops as it took; what comes much later begins anew.
TEST(Codel, GoesOnWhereItWasIfThatIsNotLongAgo) {
  const auto drops_again_after = [](Duration pause) {
    Codel codel;
    drops_through(codel, 50ms, 2s);
    EXPECT_FALSE(codel.drops(1ms, 100'000, kStart + 2s));
    return drops_through(codel, 50ms, 600ms, kStart + 2s + pause);
  };
  EXPECT_GT(drops_again_after(200ms), 2 * drops_again_after(10s));
}

TEST(Codel, AnEmptyQueueEndsIt) {
  Codel codel;
  EXPECT_GT(drops_through(codel, 50ms, 500ms), 3);
  codel.on_empty();
  EXPECT_EQ(drops_through(codel, 50ms, 99ms, kStart + 500ms), 0);
}

}  // namespace
}  // namespace mptunnel
