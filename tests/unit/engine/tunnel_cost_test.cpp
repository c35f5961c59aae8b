// Both engines together: what CONTROL packets cost, and the DSCP that packets carry.

#include <gtest/gtest.h>

#include <set>

#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::PathTunnel;
using test::TunnelSettings;
using test::Wire;

/// IPv6 and UDP.
constexpr std::size_t kOutside = 48;

std::size_t bytes_of_type(const PathTunnel& tunnel, PacketType type,
                          std::optional<std::uint8_t> path = std::nullopt) {
  std::size_t bytes = 0;
  for (const Wire& wire : tunnel.wires) {
    if (wire.type() == type && (!path || wire.path.value == *path)) bytes += wire.bytes.size() + kOutside;
  }
  return bytes;
}

TEST(TunnelCost, IdlePathTakesLessThanOneKilobitASecond) {
  PathTunnel tunnel;
  tunnel.open_flow();
  tunnel.advance(30s);
  tunnel.forget();
  tunnel.advance(100s);
  for (std::uint8_t path = 0; path < 3; ++path) {
    // Headers included, and both directions together.
    EXPECT_LT(bytes_of_type(tunnel, PacketType::control, path) * 8, 100 * 1000U);
    EXPECT_GE(tunnel.sent_by(PathId{path}, PacketType::control, true).size(), 9U);
  }
}

TEST(TunnelCost, ControlIsLessThanOneInAHundredOf5000DatagramsASecond) {
  for (const bool both_ways : {true, false}) {
    PathTunnel tunnel;
    tunnel.narrow({1472, 1372, 1252});
    tunnel.open_flow();
    // Its MTU is measured in the first seconds, once.
    tunnel.move_data(3s);
    tunnel.forget();
    for (int i = 0; i < 5 * 5000; ++i) {
      tunnel.application_sends(1, std::string(100, 'x'));
      if (both_ways) tunnel.target_sends(tunnel.flow, std::string(100, 'x'));
      tunnel.advance(200us);
    }
    EXPECT_LT(bytes_of_type(tunnel, PacketType::control) * 100, bytes_of_type(tunnel, PacketType::data))
        << both_ways;
  }
}

TEST(TunnelCost, ControlSlowsDownAfterTheDataStops) {
  PathTunnel tunnel;
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.advance(kDataMovesFor + 200ms);
  tunnel.forget();
  tunnel.advance(100s);
  EXPECT_LE(tunnel.sent_by(PathId{0}, PacketType::control, true).size(), 11U);
}

/// The DSCP of the packets by path 0 in one direction.
std::set<std::uint8_t> dscp_of(const PathTunnel& tunnel, bool to_server) {
  std::set<std::uint8_t> found;
  for (const Wire& wire : tunnel.wires) {
    if (wire.to_server == to_server && wire.path == PathId{0}) found.insert(wire.dscp);
  }
  return found;
}

TEST(TunnelDscp, IsThatOfTheDatagramBothWays) {
  PathTunnel tunnel;
  tunnel.open_flow();
  tunnel.application_sends(1, "x", 46);
  tunnel.target_sends(tunnel.flow, "y", 10);
  EXPECT_EQ(dscp_of(tunnel, true), std::set<std::uint8_t>{46});
  EXPECT_EQ(dscp_of(tunnel, false), std::set<std::uint8_t>{10});
  tunnel.forget();
  tunnel.application_sends(1, "x");
  EXPECT_EQ(dscp_of(tunnel, true), std::set<std::uint8_t>{0});
}

TEST(TunnelDscp, IsThatOfTheFirstDatagramOfAClearFlowToo) {
  TunnelSettings settings;
  settings.client.encrypt = settings.server.encrypt = false;
  PathTunnel tunnel(settings);
  tunnel.start();
  tunnel.forget();
  tunnel.application_sends(1, "x", 46);
  EXPECT_TRUE(dscp_of(tunnel, true).contains(46));
  ASSERT_EQ(tunnel.at_target.size(), 1U);
}

TEST(TunnelDscp, IsThatOfTheDatagramInItsFragments) {
  PathTunnel tunnel;
  tunnel.narrow({1252, 1472, 1472});
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.forget();
  tunnel.application_sends(1, std::string(1400, 'x'), 46);
  tunnel.target_sends(tunnel.flow, std::string(1400, 'y'), 10);
  ASSERT_EQ(tunnel.sent_by(PathId{0}, PacketType::control, true).size(), 2U);
  EXPECT_EQ(dscp_of(tunnel, true), std::set<std::uint8_t>{46});
  EXPECT_EQ(dscp_of(tunnel, false), std::set<std::uint8_t>{10});
}

TEST(TunnelDscp, IsKeptWhileADatagramWaitsForASession) {
  PathTunnel tunnel;
  tunnel.application_sends(1, "x", 46);
  tunnel.application_sends(1, "y", 12);
  tunnel.start();
  ASSERT_EQ(tunnel.at_target.size(), 2U);
  std::set<std::uint8_t> of_data;
  for (const Wire& wire : tunnel.sent_by(PathId{0}, PacketType::data, true)) of_data.insert(wire.dscp);
  EXPECT_EQ(of_data, (std::set<std::uint8_t>{12, 46}));
}

TEST(TunnelDscp, IsKeptWhileAReplyWaitsForItsFlow) {
  PathTunnel tunnel;
  tunnel.open_flow();
  // Another process of the client takes the flow over, and has not opened it yet.
  tunnel.restart_client();
  tunnel.forget();
  tunnel.target_sends(tunnel.flow, "y", 34);
  EXPECT_TRUE(tunnel.at_application.empty());
  tunnel.application_sends(1, "x");
  ASSERT_EQ(tunnel.at_application.size(), 1U);
  std::set<std::uint8_t> of_data;
  for (const Wire& wire : tunnel.sent_by(PathId{0}, PacketType::data, false)) of_data.insert(wire.dscp);
  EXPECT_EQ(of_data, std::set<std::uint8_t>{34});
}

TEST(TunnelDscp, RunsAreOfOneDscp) {
  PathTunnel tunnel;
  tunnel.open_flow();
  test::Packet bytes(100, 'x');
  tunnel.client->on_application({bytes, 50}, test::source_of(1), tunnel.out, tunnel.now, 46);
  tunnel.client->on_application({bytes, 50}, test::source_of(1), tunnel.out, tunnel.now, 0);
  ASSERT_EQ(tunnel.out.runs.size(), 2U);
  EXPECT_EQ(tunnel.out.runs[0].marks.dscp, 46);
  EXPECT_EQ(tunnel.out.runs[0].count, 2U);
  EXPECT_EQ(tunnel.out.runs[1].marks.dscp, 0);
  tunnel.carry();
}

}  // namespace
}  // namespace mptunnel
