#include "mptunnel/ports/kernel_drop_watch.h"

#include <gtest/gtest.h>

#include <chrono>

namespace mptunnel {
namespace {

ReceiveResult lost(std::uint64_t in_kernel, std::uint64_t old = 0) {
  ReceiveResult result;
  result.kernel_drops = in_kernel;
  result.old = old;
  return result;
}

TEST(KernelDropWatch, CountsWhatWaitedTooLongApart) {
  KernelDropWatch watch("in a test");
  EXPECT_EQ(watch.add(lost(2, 3), TimePoint{}), 5U);
  EXPECT_EQ(watch.total(), 2U);
  EXPECT_EQ(watch.old(), 3U);
  EXPECT_EQ(watch.lost(), 5U);
}

TEST(KernelDropWatch, IsPressedOnlyWhereAReadWasFull) {
  KernelDropWatch watch("in a test");
  const TimePoint start = TimePoint{} + std::chrono::hours(1);
  watch.add(lost(100), start);
  EXPECT_FALSE(watch.is_pressed(start)) << "wrong checksums";
  ReceiveResult full;
  full.more = true;
  watch.add(full, start);
  EXPECT_TRUE(watch.is_pressed(start + std::chrono::milliseconds(499)));
  EXPECT_FALSE(watch.is_pressed(start + std::chrono::milliseconds(500)));
}

TEST(KernelDropWatch, CountsAllAndTellsOnceAMinute) {
  KernelDropWatch watch("in a test");
  const TimePoint start = TimePoint{} + std::chrono::hours(1);
  watch.add(lost(0), start);
  EXPECT_EQ(watch.total(), 0U);
  watch.add(lost(5), start);
  EXPECT_EQ(watch.reported(), 5U);
  watch.add(lost(7), start + std::chrono::seconds(59));
  EXPECT_EQ(watch.total(), 12U);
  EXPECT_EQ(watch.reported(), 5U);
  watch.add(lost(1), start + std::chrono::seconds(60));
  EXPECT_EQ(watch.reported(), 13U);
}

}  // namespace
}  // namespace mptunnel
