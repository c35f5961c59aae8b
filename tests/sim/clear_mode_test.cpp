#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "sim/attack_report.h"
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

/// Somebody who sees a clear packet makes others of it, with numbers that are still to come.
TEST(ClearMode, ForgedNumbersUseNoneUp) {
  BenchOptions options = clear_bench();
  options.traffic = {.interval = 2ms};
  Bench bench(options);
  std::optional<Copy> seen;
  bench.client.lane(0).up->set_tap([&](const Copy& copy) {
    if (copy.packet->type == PacketType::data) seen = copy;
  });
  bench.begin();
  bench.run(1s);
  ASSERT_TRUE(seen);
  const std::vector<std::uint8_t> genuine = seen->packet->bytes;
  const std::uint32_t last = seen->packet->number;
  bench.client.lane(0).up->set_tap(nullptr);
  constexpr std::uint32_t kForged = 200'000;
  for (std::uint32_t i = 0; i < kForged; ++i) {
    Copy copy = *seen;
    copy.altered = genuine;
    // Two thirds under the numbers that the client uses in these seconds.
    const std::uint32_t number = last + 1 + (i % 3 == 0 ? i : i % 6000);
    encode_header({PacketType::data, decode_header(genuine)->index, PacketNumber{number}}, *copy.altered);
    if (i % 2 == 0) copy.from.remote = make_endpoint(0x65010101U, 4000);
    bench.client.lane(0).up->inject(copy, i * 50us);
  }
  bench.run(11s);
  bench.settle();
  EXPECT_GT(bench.tally(false).offered, 5'000U);
  EXPECT_GT(bench.server().drops(Drop::clear_check), kForged / 2);
  expect_attack_costs_nothing(
      bench, {.attacker_bytes = injected_bytes(bench),
              .more = fmt::format("{} packets failed their check", bench.server().drops(Drop::clear_check))});
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
