#include "support/bridge/impairments.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "support/start_time.h"

namespace mptunnel::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMany = 100000;

/// 5 standard deviations of a binomial count.
double tolerance(double share) {
  return 5 * std::sqrt(kMany * share * (1 - share));
}

/// Counts the datagrams of `kMany` that are lost for `cause`.
int count_lost(const ImpairmentOptions& options, Loss cause, std::uint64_t seed) {
  Impairments link(options, seed, kStart);
  int lost = 0;
  for (int i = 0; i < kMany; ++i) {
    if (link.judge(1000, kStart).loss == cause) ++lost;
  }
  return lost;
}

TEST(Impairments, ForwardsOneUntouchedCopyAtOnceByDefault) {
  Impairments link({}, 1, kStart);
  for (int i = 0; i < 1000; ++i) {
    const Verdict verdict = link.judge(1000, kStart + milliseconds(i));
    ASSERT_FALSE(verdict.loss);
    ASSERT_EQ(verdict.count, 1U);
    ASSERT_EQ(verdict.copies[0].release, kStart + milliseconds(i));
    ASSERT_FALSE(verdict.copies[0].flipped_bit);
    ASSERT_EQ(verdict.queue_drops, 0U);
  }
}

TEST(Impairments, LosesTheShareAskedFor) {
  EXPECT_NEAR(count_lost({.loss_percent = 20}, Loss::random, 1), 0.2 * kMany, tolerance(0.2));
  EXPECT_NEAR(count_lost({.loss_percent = 0.5}, Loss::random, 2), 0.005 * kMany, tolerance(0.005));
  EXPECT_EQ(count_lost({.loss_percent = 0}, Loss::random, 3), 0);
  EXPECT_EQ(count_lost({.loss_percent = 100}, Loss::random, 4), kMany);
}

TEST(Impairments, LosesIndependently) {
  Impairments link({.loss_percent = 20}, 5, kStart);
  int pairs = 0;
  bool before = false;
  for (int i = 0; i < kMany; ++i) {
    const bool lost = link.judge(1000, kStart).loss.has_value();
    if (lost && before) ++pairs;
    before = lost;
  }
  EXPECT_NEAR(pairs, 0.04 * kMany, 2 * tolerance(0.04));
}

/// A datagram of 20 bytes unlike all others.
std::array<std::uint8_t, 20> numbered(int number) {
  std::array<std::uint8_t, 20> bytes{};
  std::memcpy(bytes.data() + 8, &number, sizeof(number));
  return bytes;
}

TEST(Impairments, SharedLossTakesTheSameDatagramsOnAllLinks) {
  Impairments first({.shared_loss_percent = 5}, 1, kStart);
  Impairments second({.shared_loss_percent = 5}, 2, kStart);
  // The copies of the second link come later, and behind others.
  for (int i = 0; i < 100; ++i) second.judge(100, kStart);
  int lost = 0;
  int pairs = 0;
  bool before = false;
  for (int i = 0; i < kMany; ++i) {
    const auto loss = first.judge(numbered(i), kStart).loss;
    ASSERT_EQ(second.judge(numbered(i), kStart + milliseconds(7)).loss, loss) << i;
    if (loss) ++lost;
    if (loss && before) ++pairs;
    before = loss.has_value();
  }
  EXPECT_NEAR(lost, 0.05 * kMany, tolerance(0.05));
  EXPECT_NEAR(pairs, 0.0025 * kMany, 2 * tolerance(0.0025));
}

TEST(Impairments, SharedLossComesOnTopOfWhatALinkLosesAlone) {
  Impairments first({.loss_percent = 20, .shared_loss_percent = 5}, 1, kStart);
  Impairments second({.loss_percent = 20, .shared_loss_percent = 5}, 2, kStart);
  int shared = 0;
  int both = 0;
  for (int i = 0; i < kMany; ++i) {
    const auto one = first.judge(numbered(i), kStart).loss;
    const auto two = second.judge(numbered(i), kStart).loss;
    ASSERT_EQ(one == Loss::shared, two == Loss::shared) << i;
    if (one == Loss::shared) ++shared;
    if (one == Loss::random && two == Loss::random) ++both;
  }
  EXPECT_NEAR(shared, 0.05 * kMany, tolerance(0.05));
  EXPECT_NEAR(both, 0.95 * 0.04 * kMany, tolerance(0.95 * 0.04));
}

