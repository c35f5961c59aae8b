#include "mptunnel/path/overrun_watch.h"

#include <gtest/gtest.h>

#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

TEST(OverrunWatch, ManyOfWhatComesAreOneUntilTheyAreLongOver) {
  OverrunWatch watch;
  EXPECT_FALSE(watch.is_on(kStart));
  watch.on_passed(1000, kStart);
  watch.on_lost(kOverrunLost - 1, kStart);
  EXPECT_FALSE(watch.is_on(kStart)) << "a few";
  watch.on_lost(1, kStart + 100ms);
  EXPECT_TRUE(watch.is_on(kStart + 100ms));
  EXPECT_TRUE(watch.is_on(kStart + 100ms + kOverrunHold - 1ns));
  EXPECT_FALSE(watch.is_on(kStart + 100ms + kOverrunHold));
}

TEST(OverrunWatch, AFewOfManyAreNone) {
  OverrunWatch watch;
  watch.on_passed(kOverrunOf * 100, kStart);
  watch.on_lost(99, kStart);
  EXPECT_FALSE(watch.is_on(kStart));
  watch.on_lost(1, kStart);
  EXPECT_TRUE(watch.is_on(kStart));
}

TEST(OverrunWatch, WhatIsLongAgoIsNotAdded) {
  OverrunWatch watch;
  for (int i = 0; i < 100; ++i) {
    const TimePoint now = kStart + i * kOverrunWindow;
    watch.on_passed(10, now);
    watch.on_lost(kOverrunLost - 1, now);
    EXPECT_FALSE(watch.is_on(now)) << i;
  }
}

TEST(OverrunWatch, NoneLostIsNoNews) {
  OverrunWatch watch;
  watch.on_lost(0, kStart);
  EXPECT_FALSE(watch.is_on(kStart));
  watch.on_lost(100, kStart);
  watch.on_lost(0, kStart + kOverrunHold - 1ms);
  EXPECT_FALSE(watch.is_on(kStart + kOverrunHold));
}

}  // namespace
}  // namespace mptunnel
