#include <gtest/gtest.h>

#include "mptunnel/session/handshake.h"
#include "sim/attacker.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

SecretKey key_of(std::uint8_t byte) {
  SecretKey key;
  key.bytes.fill(byte);
  return key;
}

ClientHost& add_stranger(Bench& bench, std::uint8_t identity) {
  ClientOptions options = bench.client.options();
  options.identity.front() = identity;
  return bench.world.add_client(options);
}

TEST(SilentServer, AnswersNothingWithoutKey) {
  for (const bool has_other_key : {false, true}) {
    BenchOptions options = clean_bench();
    options.server.settings.handshake.key = key_of(1);
    if (has_other_key) options.client.handshake.key = key_of(2);
    Bench bench(options);
    bench.server().start();
    bench.client.start();
    bench.world.traffic().start(bench.application);
    Attacker attacker(bench.world, {.forwarded_percent = 50, .interval = 1ms});
    bench.run(20s);
    attacker.stop();
    EXPECT_GT(attacker.packets(), 19'000U);
    for (const PacketType type : {PacketType::handshake2, PacketType::control, PacketType::data})
      EXPECT_EQ(bench.server().made(type), 0U);
    EXPECT_EQ(bench.server().engine().state().pending.size(), 0U);
    // One of the client's network, and one of the attacker's.
    EXPECT_EQ(bench.count<HandshakeOtherKey>(bench.server().events()), 2U);
    EXPECT_EQ(bench.count<NoAnswer>(bench.client.events()), 1U);
  }
}

TEST(SilentServer, WithoutKeyDoesNotAnswerAClientThatHasOne) {
  BenchOptions options = clean_bench();
  options.client.handshake.key = key_of(1);
  Bench bench(options);
  bench.server().start();
  bench.client.start();
  bench.world.traffic().start(bench.application);
  bench.run(5s);
  EXPECT_EQ(bench.server().made(PacketType::handshake2), 0U);
}

TEST(SilentServer, SaysNothingUnasked) {
  Bench bench(clean_bench());
  bench.server().start();
  bench.run(60s);
  EXPECT_EQ(bench.server().made(PacketType::handshake2) + bench.server().made(PacketType::control), 0U);
}

TEST(Refusal, ServerWithoutRoomSaysSoAndTakesTheClientLater) {
  BenchOptions options = clean_bench();
  options.server.settings.max_sessions = 1;
  Bench bench(options);
  bench.begin();
  ClientHost& stranger = add_stranger(bench, 9);
  Application& application = stranger.add_application({});
  stranger.start();
  bench.world.traffic().start(application);
  bench.run(20s);
  EXPECT_EQ(bench.count<SessionRefused>(stranger.events()), 1U);
  EXPECT_EQ(std::get<CloseReason>(std::get<SessionRefused>(stranger.events().front()).why),
            CloseReason::no_room);
  EXPECT_EQ(bench.count<TablesFull>(bench.server().events()), 1U);
  EXPECT_TRUE(application.round_trips.empty());
  bench.client.close();
  const TimePoint room = bench.world.now();
  bench.run(6s);
  EXPECT_LE(resumed_after(application, room), 5s + 100ms);
}

TEST(Refusal, LiveSessionsAreNotEvictedForNewcomersButIdleOnesAre) {
  BenchOptions options = clean_bench();
  options.server.settings.max_sessions = 2;
  Bench bench(options);
  bench.begin();
  ClientHost& second = add_stranger(bench, 8);
  second.start();
  bench.run(1s);
  second.kill();
  bench.run(55s);
  ClientHost& third = add_stranger(bench, 9);
  third.start();
  bench.run(1s);
  EXPECT_FALSE(third.engine().state().link.current() != nullptr);
  // The second one is silent for a minute by now: dormant.
  bench.run(12s);
  EXPECT_TRUE(third.engine().state().link.current() != nullptr);
  EXPECT_TRUE(bench.client.engine().state().link.current() != nullptr);
  EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()), 1U);
}

TEST(Refusal, KernelRefusalsCostOnlyTheirCopies) {
  BenchOptions options = clean_bench();
  options.client.driver.refusals_percent = options.server.driver.refusals_percent = 20;
  Bench bench(options);
  bench.begin();
  bench.run(30s);
  bench.settle();
  // Three paths that lose a fifth each: 8 in 1,000.
  EXPECT_GT(bench.tally(false).offered, 1400U);
  EXPECT_LT(bench.tally(false).lost(), 40U);
  EXPECT_LT(bench.tally(true).lost(), 40U);
  std::uint64_t counted = 0;
  for (const Drop reason : {Drop::would_block, Drop::no_buffers, Drop::refused, Drop::unreachable})
    counted += bench.client.drops(reason);
  EXPECT_GT(counted, 800U);
}

