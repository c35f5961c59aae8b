#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// 100,000 datagrams of 1,000 bytes, 5,000 a second, each way at once, over three paths that lose 20 % each.
BenchOptions lossy_options(std::uint64_t seed) {
  BenchOptions options = clean_bench();
  options.seed = seed;
  options.client.up.loss_percent = options.client.down.loss_percent = 20;
  options.client.up.jitter = options.client.down.jitter = 5ms;
  options.traffic = {
      .interval = 200us, .min_bytes = 1000, .max_bytes = 1000, .echo = false, .push_interval = 200us};
  return options;
}

void send_a_hundred_thousand(Bench& bench) {
  bench.run(20s);
  bench.settle();
  EXPECT_NEAR(static_cast<double>(bench.tally(false).offered), 100'000, 500);
  EXPECT_NEAR(static_cast<double>(bench.tally(true).offered), 100'000, 500);
}

double lost_of_a_hundred_thousand(const Tally& tally) {
  return static_cast<double>(tally.lost()) * 100'000 / static_cast<double>(tally.offered);
}

TEST(Loss, ThreePathsOfTwentyPercentLoseEightInAThousand) {
  Bench bench(lossy_options(1));
  bench.begin();
  send_a_hundred_thousand(bench);
  // Binomial: 800, and four standard deviations.
  EXPECT_NEAR(lost_of_a_hundred_thousand(bench.tally(false)), 800, 113);
  EXPECT_NEAR(lost_of_a_hundred_thousand(bench.tally(true)), 800, 113);
}

TEST(Loss, TwoLivePathsOfTwentyPercentLoseFortyInAThousand) {
  Bench bench(lossy_options(2));
  bench.world.blackout(bench.client, 1, true);
  bench.begin();
  send_a_hundred_thousand(bench);
  EXPECT_NEAR(lost_of_a_hundred_thousand(bench.tally(false)), 4000, 248);
  EXPECT_NEAR(lost_of_a_hundred_thousand(bench.tally(true)), 4000, 248);
}

TEST(Loss, BurstsOnTwoPathsLoseNothingWhereTheThirdIsClean) {
  Bench bench(clean_bench());
  for (std::size_t path : {0U, 1U}) {
    const test::ImpairmentOptions bursts{.burst_loss_percent = 40, .burst_length = 50, .delay = 5ms};
    bench.client.lane(path).up->set_options(bursts);
    bench.client.lane(path).down->set_options(bursts);
  }
  bench.begin();
  bench.run(20s);
  bench.settle();
  EXPECT_GT(bench.tally(true).offered, 500U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Loss, PathsASecondApartDeliverEachDatagramOnce) {
  BenchOptions options = clean_bench(1ms);
  options.traffic = {.interval = 200us, .echo = false};
  Bench bench(options);
  bench.client.lane(2).up->set_options({.delay = 1s, .jitter = 500ms});
  bench.begin();
  bench.run(10s);
  bench.settle();
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  // Almost all copies came: some on the slow path a second and a half after the first.
  EXPECT_GT(bench.server().drops(Drop::copy), bench.tally(false).offered * 19 / 10);
}

TEST(Loss, DatagramCostsTwentySixBytes) {
  BenchOptions options = clean_bench();
  options.traffic.min_bytes = options.traffic.max_bytes = 100;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  std::size_t checked = 0;
  bench.client.set_tap([&](const PacketPtr& packet) {
    if (packet->type != PacketType::data) return;
    EXPECT_EQ(packet->bytes.size(), 126U);
    ++checked;
  });
  bench.run(1s);
  EXPECT_GT(checked, 20U);
}

TEST(Loss, EverySizeFromNoneToTheLargestPassesWhole) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  for (const std::size_t bytes : {0U, 1U, 2U, 7U, 8U, 63U, 1173U, 1472U, 9000U, 65480U, 65481U}) {
    bench.application.traffic.min_bytes = bench.application.traffic.max_bytes = bytes;
    Traffic::stop(bench.application);
    bench.run(100ms);
    const std::uint64_t quiet = bench.application.received;
    bench.world.traffic().send(bench.application, 1, bytes);
    bench.run(100ms);
    EXPECT_EQ(bench.application.received, quiet + 1) << bytes << " bytes";
  }
  EXPECT_EQ(bench.tally(false).lost(), 0U);
}

}  // namespace
}  // namespace mptunnel::sim
