#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

TEST(Idle, ClientProbesEachPathEveryTenSecondsAndNothingElse) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.world.traffic().stop_all();
  bench.run(10s);
  const std::uint64_t control = bench.client.made(PacketType::control);
  const std::uint64_t handshakes = bench.client.made(PacketType::handshake1);
  bench.run(100s);
  EXPECT_LE(bench.client.made(PacketType::control) - control, 3U * 11);
  EXPECT_GE(bench.client.made(PacketType::control) - control, 3U * 9);
  EXPECT_EQ(bench.client.made(PacketType::handshake1), handshakes);
}

/// Bits a second on the path, both ways, with 28 bytes of IP and UDP for each packet.
double bits_a_second(Bench& bench, std::size_t path, Duration time) {
  Lane& lane = bench.client.lane(path);
  const auto bytes = [&lane] {
    return lane.up->sent_bytes() + lane.down->sent_bytes() + 28 * (lane.up->sent() + lane.down->sent());
  };
  const std::uint64_t before = bytes();
  bench.run(time);
  return static_cast<double>(bytes() - before) * 8 / std::chrono::duration<double>(time).count();
}

TEST(Idle, VpnThatPingsEachTenSecondsCostsLessThanAKilobitASecondOfEachPath) {
  struct Row {
    const char* name;
    bool echo;
    Duration push;
  };
  for (const Row& row :
       {Row{"one way", false, 0s}, Row{"answered", true, 0s}, Row{"each end pings", false, 10s},
        Row{"each end pings, and the target answers", true, 10s}}) {
    SCOPED_TRACE(row.name);
    BenchOptions options = clean_bench();
    options.traffic = {
        .interval = 10s, .min_bytes = 60, .max_bytes = 60, .echo = row.echo, .push_interval = row.push};
    Bench bench(options);
    bench.begin();
    bench.run(60s);
    for (std::size_t path = 0; path < 3; ++path) EXPECT_LT(bits_a_second(bench, path, 600s), 1000);
  }
}

TEST(Idle, PathOfAFewDatagramsIsProbedNoMoreThanTheyCost) {
  // `ping`: each second, and answered.
  BenchOptions options = clean_bench();
  options.traffic = {.interval = 1s, .min_bytes = 84, .max_bytes = 84};
  Bench bench(options);
  bench.begin();
  bench.run(20s);
  const std::uint64_t control = bench.client.made(PacketType::control);
  bench.run(100s);
  EXPECT_LE(bench.client.made(PacketType::control) - control, 3U * 110);
}

TEST(Idle, RestartedServerIsFoundWithinASecondOfTheNextDatagram) {
  for (const Duration pause : std::initializer_list<Duration>{0ms, 100ms, 300ms, 700ms, 3s, 9s, 25s}) {
    SCOPED_TRACE(milliseconds(pause));
    Bench bench(clean_bench());
    bench.begin();
    bench.world.traffic().stop_all();
    bench.run(30s);
    bench.world.traffic().send(bench.application, 1, 60);
    bench.run(200ms);
    bench.server().kill();
    bench.run(pause);
    bench.server().start();
    const TimePoint asked = bench.world.now();
    const std::size_t sessions = bench.count<SessionStarted>(bench.client.events());
    bench.world.traffic().send(bench.application, 1, 60);
    bench.run(1s);
    EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()), sessions + 1);
    bench.world.traffic().send(bench.application, 1, 60);
    bench.run(200ms);
    EXPECT_LE(resumed_after(bench.application, asked), 1200ms);
  }
}

TEST(Idle, DeadPathIsFoundWithinASecondAndAHalfOfALoneDatagram) {
  Bench bench(clean_bench());
  bench.begin();
  bench.world.traffic().stop_all();
  bench.run(33s);
  bench.world.blackout(bench.client, 1, true);
  bench.world.traffic().send(bench.application, 1, 60);
  bench.run(1500ms);
  EXPECT_EQ(bench.state(1), PathState::down);
  EXPECT_EQ(bench.state(0), PathState::up);
}

