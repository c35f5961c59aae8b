// Both engines together: what both ends count of each path, against what the network did.

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <utility>

#include "support/test_random.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::PathTunnel;
using test::TunnelSettings;
using test::Wire;

/// What a path was given and what it brought, of the packets that the ends count: all but handshakes, which
/// are of no session, and the server's packets to an address that is no path.
struct Truth {
  std::uint64_t sent = 0;
  std::uint64_t arrived = 0;
  [[nodiscard]] std::uint64_t lost() const { return sent - arrived; }
};

class TunnelCounters : public testing::Test {
 protected:
  /// Datagrams of applications so far.
  std::uint64_t sent_there() const { return tunnel_.client->snapshot(tunnel_.now).session.into_tunnel; }
  TunnelCounters() { watch(tunnel_); }

  /// The truth about this tunnel is kept from now on.
  void watch(PathTunnel& tunnel) {
    tunnel.refused = [this](const Wire& wire) {
      if (is_counted(wire)) ++truth(wire).sent;
      return std::nullopt;
    };
    tunnel.arrives = [this](const Wire& wire) {
      if (is_lost_ && is_lost_(wire)) return false;
      if (is_counted(wire)) ++truth(wire).arrived;
      return true;
    };
  }
  [[nodiscard]] static bool is_counted(const Wire& wire) {
    return !wire.direct && wire.type() != PacketType::handshake1 && wire.type() != PacketType::handshake2;
  }
  Truth& truth(const Wire& wire) { return truth_.at(wire.path.value).at(wire.to_server ? 0 : 1); }
  /// From now on each path loses so many of a hundred packets, in both directions.
  void lose(const std::array<unsigned, 3>& percent) {
    is_lost_ = [this, percent](const Wire& wire) { return random_.below(100) < percent.at(wire.path.value); };
  }
  /// Nothing is lost any more, and the last reports pass.
  void drain(PathTunnel& tunnel) {
    is_lost_ = nullptr;
    tunnel.advance(21s);
  }
  void drain() { drain(tunnel_); }
  void expect_exact() { expect_exact(tunnel_); }
  void expect_exact(const PathTunnel& tunnel) {
    for (std::uint8_t i = 0; i < 3; ++i) {
      SCOPED_TRACE("path " + std::to_string(i));
      const PathTraffic& client = *tunnel.client->state().link.traffic(PathId{i});
      const PathTraffic& server = tunnel.session().current().path(PathId{i});
      const Truth& there = truth_.at(i)[0];
      const Truth& back = truth_.at(i)[1];
      EXPECT_EQ(client.sent, there.sent);
      EXPECT_EQ(server.sent, back.sent);
      EXPECT_EQ(client.out.lost(), there.lost());
      EXPECT_EQ(server.in.lost(), there.lost());
      EXPECT_EQ(server.out.lost(), back.lost());
      EXPECT_EQ(client.in.lost(), back.lost());
      // The report itself, and what was sent behind it, are not in it.
      EXPECT_NEAR(static_cast<double>(client.out.sent), static_cast<double>(there.sent), 3);
      EXPECT_NEAR(static_cast<double>(server.out.sent), static_cast<double>(back.sent), 3);
    }
  }
  void start(const std::array<unsigned, 3>& percent) {
    tunnel_.open_flow();
    lose(percent);
  }

  PathTunnel tunnel_;
  test::TestRandom random_{77};
  std::array<std::array<Truth, 2>, 3> truth_{};  // by path; to the server, and back
  std::function<bool(const Wire&)> is_lost_;
};

TEST_F(TunnelCounters, LossIsExactAfterADrain) {
  for (const auto& percent : {std::array{0U, 0U, 0U}, std::array{0U, 10U, 50U}, std::array{1U, 5U, 20U}}) {
    truth_ = {};
    PathTunnel tunnel;
    watch(tunnel);
    lose(percent);
    tunnel.open_flow();
    tunnel.move_data(20s);
    drain(tunnel);
    expect_exact(tunnel);
  }
}

