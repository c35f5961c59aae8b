// delay=: two paths over one line, whose copies leave one after the other.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// How many of the datagrams to the server are lost when its line is cut for 80 ms, fifty times.
Tally cut_often(Duration delay) {
  BenchOptions options = clean_bench();
  options.traffic.interval = 1ms;
  options.client.traits.resize(3);
  options.client.traits[1].delay = delay;
  options.client.traits[2].delay = delay;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  const auto cut = [&bench](bool is_cut) {
    for (std::size_t path = 0; path < 3; ++path) bench.client.lane(path).up->set_blackout(is_cut);
  };
  for (int i = 0; i < 50; ++i) {
    cut(true);
    bench.run(80ms);
    cut(false);
    bench.run(400ms);
  }
  bench.settle();
  return bench.tally(false);
}

TEST(Delay, CutsOfTheLineThatAreShorterLoseNothing) {
  const Tally delayed = cut_often(100ms);
  EXPECT_GE(delayed.offered, 25'000U);
  EXPECT_EQ(delayed.lost(), 0U);
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
