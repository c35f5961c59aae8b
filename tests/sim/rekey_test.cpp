#include <gtest/gtest.h>

#include <set>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

void expect_no_loss(Bench& bench) {
  bench.settle();
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

/// Outside a session or inside it.
bool is_handshake(const Copy& copy) {
  if (!copy.packet) return false;
  const auto& frames = copy.packet->frames;
  return copy.packet->type == PacketType::handshake1 || copy.packet->type == PacketType::handshake2 ||
         std::any_of(frames.begin(), frames.end(),
                     [](const Frame& frame) { return std::holds_alternative<HandshakeFrame>(frame); });
}

TEST(Rekey, ByTimeLosesNothing) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1000s);
  // One each 120 s, and not much more often.
  EXPECT_GE(bench.count<SessionStarted>(bench.client.events()), 9U);
  EXPECT_LE(bench.count<SessionStarted>(bench.client.events()), 10U);
  expect_no_loss(bench);
}

TEST(Rekey, ByPacketsOfEitherEndLosesNothing) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  for (int i = 0; i < 6; ++i) {
    const std::size_t before = bench.count<SessionStarted>(bench.client.events());
    const auto almost = static_cast<std::uint32_t>(kRekeyAfterPackets - 10);
    if (i % 2 == 0) {
      bench.client.pretend_sealed(almost, 0);
    } else {
      bench.server().pretend_sealed(almost, 0);
    }
    bench.run(5s);
    EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()), before + 1) << i;
  }
  expect_no_loss(bench);
}

TEST(Rekey, ByBlocksLosesNothing) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.client.pretend_sealed(0, kRekeyAfterBlocks - 100);
  bench.run(5s);
  EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()), 2U);
  expect_no_loss(bench);
}

TEST(Rekey, KeepsFlowsAndTheirSockets) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(300s);
  EXPECT_EQ(bench.server().sockets_opened(), 1U);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 1U);
  for (const Event& event : bench.client.events()) {
    const auto* started = std::get_if<SessionStarted>(&event);
    const bool is_first = &event == &bench.client.events().front();
    EXPECT_TRUE(started == nullptr || is_first || started->resumed);
  }
}

TEST(Rekey, UnderHeavyLossIsDoneBeforeTheKeyEnds) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    BenchOptions options = clean_bench();
    options.seed = seed;
    options.client.up.loss_percent = options.client.down.loss_percent = 60;
    Bench bench(options);
    bench.server().start();
    bench.client.start();
    bench.world.traffic().start(bench.application);
    bench.run(600s);
    EXPECT_EQ(bench.client.drops(Drop::key_expired), 0U);
    EXPECT_EQ(bench.server().drops(Drop::key_expired), 0U);
    EXPECT_EQ(bench.client.drops(Drop::queue_full), 0U);
  }
}

TEST(Rekey, KeyThatCannotBeReplacedIsNotUsedAfter180Seconds) {
  Bench bench(clean_bench());
  bench.begin();
  for (std::size_t path = 0; path < 3; ++path)
    bench.client.lane(path).up->set_filter([](const Copy& copy) { return !is_handshake(copy); });
  bench.run(180s);
  EXPECT_FALSE(bench.client.engine().state().link.current() != nullptr &&
               bench.client.engine().state().link.current()->keys().is_usable(bench.world.now()));
  const std::uint64_t data = bench.client.made(PacketType::data);
  const std::uint64_t control = bench.client.made(PacketType::control);
  bench.run(10s);
  EXPECT_EQ(bench.client.made(PacketType::data), data);
  EXPECT_EQ(bench.client.made(PacketType::control), control);
  for (std::size_t path = 0; path < 3; ++path) bench.client.lane(path).up->set_filter(nullptr);
  const TimePoint freed = bench.world.now();
  bench.run(1s);
  EXPECT_LE(resumed_after(bench.application, freed), 200ms + 3 * 20ms);
}

TEST(Rekey, OldKeyOpensWhatIsLateByLessThanThirtySeconds) {
  Bench bench(clean_bench());
  bench.begin();
  std::vector<Copy> held;
  for (std::size_t path = 0; path < 3; ++path) {
    bench.client.lane(path).up->set_tap([&held, path](const Copy& copy) {
      if (path == 0 && copy.packet->type == PacketType::data) held.push_back(copy);
    });
    bench.client.lane(path).up->set_filter(
        [](const Copy& copy) { return copy.packet->type != PacketType::data; });
  }
  bench.run(100ms);
  ASSERT_GE(held.size(), 2U);
  for (std::size_t path = 0; path < 3; ++path) {
    bench.client.lane(path).up->set_tap(nullptr);
    bench.client.lane(path).up->set_filter(nullptr);
  }
  bench.client.pretend_sealed(static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
  bench.run(1s);
  ASSERT_EQ(bench.count<SessionStarted>(bench.client.events()), 2U);
  bench.run(28s);
  bench.client.lane(0).up->inject(held.front(), 1ms);
  bench.run(1s);
  EXPECT_TRUE(held.front().packet->delivered);
  bench.run(5s);
  bench.client.lane(0).up->inject(held.back(), 1ms);
  bench.run(1s);
  EXPECT_FALSE(held.back().packet->delivered);
}

}  // namespace
}  // namespace mptunnel::sim