TEST_F(TunnelCounters, LossIsNearTheTruthWhileDataMoves) {
  start({0, 10, 30});
  tunnel_.move_data(10s);
  for (int i = 0; i < 20; ++i) {
    tunnel_.move_data(500ms);
    for (std::uint8_t path = 0; path < 3; ++path) {
      const PathTraffic& client = *tunnel_.client->state().link.traffic(PathId{path});
      const auto share = [](const Truth& truth) {
        return static_cast<double>(truth.lost()) / static_cast<double>(truth.sent);
      };
      ASSERT_TRUE(client.out.loss() && client.in.loss());
      EXPECT_NEAR(*client.out.loss(), share(truth_.at(path)[0]), 0.02);
      EXPECT_NEAR(*client.in.loss(), share(truth_.at(path)[1]), 0.02);
    }
  }
}

TEST_F(TunnelCounters, LossOfOnePathIsExactWhileAnotherIsDown) {
  start({0, 100, 20});
  tunnel_.move_data(20s);
  drain();
  expect_exact();
}

TEST_F(TunnelCounters, LossIsExactWithFragments) {
  tunnel_.open_flow();
  is_lost_ = [this](const Wire& wire) {
    return wire.bytes.size() > 1252 || random_.below(5) < wire.path.value;
  };
  tunnel_.move_data(10s, 3000);
  drain();
  expect_exact();
}

TEST_F(TunnelCounters, LossIsExactAcrossRekeys) {
  start({0, 10, 30});
  const SessionIndex first = tunnel_.client->state().link.current()->index();
  for (int i = 0; i < 26; ++i) tunnel_.move_data(10s);
  EXPECT_NE(tunnel_.client->state().link.current()->index(), first);
  drain();
  expect_exact();
}

TEST_F(TunnelCounters, LossIsExactAcrossARekeyThatHadToBeBegunAgain) {
  start({10, 10, 10});
  tunnel_.move_data(110s);
  // Nothing of the server comes while the key is renewed: the client gives that key up and begins again.
  bool is_deaf = false;
  is_lost_ = [&](const Wire& wire) {
    // The client has the server's answer, but no SERVER_HELLO comes.
    if (tunnel_.client->state().link.next() != nullptr) is_deaf = true;
    return is_deaf && !wire.to_server && wire.type() != PacketType::handshake2;
  };
  tunnel_.move_data(12s);
  ASSERT_TRUE(is_deaf);
  lose({10, 10, 10});
  tunnel_.move_data(10s);
  // As long as the client asks for what came under the ended keys.
  is_lost_ = nullptr;
  tunnel_.advance(40s);
  drain();
  expect_exact();
}

TEST_F(TunnelCounters, LossIsExactAcrossARebind) {
  start({10, 10, 10});
  for (std::uint16_t i = 0; i < 5; ++i) {
    tunnel_.move_data(2s);
    tunnel_.rebind(PathId{1}, static_cast<std::uint16_t>(5000 + i));
  }
  tunnel_.move_data(2s);
  drain();
  expect_exact();
}

TEST_F(TunnelCounters, CountsStartAnewWithTheServersProcess) {
  start({0, 20, 20});
  tunnel_.move_data(5s);
  tunnel_.restart_server();
  truth_ = {};
  tunnel_.client_events.clear();
  // What comes before the new session is of the old one.
  while (PathTunnel::count<SessionStarted>(tunnel_.client_events) == 0) {
    truth_ = {};
    tunnel_.move_data(10ms);
  }
  tunnel_.move_data(5s);
  drain();
  for (std::uint8_t i = 0; i < 3; ++i) {
    const PathTraffic& client = *tunnel_.client->state().link.traffic(PathId{i});
    const PathTraffic& server = tunnel_.session().current().path(PathId{i});
    EXPECT_LT(client.sent, 700U);
    // The hellos that made the session, one a path, lie between the two counts.
    EXPECT_NEAR(static_cast<double>(client.sent), static_cast<double>(truth_.at(i)[0].sent), 6);
    EXPECT_NEAR(static_cast<double>(server.in.lost()), static_cast<double>(truth_.at(i)[0].lost()), 3);
    EXPECT_EQ(server.in.lost(), client.out.lost());
    EXPECT_EQ(server.out.lost(), client.in.lost());
  }
}

