#include <gtest/gtest.h>

#include "mptunnel/ports/bridge_log.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using Verdict = NewsThrottle::Verdict;

TEST(NewsThrottle, TellsADozenThenOneEachHalfMinute) {
  NewsThrottle throttle;
  TimePoint now = TimePoint{} + 1h;
  for (int i = 0; i < 12; ++i) EXPECT_EQ(throttle.judge(now), Verdict::news) << i;
  EXPECT_EQ(throttle.judge(now), Verdict::last_news);
  EXPECT_EQ(throttle.judge(now + 10s), Verdict::no_news);
  EXPECT_EQ(throttle.judge(now + 31s), Verdict::news);
  EXPECT_EQ(throttle.judge(now + 32s), Verdict::last_news);
  EXPECT_EQ(throttle.judge(now + 33s), Verdict::no_news);
}

}  // namespace
}  // namespace mptunnel
