#include "mptunnel/session/token_bucket.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

int take_all(TokenBucket& bucket, TimePoint now) {
  int taken = 0;
  while (taken < 1'000'000 && bucket.take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsWithOneBurst) {
  TokenBucket bucket(10, 25);
  EXPECT_EQ(take_all(bucket, kStart), 25);
  EXPECT_FALSE(bucket.take(kStart));
}

TEST(TokenBucket, RefillsAtItsRate) {
  TokenBucket bucket(10, 25);
  take_all(bucket, kStart);
  EXPECT_FALSE(bucket.take(kStart + 99ms));
  EXPECT_EQ(take_all(bucket, kStart + 1001ms), 10);
  EXPECT_FALSE(bucket.take(kStart + 1010ms));
}

TEST(TokenBucket, NeverHoldsMoreThanABurst) {
  TokenBucket bucket(10, 25);
  take_all(bucket, kStart);
  EXPECT_EQ(take_all(bucket, kStart + 24h), 25);
}

TEST(TokenBucket, TimeThatStandsStillOrRunsBackGivesNothing) {
  TokenBucket bucket(10, 5);
  take_all(bucket, kStart);
  EXPECT_FALSE(bucket.take(kStart - 10s));
  EXPECT_FALSE(bucket.take(kStart));
  EXPECT_TRUE(bucket.take(kStart + 101ms));
}

}  // namespace
}  // namespace mptunnel
