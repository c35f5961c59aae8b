#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// 1,000 datagrams a second, each answered.
BenchOptions busy() {
  BenchOptions options = clean_bench();
  options.traffic.interval = 1ms;
  return options;
}

void expect_no_loss(Bench& bench, std::uint64_t at_least) {
  bench.settle();
  EXPECT_GE(bench.tally(false).offered, at_least);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).offered, bench.tally(false).offered);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Blackout, OnePathOfThreeLosesNothing) {
  Bench bench(busy());
  bench.begin();
  bench.run(1s);
  bench.world.blackout(bench.client, 1, true);
  bench.run(5s);
  EXPECT_EQ(bench.state(1), PathState::down);
  bench.world.blackout(bench.client, 1, false);
  bench.run(2s);
  EXPECT_EQ(bench.state(1), PathState::up);
  expect_no_loss(bench, 7000);
}

TEST(Blackout, AllButOneLoseNothing) {
  Bench bench(busy());
  bench.begin();
  bench.run(1s);
  bench.world.blackout(bench.client, 0, true);
  bench.world.blackout(bench.client, 2, true);
  bench.run(5s);
  bench.world.blackout_all(bench.client, false);
  bench.run(2s);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::up);
  expect_no_loss(bench, 7000);
}

TEST(Blackout, PathsInTurnLoseNothing) {
  Bench bench(busy());
  bench.begin();
  bench.run(1s);
  for (std::size_t i = 0; i < 9; ++i) {
    bench.world.blackout(bench.client, i % 3, true);
    bench.run(1500ms);
    bench.world.blackout(bench.client, i % 3, false);
    bench.run(1200ms);
  }
  expect_no_loss(bench, 20'000);
}

TEST(Blackout, OfOneDirectionAloneLosesNothing) {
  Bench bench(busy());
  bench.begin();
  bench.run(1s);
  bench.client.lane(0).up->set_blackout(true);
  bench.client.lane(2).down->set_blackout(true);
  bench.run(40s);
  bench.client.lane(0).up->set_blackout(false);
  bench.client.lane(2).down->set_blackout(false);
  bench.run(2s);
  expect_no_loss(bench, 40'000);
}

TEST(Blackout, PathIsBackAtTheFirstAnswerToAProbe) {
  for (int i = 0; i < 10; ++i) {
    Bench bench(busy());
    bench.begin();
    bench.run(1s);
    bench.world.blackout(bench.client, 1, true);
    bench.run(3s + i * 110ms);
    bench.world.blackout(bench.client, 1, false);
    // A path that is down is probed once a second.
    bench.run(1s + 20ms);
    EXPECT_EQ(bench.state(1), PathState::up);
  }
}

TEST(Blackout, AllPathsDownStopDataAfterFiveSeconds) {
  Bench bench(busy());
  bench.begin();
  bench.run(2s);
  bench.world.blackout_all(bench.client, true);
  bench.run(1100ms);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::down);
  EXPECT_EQ(bench.count<SessionLost>(bench.client.events()), 1U);
  const std::uint64_t before = bench.client.made(PacketType::data);
  bench.run(4s);
  const std::uint64_t five_seconds = bench.client.made(PacketType::data);
  EXPECT_GT(five_seconds, before + 3500);
  bench.run(1100ms);
  const std::uint64_t stopped = bench.client.made(PacketType::data);
  const std::uint64_t probes = bench.client.made(PacketType::control);
  const std::uint64_t handshakes = bench.client.made(PacketType::handshake1);
  bench.run(20s);
  EXPECT_EQ(bench.client.made(PacketType::data), stopped);
  // A probe a second and path; a handshake each 200 ms less an eighth, while the application sends.
  EXPECT_LE(bench.client.made(PacketType::control) - probes, 3U * 21);
  EXPECT_LE(bench.client.made(PacketType::handshake1) - handshakes, 116U);
}

TEST(Blackout, ServerStopsDataToPathsThatWereSilentFor30Seconds) {
  BenchOptions options = busy();
  options.traffic = {.interval = 50ms, .echo = false, .push_interval = 10ms};
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  for (std::size_t path = 0; path < 3; ++path) bench.client.lane(path).up->set_blackout(true);
  bench.run(29s);
  std::uint64_t before = bench.server().made(PacketType::data);
  bench.run(500ms);
  EXPECT_GT(bench.server().made(PacketType::data), before);
  bench.run(1s);
  before = bench.server().made(PacketType::data);
  bench.run(10s);
  EXPECT_EQ(bench.server().made(PacketType::data), before);
}

TEST(Blackout, OfAllPathsEndsWithinAProbeAndTwoRoundTrips) {
  for (const Duration dark : std::initializer_list<Duration>{300ms, 2s, 10s, 40s, 100s, 400s}) {
    SCOPED_TRACE(milliseconds(dark));
    BenchOptions options = clean_bench();
    Bench bench(options);
    bench.begin();
    bench.run(2s);
    bench.world.blackout_all(bench.client, true);
    bench.run(dark);
    bench.world.blackout_all(bench.client, false);
    const TimePoint light = bench.world.now();
    bench.run(3s);
    // A handshake or a probe leaves each 200 ms; the answer, CLIENT_HELLO and its answer, then the datagram.
    EXPECT_LE(resumed_after(bench.application, light), 200ms + 3 * 20ms + 20ms);
  }
}

TEST(Blackout, BridgeThatAppearsLaterDelaysNothing) {
  Bench bench(busy());
  bench.server().start();
  bench.client.start(PathSet::of(PathId{0}, PathId{2}));
  bench.run(1s);
  bench.world.traffic().start(bench.application);
  bench.run(2s);
  EXPECT_FALSE(bench.client.engine().path(PathId{1}).is_available());
  bench.client.set_path_available(1, true);
  bench.run(200ms);
  EXPECT_EQ(bench.state(1), PathState::up);
  expect_no_loss(bench, 2000);
}

}  // namespace
}  // namespace mptunnel::sim
