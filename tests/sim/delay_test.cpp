// delay=: two paths over one line, whose copies leave one after the other.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

enum class Way : std::uint8_t { to_server, to_client };

/// How many of the datagrams of one way are lost when that way of the line is cut for 80 ms, fifty times.
Tally cut_often(Duration delay, Way way = Way::to_server) {
  BenchOptions options = clean_bench();
  options.traffic.interval = 1ms;
  options.client.traits.resize(3);
  options.client.traits[1].delay = delay;
  options.client.traits[2].delay = delay;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  const auto cut = [&](bool is_cut) {
    for (std::size_t path = 0; path < 3; ++path) {
      Lane& lane = bench.client.lane(path);
      (way == Way::to_server ? *lane.up : *lane.down).set_blackout(is_cut);
    }
  };
  for (int i = 0; i < 50; ++i) {
    cut(true);
    bench.run(80ms);
    cut(false);
    bench.run(400ms);
  }
  bench.settle();
  return bench.tally(way == Way::to_client);
}

TEST(Delay, CutsOfTheLineThatAreShorterLoseNothing) {
  const Tally delayed = cut_often(100ms);
  EXPECT_GE(delayed.offered, 24'000U);
  EXPECT_EQ(delayed.lost(), 0U);
}

TEST(Delay, CutsOfTheWayBackLoseNothingEither) {
  const Tally delayed = cut_often(100ms, Way::to_client);
  EXPECT_GE(delayed.offered, 24'000U);
  EXPECT_EQ(delayed.lost(), 0U);
  EXPECT_GE(cut_often(Duration{}, Way::to_client).lost(), 50U * 70U);
}

/// One that a path gets in fragments because it is too large for that.
TEST(Delay, HoldsForDatagramsThatSomePathsGetInFragments) {
  for (const Way way : {Way::to_server, Way::to_client}) {
    BenchOptions options = clean_bench();
    options.client.paths = 2;
    options.client.traits.resize(2);
    options.client.traits[1].delay = 100ms;
    options.traffic = {.interval = 2ms, .min_bytes = 1400, .max_bytes = 1400};
    Bench bench(options);
    Lane& narrow = bench.client.lane(1);
    for (Link* link : {narrow.up.get(), narrow.down.get()}) {
      test::ImpairmentOptions carries = link->options();
      carries.mtu_bytes = 1272;
      link->set_options(carries);
    }
    bench.begin();
    bench.run(5s);
    for (int i = 0; i < 20; ++i) {
      for (std::size_t path = 0; path < 2; ++path) {
        Lane& lane = bench.client.lane(path);
        Link& link = way == Way::to_server ? *lane.up : *lane.down;
        link.set_blackout(true);
        bench.world.events().at(bench.world.now() + 80ms, [&link] { link.set_blackout(false); });
      }
      bench.run(500ms);
    }
    bench.settle();
    EXPECT_GE(bench.tally(way == Way::to_client).offered, 5000U);
    EXPECT_EQ(bench.tally(way == Way::to_client).lost(), 0U);
  }
}

TEST(Delay, WithoutItTheSameCutsLoseWhatWasSentInThem) {
  EXPECT_GE(cut_often(Duration{}).lost(), 50U * 70U);
}

TEST(Delay, HoldsBackNeitherTheFirstCopyNorWhatTheEnginesSay) {
  BenchOptions options = clean_bench();
  options.client.traits.resize(3);
  for (PathTraits& traits : options.client.traits) traits.delay = 1s;
  Bench bench(options);
  bench.begin();
  bench.run(5s);
  for (std::size_t path = 0; path < 3; ++path) {
    const ProbedPath& probed = bench.client.engine().path(PathId{static_cast<std::uint8_t>(path)});
    EXPECT_LT(probed.rtt().smoothed(), 50ms);
  }
  EXPECT_LT(resumed_after(bench.application, bench.world.now() - 1s), 200ms);
  bench.settle();
  EXPECT_GT(bench.tally(false).offered, 0U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
}

}  // namespace
}  // namespace mptunnel::sim
