// What all copies lost comes back: how much, how late, for how many bytes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "sim/at_target.h"
#include "sim/bench.h"
#include "sim/tcp_stream.h"

namespace mptunnel::sim {
namespace {

/// Datagrams of one size, at this pace in each direction, none in answer to another.
TrafficOptions steady(Duration interval, std::size_t bytes) {
  return {
      .interval = interval, .min_bytes = bytes, .max_bytes = bytes, .echo = false, .push_interval = interval};
}

/// Runs for so long until all has been learnt, and then for `time`. Returns when that began.
TimePoint run_after(Bench& bench, Duration learning, Duration time) {
  bench.begin();
  bench.run(learning);
  const TimePoint since = bench.world.now();
  bench.run(time);
  bench.settle();
  return since;
}

double share(const Tally& tally) {
  return static_cast<double>(tally.lost()) / static_cast<double>(tally.offered);
}

TEST(Repair, OfABulkStreamOverThreePathsOfTwentyPercent) {
  BenchOptions options = repaired_bench(20);
  options.traffic = steady(200us, 1000);
  Bench bench(options);
  const TimePoint since = run_after(bench, 2s, 20s);
  for (const bool replies : {false, true}) {
    const Tally tally = bench.tally(replies, since);
    EXPECT_NEAR(static_cast<double>(tally.offered), 100'000, 1000);
    EXPECT_LE(share(tally), 1e-4);
  }
  const RepairSender& repair = bench.client.engine().state().sender.repair();
  fmt::print(
      "residual {:.2e} {:.2e}, {} recovered, overhead {:.1f} % of copies, plan {}/{} loss {:.2e}\n",
      share(bench.tally(false, since)), share(bench.tally(true, since)),
      bench.world.context().oracle.recovered(),
      100.0 * static_cast<double>(repair.repair_bytes()) / (3.0 * static_cast<double>(repair.data_bytes())),
      repair.plan()->rate.repairs, repair.plan()->rate.sources, repair.plan()->loss);
}

TEST(Repair, OfASparseFlowOverThreePathsOfTenPercent) {
  BenchOptions options = repaired_bench(10);
  options.traffic = steady(20ms, 160);
  Bench bench(options);
  AtTarget target(bench.world, bench.application);
  const TimePoint since = run_after(bench, 20s, 1000s);
  for (const bool replies : {false, true}) {
    const Tally tally = bench.tally(replies, since);
    fmt::print("lost {} of {}\n", tally.lost(), tally.offered);
    EXPECT_LE(tally.lost(), 1U);
  }
  // The paths' own is 20 to 21 ms.
  fmt::print("delay {:.1f} ms, p99.9 {:.1f} ms\n", milliseconds(target.delay(0.5)),
             milliseconds(target.delay(0.999)));
  EXPECT_LE(target.delay(0.999), 20ms + 25ms);
}

TEST(Repair, OfASparseFlowOverOnePathOfTenPercent) {
  BenchOptions options = repaired_bench(10, 1);
  options.traffic = steady(20ms, 160);
  Bench bench(options);
  AtTarget target(bench.world, bench.application);
  const TimePoint since = run_after(bench, 20s, 1000s);
  for (const bool replies : {false, true}) {
    fmt::print("lost {} of {}\n", bench.tally(replies, since).lost(), bench.tally(replies, since).offered);
    EXPECT_LE(share(bench.tally(replies, since)), 1e-3);
  }
  // A tenth is repaired.
  fmt::print("delay {:.1f} ms, p90 {:.1f} ms, p99 {:.1f} ms, p99.9 {:.1f} ms\n",
             milliseconds(target.delay(0.5)), milliseconds(target.delay(0.9)),
             milliseconds(target.delay(0.99)), milliseconds(target.delay(0.999)));
  EXPECT_LE(target.delay(0.999), 20ms + 25ms);
}

TEST(Repair, SendsNothingOnCleanPaths) {
  BenchOptions options = repaired_bench(0);
  options.traffic = steady(1ms, 1000);
  Bench bench(options);
  bench.begin();
  bench.run(30s);
  bench.settle();
  EXPECT_EQ(bench.client.engine().state().sender.repair().repairs(), 0U);
  EXPECT_EQ(bench.tally(false).lost() + bench.tally(true).lost(), 0U);
}

/// What a bulk stream of so many bytes a datagram loses in 20 s, as a share: the worse of the two directions.
double bulk_loss(BenchOptions options, std::size_t bytes, bool is_repaired, Duration interval = 500us,
                 const std::function<bool(const Copy&)>& filter = {}) {
  if (!is_repaired) options.client.repair = options.server.settings.repair = std::nullopt;
  options.traffic = steady(interval, bytes);
  Bench bench(options);
  if (filter) {
    for (std::size_t path = 0; path < options.client.paths; ++path) {
      bench.client.lane(path).up->set_filter(filter);
      bench.client.lane(path).down->set_filter(filter);
    }
  }
  const TimePoint since = run_after(bench, 3s, 20s);
  const RepairPlan* plan = bench.client.engine().state().sender.repair().plan();
  const double worse = std::max(share(bench.tally(false, since)), share(bench.tally(true, since)));
  if (plan != nullptr)
    fmt::print("lost {:.2e}; plan {} of {} for {:.2e}, computed to leave {:.2e}\n", worse, plan->rate.repairs,
               plan->rate.sources, plan->loss, plan->residual);
  return worse;
}

/// What needs two packets on each path is lost twice as often, unless it is repaired.
TEST(Repair, DoesNotMindFragments) {
  BenchOptions options = repaired_bench(10);
  options.client.up.mtu_bytes = options.client.down.mtu_bytes = 1472;
  EXPECT_GT(bulk_loss(options, 1464, false), 1.5e-3);
  EXPECT_LE(bulk_loss(options, 1464, true), 1e-4);
}

TEST(Repair, OfBursts) {
  BenchOptions options = repaired_bench(0);
  options.client.up.burst_loss_percent = options.client.down.burst_loss_percent = 20;
  const double before = bulk_loss(options, 1000, false);
  const double after = bulk_loss(options, 1000, true);
  EXPECT_GT(before, 4e-3);
  EXPECT_LE(after, before / 10);
}

/// One DATA packet in a hundred is lost on all paths, as where they share a line.
TEST(Repair, OfLossesThatAllPathsShare) {
  const auto is_passed = [](const Copy& copy) {
    const Packet& packet = *copy.packet;
    if (packet.type != PacketType::data) return true;
    return (packet.number * 2654435761U >> 8U) % 100 != 0;
  };
  const BenchOptions options = repaired_bench(2);
  const double before = bulk_loss(options, 1000, false, 500us, is_passed);
  const double after = bulk_loss(options, 1000, true, 500us, is_passed);
  EXPECT_NEAR(before, 0.01, 0.002);
  EXPECT_LE(after, 1e-4);
}

/// What only the slow path brings is not lost: repair costs as much as where all are fast.
TEST(Repair, IsNotMisledByAPathOfLargerDelay) {
  BenchOptions options = repaired_bench(10, 2);
  options.traffic = steady(1ms, 1000);
  Bench bench(options);
  const test::ImpairmentOptions slow{.loss_percent = 10, .delay = 120ms, .jitter = 5ms};
  bench.client.lane(1).up->set_options(slow);
  bench.client.lane(1).down->set_options(slow);
  const TimePoint since = run_after(bench, 3s, 60s);
  for (const bool replies : {false, true}) EXPECT_LE(share(bench.tally(replies, since)), 1e-4);
  const RepairSender& repair = bench.client.engine().state().sender.repair();
  EXPECT_LE(static_cast<double>(repair.repair_bytes()), 0.5 * static_cast<double>(repair.data_bytes()));
}

/// Mbit/s of one TCP connection over three paths of 20 Mbit/s, 20 ms each way, in the steady state.
double tcp_goodput(double loss_percent, bool is_repaired, StreamWay way, std::unique_ptr<Congestion> control,
                   std::uint64_t seed) {
  BenchOptions options = repaired_bench(loss_percent);
  options.seed = seed;
  if (!is_repaired) options.client.repair = options.server.settings.repair = std::nullopt;
  options.client.up.rate_kbit_s = options.client.down.rate_kbit_s = 20'000;
  Bench bench(options);
  bench.server().start();
  bench.client.start();
  bench.run(1s);
  return steady_goodput_mbit_s(bench.world, bench.application, way, std::move(control));
}

class RepairedTcp : public testing::TestWithParam<StreamWay> {};
INSTANTIATE_TEST_SUITE_P(Ways, RepairedTcp, testing::Values(StreamWay::upload, StreamWay::download),
                         [](const auto& one) {
                           return one.param == StreamWay::upload ? "Upload" : "Download";
                         });

TEST_P(RepairedTcp, OfTenPercentIsNearlyAsOfNone) {
  for (auto* const make : {&make_cubic, &make_bbr}) {
    // One connection alone is faster or slower by some percent, as chance has it.
    const auto mean = [&](double loss_percent, bool is_repaired) {
      double sum = 0;
      for (const std::uint64_t seed : {1U, 2U, 3U})
        sum += tcp_goodput(loss_percent, is_repaired, GetParam(), make(), seed);
      return sum / 3;
    };
    const double clean = mean(0, true);
    const double copies = mean(10, false);
    const double repaired = mean(10, true);
    const double worst = mean(20, true);
    fmt::print("clean {:.1f}; 10 %: copies {:.1f}, repaired {:.1f}; 20 %: repaired {:.1f} Mbit/s\n", clean,
               copies, repaired, worst);
    EXPECT_GE(repaired, 0.8 * clean);
    EXPECT_GE(worst, 0.5 * clean);
    EXPECT_GE(repaired, 0.95 * copies);
  }
}

/// Of bursts that double each round trip, as a connection's first ones do, after datagrams now and then.
TEST(Repair, KeepsUpWithAStreamThatBegins) {
  std::uint64_t offered = 0;
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    BenchOptions options = repaired_bench(10);
    options.seed = seed;
    options.traffic = steady(20ms, 160);
    Bench bench(options);
    bench.begin();
    bench.run(2s);
    bench.world.traffic().stop_all();
    const TimePoint since = bench.world.now();
    // Of 1400 bytes as many as 100 Mbit/s bring, in pieces of a millisecond.
    for (std::size_t burst = 10; burst <= 320; burst *= 2) {
      for (std::size_t sent = 0; sent < burst; sent += 10) {
        bench.world.traffic().send(bench.application, 10, 1400);
        bench.run(1ms);
      }
      bench.run(40ms - std::chrono::milliseconds(burst / 10));
    }
    bench.settle();
    offered += bench.tally(false, since).offered;
    lost += bench.tally(false, since).lost();
  }
  // Unrepaired it is one in a thousand.
  EXPECT_EQ(offered, 60U * 630);
  EXPECT_LE(lost, 4U);
  fmt::print("lost {} of {}\n", lost, offered);
}

/// A connection that fills the queues of clean paths makes losses of its own, which are not repaired.
TEST(Repair, OfWhatAFullQueueLosesIsNone) {
  for (const std::size_t paths : {1U, 3U}) {
    BenchOptions options = repaired_bench(0, paths);
    options.client.up.rate_kbit_s = options.client.down.rate_kbit_s = 20'000;
    options.client.up.queue_bytes = options.client.down.queue_bytes = 64 << 10U;
    Bench bench(options);
    bench.server().start();
    bench.client.start();
    bench.run(1s);
    TcpStream stream(bench.world, bench.application, StreamWay::upload, make_cubic());
    stream.start();
    bench.run(30s);
    const RepairSender& repair = bench.client.engine().state().sender.repair();
    const auto all = static_cast<double>(paths * repair.data_bytes());
    fmt::print("{} segments sent again; repair is {:.2f} % of what copies take\n",
               stream.counts().retransmitted, 100 * static_cast<double>(repair.repair_bytes()) / all);
    EXPECT_GT(stream.counts().retransmitted, 5U);
    EXPECT_LE(static_cast<double>(repair.repair_bytes()), 0.01 * all);
    stream.stop();
    bench.run(2s);
  }
}

}  // namespace
}  // namespace mptunnel::sim
