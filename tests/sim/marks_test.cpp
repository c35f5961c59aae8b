// Networks that drop what has one DSCP and pass the rest, in either direction.

#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

constexpr std::uint8_t kExpedited = 46;

/// A call: 50 datagrams a second with this DSCP each way.
BenchOptions call() {
  BenchOptions options = clean_bench();
  options.traffic.dscp = kExpedited;
  return options;
}

bool drops_expedited(const Copy& copy) {
  return copy.marks.dscp != kExpedited;
}

/// Losses of a second or so after `since` are the time in which it is found.
void expect_lost_for(const Tally& tally, Duration most) {
  const auto a_second = 50.0;
  EXPECT_LT(static_cast<double>(tally.lost()), std::chrono::duration<double>(most).count() * a_second * 1.2);
  EXPECT_GT(tally.lost(), 10U) << "nothing vanished";
}

TEST(Marks, ACallGoesOnUnmarkedWhereItsMarkVanishesOnTheWayOut) {
  Bench bench(call());
  bench.begin();
  bench.run(5s);
  const TimePoint since = bench.world.now();
  bench.filter_up(drops_expedited);
  bench.run(20s);
  expect_lost_for(bench.tally(false, since), 2s);
  const TimePoint later = since + 3s;
  bench.settle();
  EXPECT_EQ(bench.tally(false, later).lost(), 0U);
  EXPECT_EQ(bench.tally(true, later).lost(), 0U);
  const auto news = Bench::all_of<PathMark>(bench.client.events());
  ASSERT_EQ(news.size(), 3U) << "one line a path";
  EXPECT_EQ(news[0].dscp, kExpedited);
  EXPECT_EQ(Bench::count<ClientPathMark>(bench.server().events()), 0U) << "the other way is fine";
}

TEST(Marks, ACallGoesOnUnmarkedWhereItsMarkVanishesOnTheWayBack) {
  Bench bench(call());
  bench.begin();
  bench.run(5s);
  const TimePoint since = bench.world.now();
  bench.filter_down(drops_expedited);
  bench.run(20s);
  expect_lost_for(bench.tally(true, since), 2s);
  const TimePoint later = since + 3s;
  bench.settle();
  EXPECT_EQ(bench.tally(true, later).lost(), 0U);
  EXPECT_EQ(Bench::count<ClientPathMark>(bench.server().events()), 3U);
  EXPECT_EQ(Bench::count<PathMark>(bench.client.events()), 0U);
}

TEST(Marks, PathsThatPassThemKeepThem) {
  Bench bench(call());
  bench.begin();
  bench.client.lane(1).up->set_filter(drops_expedited);
  bench.run(5s);
  std::array<std::uint64_t, 2> marked{};
  std::array<std::uint64_t, 2> plain{};
  for (std::size_t path = 0; path < 2; ++path) {
    bench.client.lane(path).up->set_tap([&, path](const Copy& copy) {
      if (copy.packet->type == PacketType::data) ++(copy.marks.dscp == kExpedited ? marked : plain)[path];
    });
  }
  bench.run(10s);
  EXPECT_GT(marked[0], 400U);
  EXPECT_EQ(plain[0], 0U);
  EXPECT_EQ(marked[1], 0U);
  EXPECT_GT(plain[1], 400U);
}

TEST(Marks, PassAgainAfterMinutesAndThatIsSaidOnce) {
  Bench bench(call());
  bench.begin();
  bench.client.lane(1).up->set_filter(drops_expedited);
  bench.run(5s);
  bench.client.lane(1).up->set_filter({});
  bench.run(kMarkRetryAfter + 10s);
  const auto news = Bench::all_of<PathMark>(bench.client.events());
  ASSERT_EQ(news.size(), 2U);
  EXPECT_FALSE(news[0].passes);
  EXPECT_TRUE(news[1].passes);
}

TEST(Marks, AreKeptOnPathsThatLoseAlike) {
  BenchOptions options = call();
  options.client.up.loss_percent = options.client.down.loss_percent = 40;
  options.client.up.jitter = options.client.down.jitter = 20ms;
  Bench bench(options);
  bench.begin();
  bench.run(5min);
  EXPECT_EQ(Bench::count<PathMark>(bench.client.events()), 0U);
  EXPECT_EQ(Bench::count<ClientPathMark>(bench.server().events()), 0U);
}

/// A call over two paths.
BenchOptions half_dead_call() {
  BenchOptions options = call();
  options.client.paths = 2;
  return options;
}

/// The first path passes out alone, the second in alone; each way takes this long.
void halve(Bench& bench, Duration out, Duration in) {
  bench.set_path(0, {.delay = out});
  bench.set_path(1, {.delay = in});
  bench.run(10s);
  bench.pass(0, true, false);
  bench.pass(1, false, true);
  bench.run(10s);
}

TEST(Marks, VanishOnAPathThatPassesOutAlone) {
  for (const auto& [out, in] : {std::pair(10ms, 10ms), std::pair(10ms, 250ms), std::pair(250ms, 10ms)}) {
    Bench bench(half_dead_call());
    bench.begin();
    halve(bench, out, in);
    const TimePoint since = bench.world.now();
    bench.client.lane(0).up->set_filter(drops_expedited);
    bench.run(20s);
    expect_lost_for(bench.tally(false, since), 3s);
    bench.settle();
    EXPECT_EQ(bench.tally(false, since + 3s).lost(), 0U);
    EXPECT_EQ(bench.tally(true, since + 3s).lost(), 0U);
    EXPECT_EQ(Bench::count<PathMark>(bench.client.events()), 1U);
  }
}

TEST(Marks, VanishOnAPathThatPassesInAlone) {
  for (const auto& [out, in] : {std::pair(10ms, 10ms), std::pair(10ms, 250ms), std::pair(250ms, 10ms)}) {
    Bench bench(half_dead_call());
    bench.begin();
    halve(bench, out, in);
    const TimePoint since = bench.world.now();
    bench.client.lane(1).down->set_filter(drops_expedited);
    bench.run(20s);
    expect_lost_for(bench.tally(true, since), 3s);
    bench.settle();
    EXPECT_EQ(bench.tally(true, since + 3s).lost(), 0U);
    EXPECT_EQ(Bench::count<ClientPathMark>(bench.server().events()), 1U);
  }
}

TEST(Marks, CostNothingWhereThereAreNone) {
  // It outlives the client, which says goodbye.
  std::size_t probes = 0;
  Bench bench(clean_bench());
  bench.begin();
  bench.client.set_tap([&](const PacketPtr& packet) {
    for (const Frame& frame : packet->frames) probes += std::holds_alternative<MarkProbeFrame>(frame) ? 1 : 0;
  });
  bench.run(10s);
  EXPECT_EQ(probes, 0U);
}

}  // namespace
}  // namespace mptunnel::sim