TEST(Refusal, CountersOfEachPathAreWhatTheKernelTookAndWhatArrived) {
  BenchOptions options = clean_bench();
  options.client.driver.refusals_percent = 10;
  options.client.up.loss_percent = 30;
  Bench bench(options);
  bench.begin();
  bench.run(10s);
  bench.settle();
  const LinkEpoch& epoch = *bench.client.engine().state().link.current();
  for (std::size_t path = 0; path < 3; ++path) {
    const Link& up = *bench.client.lane(path).up;
    const PathTraffic& counters = epoch.path(PathId{static_cast<std::uint8_t>(path)});
    // All but the handshakes, of which the first was taken.
    EXPECT_GE(counters.sent + 10, up.sent());
    EXPECT_LE(counters.sent, up.sent());
    EXPECT_NEAR(static_cast<double>(counters.out.received), static_cast<double>(up.sent() - up.lost()), 10);
    EXPECT_NEAR(static_cast<double>(counters.received),
                static_cast<double>(bench.client.lane(path).down->sent()), 10);
  }
}

TEST(Refusal, LargestDatagramsOfUdpPassInFragments) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  Traffic::stop(bench.application);
  const Tally before = bench.tally(false);
  for (const std::size_t size : {65481U, 65482U, 65507U})
    bench.world.traffic().send(bench.application, 1, size);
  bench.settle();
  EXPECT_EQ(bench.tally(false).offered, before.offered + 3);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
  EXPECT_EQ(bench.client.drops(Drop::too_large), 0U);
}

TEST(Refusal, FlowTableFullOfFlowsInUseRefusesNewOnes) {
  BenchOptions options = clean_bench();
  options.client.max_flows = 4;
  Bench bench(options);
  bench.begin();
  for (int i = 0; i < 3; ++i) bench.world.traffic().start(bench.client.add_application({}));
  bench.run(1s);
  Application& fifth = bench.client.add_application({.interval = 100ms});
  bench.world.traffic().start(fifth);
  bench.run(20s);
  EXPECT_TRUE(fifth.round_trips.empty());
  EXPECT_GT(bench.client.drops(Drop::flow_limit), 150U);
  // An event each; EventLimiter says one a minute, and counts the rest.
  EXPECT_EQ(bench.count<TablesFull>(bench.client.events()), bench.client.drops(Drop::flow_limit));
  // A flow that was silent for ten seconds makes room.
  Traffic::stop(bench.application);
  const TimePoint silent = bench.world.now();
  bench.run(11s);
  EXPECT_LE(resumed_after(fifth, silent), 11s);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 4U);
}

TEST(Refusal, ServersFlowLimitHoldsForAllSessionsTogether) {
  BenchOptions options = clean_bench();
  options.server.settings.max_flows = 5;
  Bench bench(options);
  bench.begin();
  ClientHost& other = add_stranger(bench, 9);
  other.start();
  for (int i = 0; i < 4; ++i) {
    bench.world.traffic().start(bench.client.add_application({}));
    bench.world.traffic().start(other.add_application({}));
  }
  bench.run(5s);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 5U);
  EXPECT_GT(bench.server().drops(Drop::flow_limit), 100U);
}

TEST(Refusal, FloodOfHandshakesKeepsTheTableSmallAndHarmsNoSession) {
  Bench bench(clean_bench());
  bench.begin();
  test::TestRandom random(5);
  ClientHandshake handshake({}, random);
  Lane& lane = bench.client.lane(0);
  for (int i = 0; i < 6000; ++i) {
    handshake.begin(SessionIndex{static_cast<std::uint32_t>(i)}, bench.world.now());
    Copy copy;
    copy.altered.emplace(handshake.message().begin(), handshake.message().end());
    const auto network = static_cast<std::uint32_t>(i % 500);
    copy.from = {make_endpoint(0x65000000U + (network << 8U), 1000), lane.server};
    lane.up->inject(copy, Duration{});
    bench.run(400us);
  }
  EXPECT_GT(bench.server().drops(Drop::handshake_unproved), 5000U);
  EXPECT_LE(bench.server().engine().state().pending.size(), kMaxPendingHandshakes);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 1U);
  bench.run(12s);
  EXPECT_EQ(bench.server().engine().state().pending.size(), 0U);
  bench.settle();
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Refusal, ReplayedHandshakesAndHellosChangeNothing) {
  Bench bench(clean_bench());
  std::vector<Copy> seen;
  bench.client.lane(0).up->set_tap([&](const Copy& copy) { seen.push_back(copy); });
  bench.begin();
  bench.run(1s);
  bench.client.lane(0).up->set_tap(nullptr);
  const std::size_t before = bench.server().events().size();
  for (const Duration pause : std::initializer_list<Duration>{0s, 11s, 150s, 200s}) {
    bench.run(pause);
    for (const Copy& copy : seen) bench.client.lane(0).up->inject(copy, 1ms);
    bench.run(1s);
  }
  EXPECT_GT(seen.size(), 50U);
  EXPECT_EQ(bench.server().events().size(), before);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 1U);
  EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()), 4U);
  bench.settle();
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Refusal, GarbageAndReplaysCostNoDatagram) {
  Bench bench(clean_bench());
  bench.begin();
  Attacker attacker(bench.world, {.forwarded_percent = 20, .interval = 1ms});
  bench.run(20s);
  attacker.stop();
  bench.settle();
  EXPECT_GT(bench.tally(false).offered, 900U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
  EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 0U);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::up);
}

}  // namespace
}  // namespace mptunnel::sim
