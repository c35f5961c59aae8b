// Paths that pass in one direction alone: what can pass does.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// 200 datagrams a second, each answered.
BenchOptions with_paths(std::size_t paths) {
  BenchOptions options = clean_bench();
  options.client.paths = paths;
  options.traffic.interval = 5ms;
  return options;
}

void expect_all_answered(Bench& bench) {
  bench.settle();
  EXPECT_GT(bench.tally(false).offered, 1000U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).offered, bench.tally(false).offered);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(OneWay, TwoHalfDeadPathsAreOneThatLives) {
  Bench bench(with_paths(2));
  bench.begin();
  bench.run(1s);
  bench.pass(0, true, false);
  bench.pass(1, false, true);
  // Longer than a path of the server lives unheard, and than a key.
  bench.run(300s);
  EXPECT_EQ(bench.state(0), PathState::suspect);
  EXPECT_EQ(bench.state(1), PathState::suspect);
  EXPECT_EQ(bench.count<PathOneWay>(bench.client.events()), 2U);
  EXPECT_EQ(bench.count<SessionLost>(bench.client.events()), 0U);
  EXPECT_GE(bench.count<SessionStarted>(bench.client.events()), 3U) << "keys are renewed over both";
  for (std::size_t path = 0; path < 2; ++path) bench.pass(path, true, true);
  bench.run(1s);
  EXPECT_EQ(bench.state(0), PathState::up);
  EXPECT_EQ(bench.state(1), PathState::up);
  expect_all_answered(bench);
}

TEST(OneWay, TheOtherWayRoundAsWell) {
  Bench bench(with_paths(3));
  bench.begin();
  bench.run(1s);
  bench.pass(0, false, false);
  bench.pass(1, false, true);
  bench.pass(2, true, false);
  bench.run(60s);
  EXPECT_EQ(bench.state(0), PathState::down);
  // The dead one comes back, and the two halves die.
  bench.pass(0, true, true);
  bench.run(3s);
  EXPECT_EQ(bench.state(0), PathState::up);
  bench.pass(1, false, false);
  bench.pass(2, false, false);
  bench.run(10s);
  EXPECT_EQ(bench.state(1), PathState::down);
  EXPECT_EQ(bench.state(2), PathState::down);
  expect_all_answered(bench);
}

TEST(OneWay, HalvesThatDieTenMinutesLaterAreDown) {
  Bench bench(with_paths(2));
  bench.begin();
  bench.run(1s);
  bench.pass(0, true, false);
  bench.run(600s);
  EXPECT_EQ(bench.state(0), PathState::suspect);
  EXPECT_EQ(bench.count<PathOneWay>(bench.client.events()), 1U);
  bench.pass(0, false, false);
  bench.run(3s);
  EXPECT_EQ(bench.state(0), PathState::down);
  expect_all_answered(bench);
}

TEST(OneWay, AnOutageIsOverOnceDataPassesEachWayBySomePath) {
  Bench bench(with_paths(2));
  bench.begin();
  bench.run(1s);
  bench.world.blackout_all(bench.client, true);
  bench.run(8s);
  EXPECT_EQ(bench.count<SessionLost>(bench.client.events()), 1U);
  bench.pass(0, true, false);
  bench.pass(1, false, true);
  bench.run(10s);
  const TimePoint since = bench.world.now();
  bench.run(300s);
  EXPECT_EQ(bench.count<SessionLost>(bench.client.events()), 1U) << "data passes";
  const auto resumed = Bench::all_of<TrafficResumed>(bench.client.events());
  ASSERT_EQ(resumed.size(), 1U);
  EXPECT_EQ(resumed[0].paths, 0U);
  EXPECT_LE(resumed[0].after, 12s);
  EXPECT_FALSE(bench.client.engine().snapshot(bench.world.now()).outage);
  bench.settle();
  EXPECT_GT(bench.tally(false, since).offered, 1000U);
  EXPECT_EQ(bench.tally(false, since).lost(), 0U);
  EXPECT_EQ(bench.tally(true, since).lost(), 0U);
}

TEST(OneWay, NothingIsSentForLongWhereNoPathPassesOut) {
  Bench bench(with_paths(2));
  bench.begin();
  bench.run(1s);
  for (std::size_t path = 0; path < 2; ++path) bench.pass(path, false, true);
  bench.run(20s);
  EXPECT_EQ(bench.count<SessionLost>(bench.client.events()), 1U);
  EXPECT_TRUE(bench.client.engine().snapshot(bench.world.now()).outage);
  for (std::size_t path = 0; path < 2; ++path) bench.pass(path, true, true);
  const TimePoint healed = bench.world.now();
  bench.run(5s);
  EXPECT_LE(resumed_after(bench.application, healed), 1500ms);
}

TEST(OneWay, APathThatNeverPassedInIsUsedOut) {
  Bench bench(with_paths(2));
  bench.pass(0, true, false);
  bench.begin();
  bench.run(5s);
  EXPECT_EQ(bench.state(0), PathState::suspect);
  bench.pass(1, false, true);
  bench.run(60s);
  expect_all_answered(bench);
}

}  // namespace
}  // namespace mptunnel::sim
