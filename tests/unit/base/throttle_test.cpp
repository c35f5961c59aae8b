#include "mptunnel/base/throttle.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

TEST(Throttle, LetsTheFirstThroughAtAnyTime) {
  for (const TimePoint now : {kStart, kStart + 1h}) {
    Throttle throttle;
    EXPECT_TRUE(throttle.take(now));
  }
}

TEST(Throttle, LetsOneThroughAMinuteUnlessSaidOtherwise) {
  Throttle throttle;
  Throttle fast(10ms);
  EXPECT_TRUE(throttle.take(kStart));
  EXPECT_TRUE(fast.take(kStart));
  EXPECT_FALSE(throttle.take(kStart + 1min - 1ns));
  EXPECT_TRUE(throttle.take(kStart + 1min));
  EXPECT_FALSE(fast.take(kStart + 10ms - 1ns));
  EXPECT_TRUE(fast.take(kStart + 10ms));
}

TEST(Throttle, WhatIsRefusedPutsNothingOff) {
  Throttle throttle(1s);
  EXPECT_TRUE(throttle.take(kStart));
  for (Duration after = 100ms; after < 1s; after += 100ms) EXPECT_FALSE(throttle.take(kStart + after));
  EXPECT_TRUE(throttle.take(kStart + 1s));
  EXPECT_FALSE(throttle.take(kStart + 1500ms)) << "counted from what was let through";
}

}  // namespace
}  // namespace mptunnel
