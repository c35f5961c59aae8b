// Both engines together: paths come, go and move.

#include <gtest/gtest.h>

#include <algorithm>

#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::Packet;
using test::PathTunnel;
using test::Tunnel;
using test::Wire;

class TunnelPath : public testing::Test {
 protected:
  TunnelPath() {
    tunnel_.start();
    tunnel_.application_sends(1, "first");
    flow_ = tunnel_.at_target.at(0).flow;
    tunnel_.advance(10ms);
    tunnel_.application_sends(1, "second");
    tunnel_.client_events.clear();
    tunnel_.server_events.clear();
  }
  void move_data(Duration span) {
    for (const TimePoint end = tunnel_.now + span; tunnel_.now < end;) {
      tunnel_.application_sends(1, "x");
      tunnel_.advance(10ms);
    }
  }
  [[nodiscard]] PathSet server_paths() const { return tunnel_.session().carrying(tunnel_.now); }
  [[nodiscard]] static bool is_control(const Wire& wire) { return wire.type() == PacketType::control; }

  Tunnel tunnel_;
  FlowHandle flow_;
};

TEST_F(TunnelPath, ReboundPathIsFollowedAndLosesNothingOfTheOthers) {
  tunnel_.rebind(PathId{1}, 5555);
  tunnel_.at_target.clear();
  move_data(300ms);
  ASSERT_EQ(tunnel_.server_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<ClientPathMoved>(tunnel_.server_events[0]));
  EXPECT_EQ(std::get<ClientPathMoved>(tunnel_.server_events[0]).path, PathId{1});
  EXPECT_EQ(std::get<ClientPathMoved>(tunnel_.server_events[0]).from.remote.port, 4001);
  EXPECT_EQ(std::get<ClientPathMoved>(tunnel_.server_events[0]).to.remote.port, 5555);
  EXPECT_EQ(server_paths(), PathSet::first(3));
  EXPECT_EQ(tunnel_.at_target.size(), 30U);
}

TEST_F(TunnelPath, NewAddressGetsNoDataBeforeItHasProvedItself) {
  tunnel_.rebind(PathId{1}, 5555);
  tunnel_.arrives = [](const Wire& wire) { return wire.to_server || wire.route.remote.port != 5555; };
  move_data(500ms);
  for (int i = 0; i < 10; ++i) tunnel_.target_sends(flow_, std::string(100, 'y'));
  std::size_t challenges = 0;
  for (const Wire& wire : tunnel_.wires) {
    if (wire.to_server || wire.route.remote.port != 5555) continue;
    EXPECT_TRUE(wire.direct);
    EXPECT_EQ(wire.bytes.size(), 33U);
    ++challenges;
  }
  EXPECT_GE(challenges, 3U);
  EXPECT_TRUE(tunnel_.server_events.empty());
}

TEST_F(TunnelPath, CopiedPingFromElsewhereMovesNothing) {
  // Somebody on the way sends each PING of path 1 from an address of its own, ahead of the original.
  Route thief = tunnel_.route(PathId{1});
  thief.remote.port = 6666;
  tunnel_.arrives = [&](const Wire& wire) {
    if (!wire.to_server || wire.path != PathId{1} || !is_control(wire)) return true;
    Packet copy = wire.bytes;
    tunnel_.server->on_network({copy, copy.size()}, thief, tunnel_.server_out, tunnel_.now);
    return true;
  };
  tunnel_.at_target.clear();
  move_data(3s);
  EXPECT_EQ(tunnel_.at_target.size(), 300U);
  EXPECT_EQ(*tunnel_.server->route_of(tunnel_.session().handle, PathId{1}), tunnel_.route(PathId{1}));
  EXPECT_GE(Tunnel::count<ClientPathStayed>(tunnel_.server_events), 1U);
  EXPECT_EQ(Tunnel::count<ClientPathMoved>(tunnel_.server_events), 0U);
}

TEST_F(TunnelPath, DeadPathIsSuspectedThenDownAndIsBackAtItsFirstAnswer) {
  tunnel_.arrives = [](const Wire& wire) { return wire.path != PathId{2}; };
  tunnel_.at_target.clear();
  move_data(2s);
  ASSERT_EQ(tunnel_.client_events.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<PathChanged>(tunnel_.client_events[0]));
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[0]).state, PathState::suspect);
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[1]).was, PathState::suspect);
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[1]).state, PathState::down);
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[1]).path, PathId{2});
  // Only probes go there now, one a second; and answers to those that went by the other paths.
  const std::size_t sent = tunnel_.wires.size();
  move_data(2s);
  for (const bool to_server : {true, false}) {
    const auto to_dead = std::count_if(
        tunnel_.wires.begin() + static_cast<std::ptrdiff_t>(sent), tunnel_.wires.end(),
        [&](const Wire& wire) { return wire.path == PathId{2} && wire.to_server == to_server; });
    EXPECT_LE(to_dead, 3);
    EXPECT_GE(to_dead, 1);
  }
  tunnel_.arrives = nullptr;
  move_data(1200ms);
  ASSERT_EQ(tunnel_.client_events.size(), 3U);
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[2]).was, PathState::down);
  EXPECT_EQ(std::get<PathChanged>(tunnel_.client_events[2]).state, PathState::up);
  EXPECT_EQ(tunnel_.at_target.size(), 520U);
}

