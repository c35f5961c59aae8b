#include <gtest/gtest.h>

#include <algorithm>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

BenchOptions clear_bench() {
  BenchOptions options = clean_bench();
  options.client.handshake.encrypt = false;
  options.server.settings.handshake.encrypt = false;
  return options;
}

TEST(ClearMode, PayloadTravelsAsItIs) {
  Bench bench(clear_bench());
  bench.begin();
  bench.run(1s);
  std::size_t checked = 0;
  bench.client.set_tap([&](const PacketPtr& packet) {
    if (packet->type != PacketType::data) return;
    ASSERT_TRUE(packet->datagram);
    EXPECT_EQ(packet->bytes.size(), packet->datagram->payload.size() + 18);
    EXPECT_TRUE(std::equal(packet->bytes.begin() + 18, packet->bytes.end(), packet->datagram->payload.begin(),
                           packet->datagram->payload.end()));
    ++checked;
  });
  bench.run(1s);
  EXPECT_GT(checked, 20U);
  EXPECT_EQ(bench.client.engine().state().link.current()->keys().cipher(), Cipher::none);
}

TEST(ClearMode, LosesNothingOnCleanPathsThroughRekeys) {
  Bench bench(clear_bench());
  bench.begin();
  bench.run(400s);
  bench.settle();
  EXPECT_GE(bench.count<SessionStarted>(bench.client.events()), 4U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(ClearMode, FlippedBitsReachNoOtherFlowAndNothingTwice) {
  // What may arrive altered, and what must not, is the oracle's business: each copy here has a flipped bit.
  BenchOptions options = clear_bench();
  options.traffic = {.interval = 5ms, .min_bytes = 0, .max_bytes = 40};
  Bench bench(options);
  for (int i = 0; i < 70; ++i) bench.client.add_application({});
  bench.begin();
  for (const auto& application : bench.world.traffic().applications())
    bench.world.traffic().send(*application, 1, 10);
  bench.run(1s);
  bench.world.traffic().start(bench.world.traffic().application(69));
  test::ImpairmentOptions flips{.delay = 10ms, .flip_percent = 100};
  bench.world.set_links(bench.client, flips, flips);
  bench.run(30s);
  EXPECT_GT(bench.application.received, 0U);
  EXPECT_GT(bench.server().drops(Drop::clear_check), 100U);
}

TEST(ClearMode, RestartedServerIsFoundAsFast) {
  for (int i = 0; i < 10; ++i) {
    Bench bench(clear_bench());
    bench.begin();
    bench.run(1s + i * 7ms);
    bench.server().kill();
    bench.server().start();
    const TimePoint listening = bench.world.now();
    bench.run(1s);
    EXPECT_LE(resumed_after(bench.application, listening), 300ms + 3 * 20ms);
  }
}

TEST(ClearMode, ClearPacketsAreNoSignOfLife) {
  // Only DATA comes down any more: the client must not believe that its session is alive.
  BenchOptions options = clear_bench();
  options.traffic = {.interval = 20ms, .echo = false, .push_interval = 10ms};
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  for (std::size_t path = 0; path < 3; ++path) {
    bench.client.lane(path).down->set_filter(
        [](const Copy& copy) { return copy.packet && copy.packet->type == PacketType::data; });
  }
  const std::uint64_t before = bench.client.made(PacketType::handshake1);
  bench.run(500ms);
  EXPECT_GT(bench.client.made(PacketType::handshake1), before);
  bench.run(2s);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::down);
}

TEST(ClearMode, IsRefusedWhereTheServerEncrypts) {
  BenchOptions options = clear_bench();
  options.server.settings.handshake.encrypt = true;
  Bench bench(options);
  bench.server().start();
  bench.client.start();
  bench.world.traffic().start(bench.application);
  bench.run(60s);
  EXPECT_EQ(bench.count<SessionRefused>(bench.client.events()), 1U);
  EXPECT_EQ(std::get<Refusal>(std::get<SessionRefused>(bench.client.events().front()).why), Refusal::cipher);
  EXPECT_EQ(bench.count<HandshakeRefused>(bench.server().events()), 1U);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 0U);
  EXPECT_EQ(bench.client.made(PacketType::data), 0U);
  // It asks again each five seconds only.
  EXPECT_LE(bench.client.made(PacketType::handshake1), 15U);
}

TEST(ClearMode, IsRefusedWhereTheClientEncrypts) {
  BenchOptions options = clear_bench();
  options.client.handshake.encrypt = true;
  Bench bench(options);
  bench.server().start();
  bench.client.start();
  bench.world.traffic().start(bench.application);
  bench.run(10s);
  EXPECT_EQ(bench.count<SessionRefused>(bench.client.events()), 1U);
  EXPECT_EQ(bench.count<HandshakeRefused>(bench.server().events()), 1U);
  EXPECT_EQ(bench.server().made(PacketType::data), 0U);
}

}  // namespace
}  // namespace mptunnel::sim
