#include "mptunnel/path/path_history.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

/// A path of 100 packets and 10,000 bytes a second each way, of which so many of 100 are lost.
struct Flowing {
  PathTraffic traffic;
  PathHistory history;
  TimePoint now = kStart;

  void second(std::uint64_t lost_out, std::uint64_t lost_in) {
    now += 1s;
    traffic.out.sent += 100;
    traffic.out.received += 100 - lost_out;
    traffic.in.sent += 100;
    traffic.in.received += 100 - lost_in;
    traffic.sent_bytes += 10'000;
    traffic.received_bytes += 20'000;
    history.sample(traffic, now);
  }
  [[nodiscard]] PathHistory::Recent recent() const { return history.recent(traffic, now); }
};

TEST(PathHistory, SaysNothingBeforeItsFirstSample) {
  const PathHistory history;
  const auto recent = history.recent(PathTraffic{}, kStart);
  EXPECT_FALSE(recent.loss_out || recent.loss_in);
  EXPECT_EQ(recent.bytes_out, 0);
  EXPECT_EQ(recent.bytes_in, 0);
}

TEST(PathHistory, SaysNothingOfLossWhereNothingWasSent) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  path.now += 5s;
  EXPECT_FALSE(path.recent().loss_out || path.recent().loss_in);
}

TEST(PathHistory, LossAndRatesAreOfTheLastTenSeconds) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  for (int i = 0; i < 60; ++i) path.second(50, 100);
  EXPECT_DOUBLE_EQ(*path.recent().loss_out, 0.5);
  EXPECT_DOUBLE_EQ(*path.recent().loss_in, 1);
  for (int i = 0; i < 5; ++i) path.second(0, 0);
  EXPECT_DOUBLE_EQ(*path.recent().loss_out, 0.25);
  EXPECT_DOUBLE_EQ(*path.recent().loss_in, 0.5);
  for (int i = 0; i < 5; ++i) path.second(0, 0);
  EXPECT_DOUBLE_EQ(*path.recent().loss_out, 0);
  EXPECT_DOUBLE_EQ(*path.recent().loss_in, 0);
  EXPECT_DOUBLE_EQ(path.recent().bytes_out, 10'000);
  EXPECT_DOUBLE_EQ(path.recent().bytes_in, 20'000);
}

TEST(PathHistory, SamplesNoMoreThanOnceAStep) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  path.second(100, 0);
  // A hundred calls more would push the second with the loss out.
  for (int i = 0; i < 100; ++i) path.history.sample(path.traffic, path.now + 800ms);
  EXPECT_DOUBLE_EQ(*path.recent().loss_out, 1);
}

TEST(PathHistory, RateFallsWhileNothingMoves) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  path.second(0, 0);
  EXPECT_DOUBLE_EQ(path.recent().bytes_out, 10'000);
  path.now += 9s;
  EXPECT_DOUBLE_EQ(path.recent().bytes_out, 1000);
}

TEST(PathHistory, ForgedCopiesVoidWhatCameForTenSeconds) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  path.second(10, 10);
  EXPECT_TRUE(path.recent().loss_in);
  path.traffic.voided = true;
  EXPECT_FALSE(path.recent().loss_in);
  EXPECT_TRUE(path.recent().loss_out) << "the peer counted that";
  path.second(10, 10);
  EXPECT_FALSE(path.traffic.voided) << "taken over by the sample";
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(path.recent().loss_in) << i;
    path.second(10, 10);
  }
  path.second(10, 10);
  EXPECT_DOUBLE_EQ(*path.recent().loss_in, 0.1);
}

TEST(PathHistory, CountsThatStartAnewSayNothingUntilTheyGrow) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  for (int i = 0; i < 20; ++i) path.second(10, 10);
  path.traffic = PathTraffic{};
  EXPECT_FALSE(path.recent().loss_out || path.recent().loss_in);
  for (int i = 0; i < 12; ++i) path.second(20, 20);
  EXPECT_DOUBLE_EQ(*path.recent().loss_out, 0.2);
  EXPECT_DOUBLE_EQ(path.recent().bytes_out, 10'000);
}

TEST(PathHistory, RatesAreNoNonsenseAfterCountsStartAnew) {
  Flowing path;
  path.history.sample(path.traffic, kStart);
  for (int i = 0; i < 20; ++i) path.second(10, 10);
  path.traffic = PathTraffic{};
  for (int i = 0; i < 12; ++i) {
    path.second(0, 0);
    EXPECT_LE(path.recent().bytes_out, 10'000) << i;
    EXPECT_LE(path.recent().bytes_in, 20'000) << i;
  }
}

}  // namespace
}  // namespace mptunnel
