#include <gtest/gtest.h>

#include <vector>

#include "sim/attacker.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

BenchOptions one_path() {
  BenchOptions options = clean_bench();
  options.client.paths = 1;
  return options;
}

Endpoint address_of_path(Bench& bench, std::size_t path) {
  const auto& session = *bench.server().engine().state().table.all().begin()->second;
  return session.paths.at(path)->route().remote;
}

TEST(Rebind, PathFollowsBridgeAfterChallenge) {
  for (int i = 0; i < 10; ++i) {
    Bench bench(one_path());
    bench.begin();
    bench.run(2s + i * 13ms);
    bench.world.rebind(bench.client, 0);
    const TimePoint moved = bench.world.now();
    bench.run(2s);
    EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 1U);
    EXPECT_EQ(address_of_path(bench, 0), bench.client.lane(0).upstream);
    // A PING within 100 ms, the challenge and its echo, then a reply.
    EXPECT_LE(resumed_after(bench.application, moved), 100ms + 3 * 20ms + 20ms);
  }
}

TEST(Rebind, OfOnePathOfThreeLosesNothing) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  for (std::size_t i = 0; i < 12; ++i) {
    bench.world.rebind(bench.client, i % 3);
    bench.run(700ms);
  }
  bench.settle();
  EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 12U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

/// The NAT of all paths has new mappings, as a carrier's has after a while: what is answered to a datagram
/// that came by one of them arrives.
TEST(Rebind, OfAllPathsLosesNothingThatCameAfterTheClientsFirstDatagram) {
  for (const std::size_t paths : {std::size_t{1}, std::size_t{3}}) {
    for (int i = 0; i < 20; ++i) {
      BenchOptions options = clean_bench(40ms);
      options.client.paths = paths;
      options.traffic.interval = i % 2 == 0 ? 5ms : 700ms;
      Bench bench(options);
      bench.begin();
      bench.run(5s + i * 37ms);
      const TimePoint rebound = bench.world.now();
      for (std::size_t path = 0; path < paths; ++path) bench.world.rebind(bench.client, path);
      bench.run(3s);
      bench.settle();
      EXPECT_EQ(bench.tally(false).lost(), 0U);
      // Replies to what came through the new mapping: 40 ms later, and a datagram each 5 ms.
      std::uint64_t lost = 0;
      for (const Record& record : bench.world.context().oracle.ledger().records())
        lost += record.is_reply && record.offered > rebound + 45ms && !record.delivered ? 1U : 0U;
      EXPECT_EQ(lost, 0U) << paths << " paths, " << i;
    }
  }
}

TEST(Rebind, PathStaysWhereTheOldAddressAnswers) {
  Bench bench(one_path());
  bench.begin();
  bench.run(1s);
  const Endpoint before = address_of_path(bench, 0);
  bench.world.rebind(bench.client, 0, true);
  bench.run(60s);
  EXPECT_EQ(bench.state(0), PathState::up);
  EXPECT_EQ(address_of_path(bench, 0), before);
  EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 0U);
  bench.settle();
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Rebind, RestartedClientIsConfirmedAlthoughTheOldAddressAnswers) {
  Bench bench(one_path());
  bench.begin();
  bench.run(1s);
  bench.world.rebind(bench.client, 0, true);
  bench.run(1s);
  bench.server().kill();
  bench.server().start();
  bench.run(1s);
  bench.client.kill();
  bench.client.start();
  const TimePoint listening = bench.world.now();
  bench.run(1s);
  EXPECT_LE(resumed_after(bench.application, listening), 300ms);
}

TEST(Rebind, BackToTheFormerAddressIsFollowed) {
  Bench bench(one_path());
  bench.begin();
  bench.run(1s);
  const Endpoint first = bench.client.lane(0).upstream;
  bench.world.rebind(bench.client, 0);
  bench.run(3s);
  bench.world.rebind_to(bench.client, 0, first);
  bench.run(3s);
  EXPECT_EQ(address_of_path(bench, 0), first);
  EXPECT_EQ(bench.state(0), PathState::up);
}

/// A NAT goes back to mappings that the paths had before: these are known, and no path's any more.
TEST(Rebind, OfAllPathsToFormerAddressesLosesNothingThatCameAfterTheClientsFirstDatagram) {
  for (int i = 0; i < 20; ++i) {
    BenchOptions options = clean_bench(40ms);
    options.traffic.interval = 5ms;
    Bench bench(options);
    bench.begin();
    bench.run(3s + i * 37ms);
    std::vector<Endpoint> former;
    for (std::size_t path = 0; path < 3; ++path) {
      former.push_back(bench.client.lane(path).upstream);
      bench.world.rebind(bench.client, path);
    }
    bench.run(5s);
    const TimePoint rebound = bench.world.now();
    for (std::size_t path = 0; path < 3; ++path) bench.world.rebind_to(bench.client, path, former[path]);
    bench.run(3s);
    bench.settle();
    std::uint64_t lost = 0;
    for (const Record& record : bench.world.context().oracle.ledger().records())
      lost += record.is_reply && record.offered > rebound + 45ms && !record.delivered ? 1U : 0U;
    EXPECT_EQ(lost, 0U) << i;
  }
}

TEST(Rebind, BridgeRestartedIsFollowed) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  for (std::size_t path = 0; path < 3; ++path) {
    bench.world.blackout(bench.client, path, true);
    bench.run(3s);
    bench.world.rebind(bench.client, path);
    bench.world.blackout(bench.client, path, false);
    bench.run(2s);
    EXPECT_EQ(bench.state(path), PathState::up);
    EXPECT_EQ(address_of_path(bench, path), bench.client.lane(path).upstream);
  }
  bench.settle();
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Rebind, CopiesThatArriveFirstFromElsewhereMoveNothing) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  // Every packet of the client is overtaken by a copy from another address.
  Attacker attacker(bench.world, {.forwarded_percent = 100, .forwarded_before = 5ms, .interval = 0ms});
  bench.run(30s);
  attacker.stop();
  bench.settle();
  EXPECT_GT(attacker.packets(), 3000U);
  EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 0U);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::up);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Rebind, RelayThatIsFasterGivesThePathBack) {
  // Somebody copies both directions of a path from an address of their own, and is faster than the path.
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  Lane& lane = bench.client.lane(0);
  const Endpoint relay = bench.world.new_address();
  bench.world.add_upstream(relay, bench.client, 0);
  lane.up->set_tap([&lane, relay](const Copy& copy) {
    Copy relayed = copy;
    relayed.from.remote = relay;
    lane.up->inject(relayed, 1ms);
  });
  bench.run(20s);
  lane.up->set_tap(nullptr);
  bench.run(8s);
  EXPECT_EQ(address_of_path(bench, 0), lane.upstream);
  for (std::size_t path = 0; path < 3; ++path) EXPECT_EQ(bench.state(path), PathState::up);
  bench.settle();
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Rebind, PacketOfOnePathSentFromTheAddressOfAnotherMovesNothing) {
  // Somebody who can forge addresses sends each PING of path 1 from the address of path 0, and is faster.
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  Lane& lane = bench.client.lane(1);
  Lane& other = bench.client.lane(0);
  lane.up->set_tap([&](const Copy& copy) {
    Copy forged = copy;
    forged.from = {other.upstream, other.server};
    other.up->inject(forged, 1ms);
  });
  bench.run(20s);
  EXPECT_EQ(address_of_path(bench, 1), lane.upstream);
  EXPECT_EQ(bench.count<ClientPathMoved>(bench.server().events()), 0U);
  bench.settle();
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

}  // namespace
}  // namespace mptunnel::sim
