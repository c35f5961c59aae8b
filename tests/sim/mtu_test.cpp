// Paths whose MTU changes while nothing large moves.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

void set_mtu(Bench& bench, std::size_t bytes) {
  for (std::size_t path = 0; path < bench.client.paths(); ++path) {
    test::ImpairmentOptions link = bench.client.lane(path).up->options();
    link.mtu_bytes = bytes;
    bench.set_path(path, link);
  }
}

/// Each end sends large datagrams, each answered.
BenchOptions large_traffic(std::size_t paths) {
  BenchOptions options = clean_bench(20ms);
  options.client.paths = paths;
  options.traffic = {.interval = 10ms, .min_bytes = 1350, .max_bytes = 1440, .push_interval = 10ms};
  return options;
}

TEST(Mtu, NothingLargeIsLostWhereEachPathBecameNarrowInAQuietTime) {
  for (const std::size_t paths : {std::size_t{1}, std::size_t{3}}) {
    for (const Duration quiet : std::initializer_list<Duration>{4s, 20s, 45s}) {
      Bench bench(large_traffic(paths));
      set_mtu(bench, 1472);
      bench.begin();
      bench.run(5s);
      bench.world.traffic().stop_all();
      bench.run(quiet);
      set_mtu(bench, 1272);
      bench.world.traffic().start(bench.application);
      bench.run(5s);
      bench.settle();
      EXPECT_EQ(bench.tally(false).lost(), 0U) << paths << " paths";
      EXPECT_EQ(bench.tally(true).lost(), 0U) << paths << " paths";
    }
  }
}

TEST(Mtu, LargeDatagramsGoInOnePieceAloneWhileTheyMove) {
  Bench bench(large_traffic(3));
  set_mtu(bench, 1472);
  bench.begin();
  bench.run(5s);
  const auto large_ones = [&bench](PacketType type, Duration time) {
    std::uint64_t found = 0;
    bench.client.set_tap([&](const PacketPtr& packet) {
      found += packet->type == type && packet->bytes.size() > 600 ? 1U : 0U;
    });
    bench.run(time);
    bench.client.set_tap(nullptr);
    return found;
  };
  // MTU probes alone, each 250 ms.
  EXPECT_LE(large_ones(PacketType::control, 20s), 3U * 80);
  bench.world.traffic().stop_all();
  bench.run(20s);
  bench.world.traffic().start(bench.application);
  // After a quiet time in pieces as well, for a round trip.
  const std::uint64_t pieces = large_ones(PacketType::control, 10s);
  EXPECT_GE(pieces, 2U);
  EXPECT_LE(pieces, 3U * 42 + 2U * 7);
}

TEST(Mtu, LittleIsLostWhereEachPathBecomesNarrowUnderSteadyLargeTraffic) {
  // 100 large datagrams a second each way. What two probes may take, one after the other, is waited for, on
  // top of 250 ms.
  for (const auto& [delay, most] : {std::pair(5ms, 34U), std::pair(25ms, 53U), std::pair(100ms, 115U)}) {
    for (const std::size_t paths : {std::size_t{1}, std::size_t{3}}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        BenchOptions options = clean_bench(delay);
        options.seed = seed;
        options.client.paths = paths;
        options.traffic = {
            .interval = 10ms, .min_bytes = 1350, .max_bytes = 1440, .echo = false, .push_interval = 10ms};
        Bench bench(options);
        set_mtu(bench, 1472);
        bench.begin();
        bench.run(5s + static_cast<int>(seed) * 137ms);
        set_mtu(bench, 1300);
        bench.run(6s);
        bench.settle();
        EXPECT_LE(bench.tally(false).lost(), most) << paths << " paths, seed " << seed;
        EXPECT_LE(bench.tally(true).lost(), most) << paths << " paths, seed " << seed;
      }
    }
  }
}

TEST(Mtu, NoPiecesLeaveWhereAPathLosesSingleProbesAlone) {
  for (const Duration delay : {5ms, 25ms, 100ms}) {
    BenchOptions options = large_traffic(1);
    options.client.up.delay = options.client.down.delay = delay;
    Bench bench(options);
    set_mtu(bench, 1472);
    bench.begin();
    bench.run(10s);
    unsigned probes = 0;
    unsigned lost = 0;
    unsigned pieces = 0;
    // Never two of one end in a row.
    const auto passes = [&](unsigned& sent) {
      return [&](const Copy& copy) {
        for (const Frame& frame : copy.packet->frames)
          pieces += std::holds_alternative<FragmentFrame>(frame) ? 1U : 0U;
        if (copy.packet->bytes.size() != 1472) return true;
        ++probes;
        const bool is_lost = sent++ % 3 == 1;
        lost += is_lost ? 1U : 0U;
        return !is_lost;
      };
    };
    unsigned out = 0;
    unsigned in = 0;
    bench.filter_up(passes(out));
    bench.filter_down(passes(in));
    bench.run(30s);
    EXPECT_GE(lost, 40U);
    EXPECT_LE(probes, 2U * 120 + lost);
    EXPECT_EQ(pieces, 0U) << lost << " probes of " << probes << " were lost";
  }
}

TEST(Mtu, NoPiecesLeaveWherePathsLoseAndCarryAll) {
  for (const auto& [loss, share] : {std::pair(0.0, 0.0), std::pair(20.0, 0.001)}) {
    BenchOptions options = large_traffic(3);
    options.client.up.loss_percent = options.client.down.loss_percent = loss;
    Bench bench(options);
    set_mtu(bench, 1472);
    bench.begin();
    bench.run(10s);
    std::uint64_t pieces = 0;
    std::uint64_t whole = 0;
    bench.client.set_tap([&](const PacketPtr& packet) {
      whole += packet->type == PacketType::data ? 1U : 0U;
      for (const Frame& frame : packet->frames)
        pieces += std::holds_alternative<FragmentFrame>(frame) ? 1U : 0U;
    });
    bench.run(60s);
    bench.client.set_tap(nullptr);
    EXPECT_GT(whole, 5000U);
    EXPECT_LE(static_cast<double>(pieces), share * static_cast<double>(whole));
  }
}

}  // namespace
}  // namespace mptunnel::sim
