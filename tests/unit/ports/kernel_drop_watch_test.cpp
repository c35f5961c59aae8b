#include "mptunnel/ports/kernel_drop_watch.h"

#include <gtest/gtest.h>

#include <chrono>

namespace mptunnel {
namespace {

TEST(KernelDropWatch, CountsAllAndTellsOnceAMinute) {
  KernelDropWatch watch("in a test");
  const TimePoint start = TimePoint{} + std::chrono::hours(1);
  watch.add(0, start);
  EXPECT_EQ(watch.total(), 0U);
  watch.add(5, start);
  EXPECT_EQ(watch.reported(), 5U);
  watch.add(7, start + std::chrono::seconds(59));
  EXPECT_EQ(watch.total(), 12U);
  EXPECT_EQ(watch.reported(), 5U);
  watch.add(1, start + std::chrono::seconds(60));
  EXPECT_EQ(watch.reported(), 13U);
}

}  // namespace
}  // namespace mptunnel