TEST_F(TunnelPath, AllDownIsSaidOnceAndCopiesStopAfterFiveSeconds) {
  tunnel_.arrives = [](const Wire& /*wire*/) { return false; };
  move_data(4s);
  EXPECT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 1U);
  std::size_t sent = tunnel_.wires.size();
  move_data(1s);
  EXPECT_GE(tunnel_.wires.size() - sent, 300U);
  move_data(2s);
  sent = tunnel_.wires.size();
  move_data(2s);
  // Handshakes five times a second on three paths, and probes.
  EXPECT_LE(tunnel_.wires.size() - sent, 2 * (6 * 3 + 3) + 6U);
  for (std::size_t i = sent; i < tunnel_.wires.size(); ++i) {
    EXPECT_NE(tunnel_.wires[i].type(), PacketType::data);
  }
  EXPECT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 1U);
  tunnel_.arrives = nullptr;
  tunnel_.at_target.clear();
  move_data(1500ms);
  EXPECT_GE(tunnel_.at_target.size(), 130U);
}

TEST_F(TunnelPath, SessionThatStartsOverAfterAllWereDownIsNotLostAgain) {
  tunnel_.arrives = [](const Wire& /*wire*/) { return false; };
  move_data(8s);
  tunnel_.restart_server();
  tunnel_.arrives = nullptr;
  tunnel_.client_events.clear();
  move_data(2s);
  EXPECT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
  EXPECT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 0U);
}

TEST_F(TunnelPath, PathThatGoesAwayGetsNothing) {
  tunnel_.client->set_path_available(PathId{0}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  const std::size_t sent = tunnel_.wires.size();
  move_data(2s);
  for (std::size_t i = sent; i < tunnel_.wires.size(); ++i) {
    if (tunnel_.wires[i].to_server) {
      EXPECT_NE(tunnel_.wires[i].path, PathId{0});
    }
  }
  tunnel_.client->set_path_available(PathId{0}, true, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  move_data(100ms);
  EXPECT_EQ(tunnel_.client->path(PathId{0}).state(), PathState::up);
}

TEST_F(TunnelPath, CountersOfBothEndsMeetInPingAndPong) {
  move_data(1s);
  tunnel_.advance(200ms);
  const PathTraffic& client = tunnel_.client->state().link.current()->path(PathId{1});
  const PathTraffic& server = tunnel_.session().current().path(PathId{1});
  EXPECT_GT(client.sent, 100U);
  // Each PONG was written before it was counted as sent, each PING before it was counted as arrived.
  EXPECT_NEAR(static_cast<double>(client.out.received), static_cast<double>(client.sent), 2);
  EXPECT_NEAR(static_cast<double>(server.in.sent), static_cast<double>(server.received), 2);
  EXPECT_FALSE(client.voided || server.voided);
}

TEST(OverloadedPath, IsSaidByTheEndWhoseQueueHoldsBack) {
  for (const bool by_client : {true, false}) {
    PathTunnel tunnel;
    tunnel.open_flow();
    tunnel.move_data(7s);
    tunnel.forget();
    std::size_t given = 0;
    tunnel.refused = [&](const Wire& wire) -> std::optional<Drop> {
      const bool is_slow =
          wire.to_server == by_client && wire.path == PathId{1} && wire.type() == PacketType::data;
      return is_slow && ++given % 5 != 0 ? std::optional(Drop::send_queue) : std::nullopt;
    };
    tunnel.move_data(60s);
    const std::vector<Event>& events = by_client ? tunnel.client_events : tunnel.server_events;
    ASSERT_EQ(Tunnel::count<PathOverloaded>(tunnel.client_events), by_client ? 1U : 0U);
    ASSERT_EQ(Tunnel::count<ClientPathOverloaded>(tunnel.server_events), by_client ? 0U : 1U);
    for (const Event& event : events) {
      const auto* of_client = std::get_if<ClientPathOverloaded>(&event);
      const auto* own = of_client == nullptr ? std::get_if<PathOverloaded>(&event) : &of_client->what;
      if (own == nullptr) continue;
      EXPECT_EQ(own->path, PathId{1});
      EXPECT_FALSE(own->over);
      EXPECT_GT(own->share, 0.6);
      EXPECT_NEAR(static_cast<double>(own->rate_bps), 20 * 125 * 8 + 10 * 95 * 8, 12'000)
          << "20 of 100, and PINGs";
    }
    const auto paths = by_client ? tunnel.client->snapshot(tunnel.now).paths
                                 : tunnel.server->snapshot(tunnel.now).peers.at(0).paths;
    EXPECT_TRUE(paths.at(1).overload);
    EXPECT_FALSE(paths.at(0).overload);
    tunnel.refused = nullptr;
    tunnel.move_data(10s);
    EXPECT_EQ(Tunnel::count<PathOverloaded>(tunnel.client_events), by_client ? 2U : 0U);
    EXPECT_EQ(Tunnel::count<ClientPathOverloaded>(tunnel.server_events), by_client ? 0U : 2U);
  }
}

}  // namespace
}  // namespace mptunnel
