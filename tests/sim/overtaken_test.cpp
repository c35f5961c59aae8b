// An observer without the key who is only faster than the paths: whatever a client sends comes from the
// observer's address first, and the genuine packet is the copy.

#include <gtest/gtest.h>

#include "sim/attack_report.h"
#include "sim/attacker.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// A path takes 10 ms.
constexpr AttackOptions kFiveMillisecondsFaster{
    .forwarded_percent = 100, .forwarded_after = 5ms, .forwarded_before = 5ms, .interval = 0ms};

BenchOptions bench_of(std::size_t paths) {
  BenchOptions options = clean_bench();
  options.client.paths = paths;
  return options;
}

void expect_paths_at_home(Bench& bench) {
  const auto& sessions = bench.server().engine().state().table.all();
  ASSERT_EQ(sessions.size(), 1U);
  for (std::size_t i = 0; i < bench.client.paths(); ++i) {
    const ServerPath* path = sessions.begin()->second->paths.at(i).get();
    ASSERT_NE(path, nullptr);
    EXPECT_TRUE(path->is_validated());
    EXPECT_EQ(path->route().remote, bench.client.lane(i).upstream);
    EXPECT_EQ(bench.state(i), PathState::up);
  }
}

void expect_nothing_lost(Bench& bench, TimePoint since = kStart) {
  bench.settle();
  EXPECT_GT(bench.tally(false, since).offered, 100U);
  expect_attack_costs_nothing(
      bench, {.attacker_bytes = injected_bytes(bench), .defenders = {{&bench.client, since}}});
}

TEST(Overtaken, SessionStandsAndLosesNothing) {
  for (const std::size_t paths : {std::size_t{1}, std::size_t{3}}) {
    SCOPED_TRACE(paths);
    Bench bench(bench_of(paths));
    Attacker attacker(bench.world, kFiveMillisecondsFaster);
    bench.server().start();
    bench.client.start();
    bench.world.traffic().start(bench.application);
    bench.run(3s);
    ASSERT_NE(bench.client.engine().state().link.current(), nullptr);
    EXPECT_LE(resumed_after(bench.application, kStart), 300ms);
    expect_paths_at_home(bench);
    bench.run(60s);
    attacker.stop();
    expect_nothing_lost(bench);
    expect_paths_at_home(bench);
  }
}

/// From so many networks, each time another, and each before the packet itself.
class Crowd {
 public:
  Crowd(Bench& bench, std::size_t size) {
    for (std::size_t i = 0; i < bench.client.paths(); ++i) {
      Lane& lane = bench.client.lane(i);
      lane.up->set_tap([this, &lane, size](const Copy& copy) {
        for (std::size_t k = 0; k < size; ++k) {
          Copy forged = copy;
          forged.from.remote = make_endpoint(0x14000000U + (next_++ << 8U), 4000);
          lane.up->inject(forged, 5ms);
        }
      });
    }
  }

 private:
  std::uint32_t next_ = 0;
};

TEST(Overtaken, NoNumberOfFalseAddressesKeepsASessionFromStanding) {
  Bench bench(bench_of(3));
  const Crowd crowd(bench, 50);
  bench.server().start();
  bench.client.start();
  bench.world.traffic().start(bench.application);
  bench.run(3s);
  ASSERT_NE(bench.client.engine().state().link.current(), nullptr);
  expect_paths_at_home(bench);
  for (std::size_t i = 0; i < 3; ++i) bench.client.lane(i).up->set_tap(nullptr);
  expect_nothing_lost(bench);
}

/// Something has changed just now: answers come again in time, by the client's own addresses, and nothing is
/// lost from then on.
void expect_return(Bench& bench, Attacker& attacker, Duration in_time) {
  const TimePoint changed = bench.world.now();
  bench.run(3s);
  EXPECT_LE(resumed_after(bench.application, changed), in_time);
  expect_paths_at_home(bench);
  const TimePoint back = bench.world.now();
  bench.run(10s);
  attacker.stop();
  expect_nothing_lost(bench, back);
}

TEST(Overtaken, ServerThatRestartsIsFoundAgain) {
  Bench bench(bench_of(3));
  bench.begin();
  Attacker attacker(bench.world, kFiveMillisecondsFaster);
  bench.run(2s);
  bench.server().kill();
  bench.server().start();
  expect_return(bench, attacker, 1s);
}

TEST(Overtaken, PathThatMovesIsFollowed) {
  for (int i = 0; i < 10; ++i) {
    Bench bench(bench_of(1));
    bench.begin();
    Attacker attacker(bench.world, kFiveMillisecondsFaster);
    bench.run(6s + i * 530ms);
    bench.world.rebind(bench.client, 0);
    expect_return(bench, attacker, 400ms);
  }
}

TEST(Overtaken, FloodOfCopiesIsAnsweredWithinItsBudget) {
  Bench bench(bench_of(1));
  std::optional<Copy> ping;
  bench.client.lane(0).up->set_tap([&](const Copy& copy) {
    if (copy.packet->type == PacketType::control) ping = copy;
  });
  bench.server().start();
  bench.client.start();
  // CLIENT_HELLO is under way; from here on the client hears nothing, so its path proves nothing.
  bench.run(25ms);
  bench.world.blackout(bench.client, 0, true);
  bench.run(1s);
  ASSERT_TRUE(ping);
  bench.client.lane(0).up->set_tap(nullptr);
  const std::uint64_t before = bench.server().made(PacketType::control);
  ping->from.remote = bench.world.new_address();
  for (int i = 0; i < 20'000; ++i) bench.client.lane(0).up->inject(*ping, i * 50us);
  bench.run(1s);
  const std::uint64_t answers = bench.server().made(PacketType::control) - before;
  EXPECT_GE(static_cast<double>(answers), kCopiesReadBurstOfNetwork);
  EXPECT_LE(static_cast<double>(answers), kCopiesReadBurstOfNetwork + kCopiesReadPerSecondOfNetwork + 5);
  bench.world.blackout(bench.client, 0, false);
}

}  // namespace
}  // namespace mptunnel::sim