TEST(Idle, BackupTakesOverWithin300MillisecondsOfALoneDatagram) {
  BenchOptions options = clean_bench();
  options.client.paths = 2;
  options.client.traits = {PathTraits{}, PathTraits{true, false}};
  Bench bench(options);
  bench.begin();
  bench.world.traffic().stop_all();
  bench.run(33s);
  ASSERT_TRUE(bench.client.engine().path(PathId{1}).is_standby());
  bench.world.blackout(bench.client, 0, true);
  bench.world.traffic().send(bench.application, 1, 60);
  bench.run(300ms);
  EXPECT_FALSE(bench.client.engine().path(PathId{1}).is_standby());
}

TEST(Idle, WakesTheProgramSeldom) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.world.traffic().stop_all();
  bench.run(10s);
  const std::uint64_t client = bench.client.wakes();
  const std::uint64_t server = bench.server().wakes();
  bench.run(100s);
  // Once a second to tidy up, and the probes.
  EXPECT_LE(bench.client.wakes() - client, 101U + 3 * 11);
  EXPECT_LE(bench.server().wakes() - server, 101U);
}

TEST(Idle, SilentSessionGetsNothingAfterAMinuteAndEndsAfterFive) {
  BenchOptions options = clean_bench();
  options.traffic = {.interval = 20ms, .push_interval = 20ms};
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  bench.client.kill();
  bench.run(62s);
  const std::uint64_t data = bench.server().made(PacketType::data);
  const std::uint64_t control = bench.server().made(PacketType::control);
  bench.run(230s);
  EXPECT_EQ(bench.server().made(PacketType::data), data);
  EXPECT_EQ(bench.server().made(PacketType::control), control);
  EXPECT_GT(bench.server().drops(Drop::no_path), 10'000U);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 1U);
  bench.run(10s);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 0U);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 0U);
  EXPECT_EQ(bench.server().engine().deadline(), kNever);
  EXPECT_EQ(bench.count<ClientSessionSilent>(bench.server().events()), 1U);
}

TEST(Idle, ClientBackFromDormancyKeepsItsSocket) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.world.blackout_all(bench.client, true);
  bench.run(200s);
  bench.world.blackout_all(bench.client, false);
  const TimePoint light = bench.world.now();
  bench.run(2s);
  EXPECT_LE(resumed_after(bench.application, light), 300ms);
  EXPECT_EQ(bench.server().sockets_opened(), 1U);
}

TEST(Idle, FlowsEndAfterFiveMinutes) {
  Bench bench(clean_bench());
  for (int i = 0; i < 5; ++i) bench.client.add_application({});
  bench.begin();
  for (const auto& application : bench.world.traffic().applications())
    bench.world.traffic().send(*application, kShortFlowDatagrams + 1, 50);
  bench.run(295s);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 6U);
  bench.run(10s);
  EXPECT_EQ(bench.client.engine().state().flows.size(), 1U);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 1U);
}

TEST(Idle, ClientWithoutAServerAsksEveryFiveSeconds) {
  Bench bench(clean_bench());
  bench.client.start();
  bench.run(60s);
  const std::uint64_t before = bench.client.made(PacketType::handshake1);
  bench.run(100s);
  EXPECT_LE(bench.client.made(PacketType::handshake1) - before, 24U);
  EXPECT_GE(bench.client.made(PacketType::handshake1) - before, 19U);
  // After 3 s, 33 s and 93 s.
  EXPECT_EQ(bench.count<NoAnswer>(bench.client.events()), 3U);
}

TEST(Idle, ClientWithoutPathsSaysNothingAndUsesThemWhenTheyCome) {
  Bench bench(clean_bench());
  bench.server().start();
  bench.client.start(PathSet{});
  bench.run(3600s);
  bench.world.traffic().start(bench.application);
  bench.run(1s);
  bench.client.set_path_available(2, true);
  const TimePoint there = bench.world.now();
  bench.run(1s);
  EXPECT_LE(resumed_after(bench.application, there), 100ms);
}

TEST(Idle, FirstDatagramAfterAnHourOfQuietArrives) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.world.traffic().stop_all();
  bench.run(3600s);
  const std::uint64_t before = bench.application.received;
  bench.world.traffic().send(bench.application, 1, 100);
  bench.run(100ms);
  EXPECT_EQ(bench.application.received, before + 1);
}

}  // namespace
}  // namespace mptunnel::sim