TEST(Impairments, RepeatsItselfForTheSameSeed) {
  const ImpairmentOptions options{.loss_percent = 10,
                                  .burst_loss_percent = 5,
                                  .jitter = milliseconds(5),
                                  .duplicate_percent = 10,
                                  .flip_percent = 10};
  Impairments first(options, 9, kStart);
  Impairments second(options, 9, kStart);
  Impairments other(options, 10, kStart);
  int differences = 0;
  for (int i = 0; i < 1000; ++i) {
    const Verdict one = first.judge(100, kStart);
    const Verdict two = second.judge(100, kStart);
    ASSERT_EQ(one.loss, two.loss);
    ASSERT_EQ(one.count, two.count);
    for (std::size_t copy = 0; copy < one.count; ++copy) {
      ASSERT_EQ(one.copies.at(copy).release, two.copies.at(copy).release);
      ASSERT_EQ(one.copies.at(copy).flipped_bit, two.copies.at(copy).flipped_bit);
    }
    if (other.judge(100, kStart).loss != one.loss) ++differences;
  }
  EXPECT_GT(differences, 50);
}

TEST(Impairments, LosesTheSameDatagramsWhateverElseItDoes) {
  Impairments plain({.loss_percent = 30}, 9, kStart);
  Impairments busy({.loss_percent = 30,
                    .jitter = milliseconds(5),
                    .duplicate_percent = 50,
                    .flip_percent = 50,
                    .blackouts = {{.begin = milliseconds(100), .end = milliseconds(200)}}},
                   9, kStart);
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = kStart + milliseconds(i);
    const auto expected = plain.judge(100, now).loss;
    const auto loss = busy.judge(100, now).loss;
    if (loss == Loss::blackout) continue;
    ASSERT_EQ(loss, expected) << i;
  }
}

TEST(Impairments, DuplicatesTheShareAskedFor) {
  Impairments link({.duplicate_percent = 3}, 1, kStart);
  int twice = 0;
  for (int i = 0; i < kMany; ++i) {
    const Verdict verdict = link.judge(1000, kStart);
    ASSERT_EQ(verdict.count, verdict.duplicated ? 2U : 1U);
    if (verdict.duplicated) ++twice;
  }
  EXPECT_NEAR(twice, 0.03 * kMany, tolerance(0.03));
}

TEST(Impairments, FlipsBitsAllOverTheDatagram) {
  Impairments link({.flip_percent = 10}, 1, kStart);
  std::vector<int> bits(80);
  int flipped = 0;
  for (int i = 0; i < kMany; ++i) {
    const Verdict verdict = link.judge(10, kStart);
    if (!verdict.copies[0].flipped_bit) continue;
    ++flipped;
    ++bits.at(*verdict.copies[0].flipped_bit);
  }
  EXPECT_NEAR(flipped, 0.1 * kMany, tolerance(0.1));
  for (const int count : bits) EXPECT_NEAR(count, 125, 60);
}

TEST(Impairments, FlipsNothingInAnEmptyDatagram) {
  Impairments link({.flip_percent = 100}, 1, kStart);
  EXPECT_FALSE(link.judge(0, kStart).copies[0].flipped_bit);
  EXPECT_TRUE(link.judge(1, kStart).copies[0].flipped_bit);
}

TEST(Impairments, DelaysByTheDelayAndUpToTheJitter) {
  Impairments link({.delay = milliseconds(30), .jitter = milliseconds(10)}, 1, kStart);
  Duration least = seconds(1);
  Duration most{0};
  for (int i = 0; i < 10000; ++i) {
    const Duration delay = link.judge(100, kStart).copies[0].release - kStart;
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, milliseconds(30));
  EXPECT_LT(least, milliseconds(30) + microseconds(50));
  EXPECT_LE(most, milliseconds(40));
  EXPECT_GT(most, milliseconds(40) - microseconds(50));
}

int count_reordered(const ImpairmentOptions& options) {
  Impairments link(options, 1, kStart);
  TimePoint latest = kStart;
  int reordered = 0;
  for (int i = 0; i < 1000; ++i) {
    const TimePoint release = link.judge(100, kStart + milliseconds(i)).copies[0].release;
    if (release < latest) ++reordered;
    latest = std::max(latest, release);
  }
  return reordered;
}

TEST(Impairments, JitterReordersUnlessOrderIsKept) {
  EXPECT_GT(count_reordered({.jitter = milliseconds(20)}), 100);
  EXPECT_EQ(count_reordered({.jitter = milliseconds(20), .keep_order = true}), 0);
}

