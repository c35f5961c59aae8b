#include "support/common/pacer.h"

#include <gtest/gtest.h>

#include "support/start_time.h"

namespace mptunnel::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Pacer, SendsTheFirstAtOnceAndTheOthersOnSchedule) {
  Pacer pacer(1000, kStart);
  EXPECT_EQ(pacer.take_due(kStart), 1U);
  EXPECT_EQ(pacer.next(), kStart + milliseconds(1));
  EXPECT_EQ(pacer.take_due(kStart + microseconds(999)), 0U);
  EXPECT_EQ(pacer.take_due(kStart + milliseconds(1)), 1U);
  EXPECT_EQ(pacer.next(), kStart + milliseconds(2));
}

TEST(Pacer, DelaysDoNotAddUp) {
  Pacer pacer(5000, kStart);
  std::size_t sent = 0;
  // Each wake-up is 70 us late.
  TimePoint now = kStart;
  while (now < kStart + seconds(1)) {
    sent += pacer.take_due(now);
    now = pacer.next() + microseconds(70);
  }
  EXPECT_NEAR(static_cast<double>(sent), 5000, 1);
  EXPECT_EQ(pacer.slipped(), Duration{0});
}

TEST(Pacer, FastStreamsComeInSmallBatches) {
  Pacer pacer(50000, kStart);
  std::size_t sent = pacer.take_due(kStart);
  for (int wake_ups = 1; wake_ups < 1000; ++wake_ups) {
    const TimePoint next = pacer.next();
    const std::size_t count = pacer.take_due(next);
    ASSERT_EQ(count, 5U);
    sent += count;
  }
  EXPECT_EQ(sent, 4996U);
}

TEST(Pacer, CatchesUpInBoundedBursts) {
  Pacer pacer(10000, kStart);
  EXPECT_EQ(pacer.take_due(kStart), 1U);
  // 50 ms late: 500 are due.
  TimePoint now = kStart + milliseconds(50);
  std::size_t sent = 1;
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(pacer.take_due(now), Pacer::kMaxBurst);
    sent += Pacer::kMaxBurst;
    EXPECT_EQ(pacer.next(), now + Pacer::kMinInterval);
    now = pacer.next();
  }
  sent += pacer.take_due(now);
  EXPECT_EQ(sent, 508U);
  EXPECT_EQ(pacer.slipped(), Duration{0});
}

TEST(Pacer, AStallMovesTheSchedule) {
  Pacer pacer(1000, kStart);
  EXPECT_EQ(pacer.take_due(kStart), 1U);
  EXPECT_EQ(pacer.take_due(kStart + seconds(5)), 1U);
  EXPECT_EQ(pacer.slipped(), seconds(5) - milliseconds(1));
  EXPECT_EQ(pacer.next(), kStart + seconds(5) + milliseconds(1));
}

TEST(Pacer, RateZeroIsAsFastAsItGoes) {
  Pacer pacer(0, kStart);
  EXPECT_EQ(pacer.take_due(kStart), Pacer::kMaxBurst);
  EXPECT_EQ(pacer.take_due(kStart), Pacer::kMaxBurst);
  EXPECT_LE(pacer.next(), kStart);
}

}  // namespace
}  // namespace mptunnel::test