TEST_F(TunnelCounters, RatesStayNumbersAfterTheServersProcessIsAnother) {
  start({0, 0, 0});
  tunnel_.move_data(12s);
  tunnel_.restart_server();
  for (int i = 0; i < 20; ++i) {
    tunnel_.move_data(500ms);
    for (std::uint8_t path = 0; path < 3; ++path) {
      const auto recent = tunnel_.client->state().paths[PathId{path}].history.recent(
          *tunnel_.client->state().link.traffic(PathId{path}), tunnel_.now);
      EXPECT_GE(recent.bytes_out, 0);
      EXPECT_LT(recent.bytes_out, 100'000);
      EXPECT_GE(recent.bytes_in, 0);
      EXPECT_LT(recent.bytes_in, 100'000);
    }
  }
}

TEST_F(TunnelCounters, RecentLossAndRatesAreThoseOfTheLastSeconds) {
  start({0, 0, 40});
  tunnel_.move_data(30s);
  const auto recent = tunnel_.client->state().paths[PathId{2}].history.recent(
      *tunnel_.client->state().link.traffic(PathId{2}), tunnel_.now);
  ASSERT_TRUE(recent.loss_out && recent.loss_in);
  EXPECT_NEAR(*recent.loss_out, 0.4, 0.06);
  EXPECT_NEAR(*recent.loss_in, 0.4, 0.06);
  // A path that loses much has its PINGs answered by the others, too.
  is_lost_ = {};
  tunnel_.move_data(12s);
  const auto whole = tunnel_.client->state().paths[PathId{0}].history.recent(
      *tunnel_.client->state().link.traffic(PathId{0}), tunnel_.now);
  // 100 datagrams a second of 126 bytes, and ten PINGs.
  EXPECT_NEAR(whole.bytes_out, 12'600 + 10.0 * kProbeBytes, 300);
  EXPECT_NEAR(whole.bytes_in, 12'600 + 10.0 * 83, 300);
}

TEST_F(TunnelCounters, ResidualLossIsWhatNoPathBrought) {
  start({20, 20, 20});
  const std::uint64_t before = sent_there();
  const std::uint64_t before_back = tunnel_.session().to_client;
  tunnel_.move_data(60s);
  drain();
  const std::uint64_t lost_there = sent_there() - before - tunnel_.at_target.size();
  const std::uint64_t lost_back = tunnel_.session().to_client - before_back - tunnel_.at_application.size();
  EXPECT_GT(lost_there, 10U);
  EXPECT_GT(lost_back, 10U);
  EXPECT_EQ(tunnel_.client->state().link.data_out().lost(), lost_there);
  EXPECT_EQ(tunnel_.session().link.data_in().lost(), lost_there);
  EXPECT_EQ(tunnel_.client->state().link.data_in().lost(), lost_back);
  EXPECT_EQ(tunnel_.session().link.data_out().lost(), lost_back);
}

TEST_F(TunnelCounters, RecentResidualLossIsThatOfTheLastTenSeconds) {
  start({50, 50, 50});
  tunnel_.move_data(30s);
  const SessionSnapshot lossy = tunnel_.client->snapshot(tunnel_.now).session;
  ASSERT_TRUE(lossy.recent.loss_out && lossy.recent.loss_in);
  EXPECT_NEAR(*lossy.recent.loss_out, 0.125, 0.05);
  EXPECT_NEAR(*lossy.recent.loss_in, 0.125, 0.05);
  is_lost_ = {};
  tunnel_.move_data(12s);
  const SessionSnapshot whole = tunnel_.client->snapshot(tunnel_.now).session;
  EXPECT_EQ(whole.recent.loss_out, 0.);
  EXPECT_EQ(whole.recent.loss_in, 0.);
  EXPECT_GT(whole.data_out.lost(), 100U);
  const SessionSnapshot server = tunnel_.server->snapshot(tunnel_.now).peers.front().session;
  EXPECT_EQ(server.recent.loss_out, 0.);
  EXPECT_GT(server.data_out.lost(), 100U);
}

TEST_F(TunnelCounters, DatagramsThatNoPathTookAreLossToo) {
  start({0, 0, 0});
  tunnel_.move_data(12s);
  ASSERT_EQ(tunnel_.client->snapshot(tunnel_.now).session.untaken, 0U);
  for (const PathId path : tunnel_.client->state().paths.all())
    tunnel_.client->set_path_available(path, false, tunnel_.out, tunnel_.now);
  tunnel_.move_data(3s);
  const SessionSnapshot session = tunnel_.client->snapshot(tunnel_.now).session;
  EXPECT_NEAR(static_cast<double>(session.untaken), 250, 20);
  EXPECT_GE(session.data_out.lost(), session.untaken);
}

TEST_F(TunnelCounters, ResidualLossGoesOnOverRekeys) {
  start({30, 30, 30});
  const std::uint64_t before = sent_there();
  for (int i = 0; i < 26; ++i) tunnel_.move_data(10s);
  drain();
  const std::uint64_t lost = sent_there() - before - tunnel_.at_target.size();
  ASSERT_GT(lost, 100U);
  // What was lost last under a key that was replaced included.
  EXPECT_EQ(tunnel_.client->state().link.data_out().lost(), lost);
  EXPECT_EQ(tunnel_.session().link.data_in().lost(), lost);
}

TEST_F(TunnelCounters, FirstCopiesAndDuplicatesAreToldToTheOtherEnd) {
  start({100, 50, 0});
  tunnel_.move_data(20s);
  drain();
  const LinkEpoch& server = tunnel_.session().current();
  EXPECT_EQ(tunnel_.client->state().link.traffic(PathId{0})->peer_first, server.path(PathId{0}).first);
  EXPECT_EQ(tunnel_.client->state().link.traffic(PathId{1})->peer_first, server.path(PathId{1}).first);
  EXPECT_EQ(tunnel_.client->state().link.traffic(PathId{2})->peer_duplicates,
            server.path(PathId{2}).duplicates);
  // Path 1 comes before path 2 in this network: each that arrives is the first.
  EXPECT_NEAR(static_cast<double>(server.path(PathId{1}).first), 1000, 100);
  EXPECT_EQ(server.path(PathId{0}).first + server.path(PathId{1}).first, server.path(PathId{2}).duplicates);
}

TEST_F(TunnelCounters, WhatWasLostBeforeTheEngineIsOfTheFlowsSession) {
  start({0, 0, 0});
  tunnel_.move_data(1s);
  ASSERT_FALSE(tunnel_.flow_changes.empty());
  tunnel_.server->on_target_lost(tunnel_.flow_changes.front().flow, 7);
  tunnel_.server->on_target_lost(FlowHandle{12345}, 3);
  const ServerSnapshot snapshot = tunnel_.server->snapshot(tunnel_.now);
  ASSERT_EQ(snapshot.peers.size(), 1U);
  EXPECT_EQ(snapshot.peers.front().session.lost_before, 7U);
}

TEST_F(TunnelCounters, EachEndHearsThatTheOthersSocketsLose) {
  start({0, 0, 0});
  const auto told = [this](PathId path) {
    return std::pair(tunnel_.client->state().link.traffic(path)->peer_overrun,
                     tunnel_.session().current().path(path).peer_overrun);
  };
  using Told = std::pair<bool, bool>;
  tunnel_.move_data(1s);
  EXPECT_EQ(told(PathId{1}), Told(false, false));
  tunnel_.client->on_path_lost(kOverrunLost, tunnel_.now);
  tunnel_.move_data(500ms);
  EXPECT_EQ(told(PathId{1}), Told(false, true));
  tunnel_.move_data(2s);
  EXPECT_EQ(told(PathId{1}), Told(false, false));
  tunnel_.server->on_network_lost(kOverrunLost, tunnel_.now);
  tunnel_.move_data(500ms);
  EXPECT_EQ(told(PathId{1}), Told(true, false));
  tunnel_.move_data(2s);
  EXPECT_EQ(told(PathId{1}), Told(false, false));
}

}  // namespace
}  // namespace mptunnel
