#include "mptunnel/session/fragment_watch.h"

#include <gtest/gtest.h>

#include "support/start_time.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kStart;

/// A watch that is looked at once a second.
struct Watched {
  FragmentWatch watch;
  TimePoint now = kStart;
  std::vector<double> said;

  void run(int seconds, int datagrams, int fragmented) {
    for (int second = 0; second < seconds; ++second) {
      for (int i = 0; i < datagrams; ++i) watch.count(i < fragmented);
      now += 1s;
      if (const auto share = watch.check(now)) said.push_back(*share);
    }
  }
};

TEST(FragmentWatch, TellsOfASteadyShareAfterTwoWindows) {
  Watched w;
  w.run(10, 100, 40);
  EXPECT_TRUE(w.said.empty());
  w.run(2, 100, 40);
  ASSERT_EQ(w.said.size(), 1U);
  EXPECT_DOUBLE_EQ(w.said[0], 0.4);
  EXPECT_EQ(w.watch.fragmented(), 12U * 40);
}

TEST(FragmentWatch, OneBurstIsNotSteady) {
  Watched w;
  for (int i = 0; i < 20; ++i) {
    w.run(1, 100, 100);
    w.run(10, 100, 0);
  }
  EXPECT_TRUE(w.said.empty());
}

TEST(FragmentWatch, ShareBelowATenthIsNotWorthALine) {
  Watched w;
  w.run(120, 100, 9);
  EXPECT_TRUE(w.said.empty());
  w.run(20, 100, 10);
  EXPECT_EQ(w.said.size(), 1U);
}

TEST(FragmentWatch, FewDatagramsSayNothing) {
  Watched w;
  w.run(120, 3, 3);
  EXPECT_TRUE(w.said.empty()) << "15 in a window";
  w.run(20, 4, 4);
  EXPECT_EQ(w.said.size(), 1U) << "20 in a window";
}

TEST(FragmentWatch, SaysItAgainAfterAnHourIfItIsStillSo) {
  Watched w;
  w.run(3600, 100, 50);
  EXPECT_EQ(w.said.size(), 1U);
  w.run(60, 100, 50);
  EXPECT_EQ(w.said.size(), 2U);
  w.run(2 * 3600, 100, 0);
  EXPECT_EQ(w.said.size(), 2U);
}

TEST(FragmentWatch, SilenceSaysNothing) {
  Watched w;
  w.run(3600, 0, 0);
  EXPECT_TRUE(w.said.empty());
  EXPECT_EQ(w.watch.fragmented(), 0U);
}

}  // namespace
}  // namespace mptunnel
