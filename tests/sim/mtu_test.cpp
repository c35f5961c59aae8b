// Paths whose MTU changes while nothing large moves.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

void set_mtu(Bench& bench, std::size_t bytes) {
  for (std::size_t path = 0; path < bench.client.paths(); ++path) {
    for (Link* link : {bench.client.lane(path).up.get(), bench.client.lane(path).down.get()}) {
      test::ImpairmentOptions options = link->options();
      options.mtu_bytes = bytes;
      link->set_options(options);
    }
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
  // MTU probes alone.
  EXPECT_LE(large_ones(PacketType::control, 20s), 3U * 12);
  bench.world.traffic().stop_all();
  bench.run(20s);
  bench.world.traffic().start(bench.application);
  // After a quiet time in pieces as well, for a round trip.
  const std::uint64_t pieces = large_ones(PacketType::control, 10s);
  EXPECT_GE(pieces, 2U);
  EXPECT_LE(pieces, 3U * 7 + 2U * 7);
}

}  // namespace
}  // namespace mptunnel::sim
