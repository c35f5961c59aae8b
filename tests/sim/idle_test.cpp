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
  EXPECT_EQ(bench.count<NoAnswer>(bench.client.events()), 1U);
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