TEST(Impairments, LosesAllInABlackoutAndNothingAround) {
  Impairments link(
      {.blackouts = {{.begin = seconds(1), .end = seconds(3)}, {.begin = seconds(5), .end = seconds(6)}}}, 1,
      kStart);
  for (int tenth = 0; tenth < 80; ++tenth) {
    const bool dark = (tenth >= 10 && tenth < 30) || (tenth >= 50 && tenth < 60);
    const auto loss = link.judge(100, kStart + milliseconds(100) * tenth).loss;
    ASSERT_EQ(loss == Loss::blackout, dark) << tenth;
  }
}

TEST(Impairments, TakesNewOptionsWhileItRuns) {
  Impairments link({}, 1, kStart);
  EXPECT_FALSE(link.judge(100, kStart).loss);
  link.set_options({.blackout = true});
  EXPECT_EQ(link.judge(100, kStart).loss, Loss::blackout);
  link.set_options({.mtu_bytes = 99});
  EXPECT_EQ(link.judge(100, kStart).loss, Loss::mtu);
  EXPECT_FALSE(link.judge(99, kStart).loss);
  link.set_options({.burst_loss_percent = 100});
  EXPECT_EQ(link.judge(100, kStart).loss, Loss::burst);
}

TEST(Impairments, RateSpacesDatagramsAndTheQueueIsBounded) {
  // 8 Mbit/s are 1,000 bytes a millisecond.
  Impairments link({.rate_kbit_s = 8000, .queue_bytes = 5000}, 1, kStart);
  int forwarded = 0;
  std::size_t dropped = 0;
  for (int i = 0; i < 20; ++i) {
    const Verdict verdict = link.judge(1000, kStart);
    dropped += verdict.queue_drops;
    if (verdict.count == 0) continue;
    EXPECT_EQ(verdict.copies[0].release, kStart + milliseconds(++forwarded));
  }
  EXPECT_EQ(forwarded, 5);
  EXPECT_EQ(dropped, 15U);
}

TEST(RateLimiter, PassesTheRateInTheLongRun) {
  RateLimiter limiter;
  double bytes = 0;
  // Twice the rate is offered for 10 s.
  for (int i = 0; i < 20000; ++i) {
    if (limiter.admit(1000, 8000, 20000, kStart + microseconds(500) * i)) bytes += 1000;
  }
  EXPECT_NEAR(bytes, 10e6, 30e3);
}

TEST(RateLimiter, IdleLinkTakesADatagramLargerThanItsQueue) {
  RateLimiter limiter;
  EXPECT_EQ(limiter.admit(5000, 8000, 100, kStart), kStart + milliseconds(5));
  EXPECT_EQ(limiter.admit(50, 8000, 100, kStart), std::nullopt);
  EXPECT_EQ(limiter.admit(1000, 8000, 100, kStart + milliseconds(5)), kStart + milliseconds(6));
}

struct BurstRow {
  const char* name;
  double percent;
  double length;
};

class BurstLossTable : public testing::TestWithParam<BurstRow> {};

TEST_P(BurstLossTable, HasTheShareAndTheMeanLengthAskedFor) {
  const BurstRow& row = GetParam();
  BurstLoss model(row.percent, row.length, 11);
  constexpr int kDatagrams = 2000000;
  int lost = 0;
  int bursts = 0;
  bool before = false;
  for (int i = 0; i < kDatagrams; ++i) {
    const bool now = model.lose();
    if (now) ++lost;
    if (now && !before) ++bursts;
    before = now;
  }
  EXPECT_NEAR(100.0 * lost / kDatagrams, row.percent, row.percent * 0.05);
  EXPECT_NEAR(static_cast<double>(lost) / bursts, row.length, row.length * 0.03);
}

INSTANTIATE_TEST_SUITE_P(Rows, BurstLossTable,
                         testing::Values(BurstRow{"OnePercentOfFive", 1, 5},
                                         BurstRow{"TenPercentOfThree", 10, 3},
                                         BurstRow{"TwentyPercentOfTwenty", 20, 20},
                                         BurstRow{"ThirtyPercentAlone", 30, 1}),
                         [](const auto& row) { return row.param.name; });

TEST(BurstLoss, KnowsWhatIsImpossible) {
  EXPECT_TRUE(BurstLoss::possible(50, 1));
  EXPECT_FALSE(BurstLoss::possible(51, 1));
  EXPECT_FALSE(BurstLoss::possible(10, 0.5));
  EXPECT_TRUE(BurstLoss::possible(100, 1));
  EXPECT_FALSE((ImpairmentOptions{.burst_loss_percent = 90, .burst_length = 2}.check()));
  EXPECT_TRUE((ImpairmentOptions{.burst_loss_percent = 90, .burst_length = 9}.check()));
}

}  // namespace
}  // namespace mptunnel::test
