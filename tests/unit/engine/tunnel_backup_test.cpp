// Both engines together: backup and metered paths, and paths that the tunnel itself rides on.

#include <gtest/gtest.h>

#include "some_values.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::kBackup;
using test::kMetered;
using test::kPlain;
using test::Packet;
using test::PathTunnel;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

TunnelSettings with(const std::vector<PathTraits>& traits, std::size_t min_paths = 1) {
  TunnelSettings settings;
  settings.paths = traits.size();
  settings.traits = traits;
  settings.min_paths = min_paths;
  return settings;
}

/// DATA by a path in both directions.
std::size_t data_by(const PathTunnel& tunnel, std::uint8_t path) {
  return tunnel.sent_by(PathId{path}, PacketType::data, true).size() +
         tunnel.sent_by(PathId{path}, PacketType::data, false).size();
}
std::vector<PathStandby> standby_events(const PathTunnel& tunnel) {
  std::vector<PathStandby> found;
  for (const Event& event : tunnel.client_events) {
    if (const auto* standby = std::get_if<PathStandby>(&event)) found.push_back(*standby);
  }
  return found;
}

TEST(TunnelBackup, CarriesNothingEitherWayWhileAnotherIsUp) {
  PathTunnel tunnel(with({kPlain, kBackup}));
  tunnel.open_flow();
  tunnel.advance(1s);
  tunnel.forget();
  tunnel.move_data(10s);
  EXPECT_EQ(data_by(tunnel, 0), 2000U);
  EXPECT_EQ(data_by(tunnel, 1), 0U);
  // One PING a second, and its PONG.
  EXPECT_LE(tunnel.sent_by(PathId{1}, PacketType::control, true).size(), 12U);
  EXPECT_GE(tunnel.sent_by(PathId{1}, PacketType::control, true).size(), 9U);
  EXPECT_TRUE(tunnel.session().paths[1]->is_standby());
  EXPECT_EQ(tunnel.session().paths[1]->state(tunnel.now), PathState::up);
}

TEST(TunnelBackup, IsSaidOnceWhenItGoesIntoReserve) {
  PathTunnel tunnel(with({kPlain, kBackup}));
  tunnel.start();
  tunnel.advance(1min);
  const auto events = standby_events(tunnel);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].path, PathId{1});
  EXPECT_TRUE(events[0].standby);
}

TEST(TunnelBackup, TakesOverWhenTheOtherTurnsSuspectAndIsReleasedWhenItIsBack) {
  PathTunnel tunnel(with({kPlain, kBackup}));
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.forget();
  tunnel.arrives = [](const Wire& wire) { return wire.path != PathId{0}; };
  const TimePoint cut = tunnel.now;
  while (tunnel.at_target.empty() && tunnel.now < cut + 5s) tunnel.move_data(10ms);
  // A PING each 50 ms; two without an answer for 200 ms make a path suspect.
  EXPECT_LE(tunnel.now - cut, 270ms);
  ASSERT_EQ(standby_events(tunnel).size(), 1U);
  EXPECT_FALSE(standby_events(tunnel)[0].standby);
  EXPECT_FALSE(tunnel.session().paths[1]->is_standby()) << "the server learns of it at once";
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(tunnel.at_target.size(), 100U);
  EXPECT_EQ(tunnel.at_application.size(), 100U);
  tunnel.arrives = nullptr;
  tunnel.forget();
  tunnel.move_data(kRestAfter - 100ms);
  EXPECT_EQ(standby_events(tunnel).size(), 0U) << "the other has to prove itself";
  tunnel.move_data(1400ms);
  ASSERT_EQ(standby_events(tunnel).size(), 1U);
  EXPECT_TRUE(standby_events(tunnel)[0].standby);
  EXPECT_EQ(tunnel.at_target.size(), 630U);
  EXPECT_EQ(tunnel.at_application.size(), 630U);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(data_by(tunnel, 1), 0U);
}

TEST(TunnelBackup, FillsUpToMinPathsAndNoFurther) {
  PathTunnel tunnel(with({kPlain, kBackup, kBackup}, 2));
  tunnel.open_flow();
  tunnel.advance(1s);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(data_by(tunnel, 0), 200U);
  EXPECT_EQ(data_by(tunnel, 1), 200U);
  EXPECT_EQ(data_by(tunnel, 2), 0U);
  tunnel.arrives = [](const Wire& wire) { return wire.path != PathId{1}; };
  tunnel.move_data(1s);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(data_by(tunnel, 2), 200U);
}

TEST(TunnelBackup, MeteredPathComesLast) {
  PathTunnel tunnel(with({kMetered, kBackup, kPlain}));
  tunnel.open_flow();
  tunnel.advance(1s);
  tunnel.arrives = [](const Wire& wire) { return wire.path != PathId{2}; };
  tunnel.move_data(2s);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(data_by(tunnel, 0), 0U);
  EXPECT_EQ(data_by(tunnel, 1), 200U);
  tunnel.arrives = [](const Wire& wire) { return wire.path == PathId{0}; };
  tunnel.move_data(2s);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(tunnel.at_target.size(), 100U);
  EXPECT_EQ(tunnel.at_application.size(), 100U);
}

TEST(TunnelBackup, MeteredPathIsProbedAtItsKeepaliveAloneWhateverMoves) {
  PathTraits metered = kMetered;
  metered.keepalive = 20s;
  PathTunnel tunnel(with({kPlain, metered}));
  tunnel.open_flow();
  tunnel.move_data(30s);
  tunnel.forget();
  tunnel.move_data(100s);
  EXPECT_EQ(data_by(tunnel, 1), 0U);
  const auto pings = tunnel.sent_by(PathId{1}, PacketType::control, true);
  EXPECT_GE(pings.size(), 4U);
  EXPECT_LE(pings.size(), 6U);
  const auto back = tunnel.sent_by(PathId{1}, PacketType::control, false);
  EXPECT_LE(back.size(), 6U);
  EXPECT_EQ(tunnel.session().paths[1]->state(tunnel.now), PathState::up) << "the server knows its pace";
}

TEST(TunnelBackup, MeteredPathInReserveIsNotMeasuredByTheClient) {
  PathTunnel tunnel(with({kPlain, kMetered}));
  tunnel.start();
  tunnel.move_data(30s);
  std::size_t bytes = 0;
  for (const Wire& wire : tunnel.wires) {
    if (wire.path == PathId{1} && wire.type() == PacketType::control && wire.bytes.size() > 500) {
      EXPECT_FALSE(wire.to_server) << wire.bytes.size();
      bytes += wire.bytes.size();
    }
  }
  EXPECT_EQ(bytes, 0U) << "nor by the server: it costs by the byte";
}

TEST(TunnelBackup, BackupsCarryWhileThereAreNoOthers) {
  PathTunnel tunnel(with({kBackup, kMetered}));
  tunnel.open_flow();
  tunnel.advance(1s);
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(data_by(tunnel, 0), 200U);
  EXPECT_EQ(data_by(tunnel, 1), 0U);
}

TEST(TunnelBackup, PathThatLosesItsAddressIsReplacedAtOnce) {
  PathTunnel tunnel(with({kPlain, kBackup}));
  tunnel.open_flow();
  tunnel.move_data(1s);
  tunnel.forget();
  tunnel.client->set_path_available(PathId{0}, false, tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.move_data(1s);
  EXPECT_EQ(tunnel.at_target.size(), 100U);
  EXPECT_EQ(tunnel.at_application.size(), 100U);
}

TEST(TunnelBackup, OvertakenPingDoesNotPutAPathBackIntoReserve) {
  PathTunnel tunnel(with({kPlain, kBackup}));
  tunnel.open_flow();
  tunnel.advance(1s);
  std::vector<Packet> held;
  tunnel.arrives = [&](const Wire& wire) {
    if (!wire.to_server || wire.path != PathId{1} || !held.empty()) return true;
    held.push_back(wire.bytes);
    return false;
  };
  while (held.empty()) tunnel.move_data(10ms);
  // The path takes over, and only then the PING that was sent before comes.
  tunnel.arrives = [](const Wire& wire) { return wire.path != PathId{0}; };
  while (tunnel.client->path(PathId{1}).is_standby()) tunnel.move_data(10ms);
  ASSERT_FALSE(tunnel.session().paths[1]->is_standby());
  tunnel.to_server(held[0], PathId{1});
  EXPECT_FALSE(tunnel.session().paths[1]->is_standby());
}

TEST(TunnelBackup, TargetIsHeardForAsLongAsTheClientMayKeepStill) {
  PathTraits slow;
  slow.keepalive = 60s;
  PathTunnel tunnel(with({slow, slow}));
  tunnel.open_flow();
  tunnel.move_data(100ms);
  for (int i = 0; i < 4; ++i) {
    tunnel.forget();
    tunnel.advance(55s);
    tunnel.target_sends(tunnel.flow, "after a pause");
    tunnel.advance(10ms);
    EXPECT_EQ(tunnel.at_application.size(), 1U) << i;
  }
}

class TunnelLoop : public testing::Test {
 protected:
  TunnelLoop() {
    tunnel_.open_flow();
    tunnel_.move_data(1s);
    for (const Wire& wire : tunnel_.wires) {
      if (!wire.to_server || wire.path != PathId{1} || wire.bytes.size() != kProbeBytes) continue;
      earlier_ping_ = ping_;
      ping_ = wire.bytes;
    }
    tunnel_.forget();
  }
  void comes_back_in(std::size_t in_front, const Packet& packet) {
    std::string payload(in_front, 'h');
    payload.append(packet.begin(), packet.end());
    tunnel_.application_sends(1, payload);
  }

  PathTunnel tunnel_;
  Packet earlier_ping_;  // the last but one of path 1
  Packet ping_;          // the last
};

TEST_F(TunnelLoop, PathWhosePacketsComeBackInIsShutAndSaid) {
  // Bare, behind IPv4 or IPv6 and UDP, and what a tun or tap device puts before those.
  for (const std::size_t in_front : {0U, 28U, 32U, 42U, 48U, 52U, 62U}) {
    PathTunnel tunnel;
    tunnel.open_flow();
    tunnel.move_data(1s);
    std::vector<Packet> pings;
    for (const Wire& wire : tunnel.wires) {
      if (wire.to_server && wire.path == PathId{1} && wire.bytes.size() == kProbeBytes)
        pings.push_back(wire.bytes);
    }
    ASSERT_GE(pings.size(), 2U);
    tunnel.forget();
    std::string payload(in_front, 'h');
    payload.append(pings.back().begin(), pings.back().end());
    tunnel.application_sends(1, payload);
    tunnel.application_sends(1, payload);
    EXPECT_TRUE(tunnel.client->path(PathId{1}).is_available()) << "one PING, whatever often, is no proof";
    std::string other(in_front, 'h');
    other.append(pings[pings.size() - 2].begin(), pings[pings.size() - 2].end());
    tunnel.application_sends(1, other);
    EXPECT_TRUE(tunnel.at_target.empty()) << in_front;
    EXPECT_EQ(tunnel.client_drops(Drop::own_packet), 3U);
    EXPECT_FALSE(tunnel.client->path(PathId{1}).is_available());
    EXPECT_TRUE(tunnel.client->path(PathId{0}).is_available());
    ASSERT_EQ(Tunnel::count<PathLooped>(tunnel.client_events), 1U);
    EXPECT_EQ(std::get<PathLooped>(tunnel.client_events[0]).path, PathId{1});
    tunnel.application_sends(1, payload);
    EXPECT_EQ(Tunnel::count<PathLooped>(tunnel.client_events), 1U) << "said once";
    // The others carry on.
    tunnel.forget();
    tunnel.move_data(1s);
    EXPECT_EQ(tunnel.at_target.size(), 100U);
    EXPECT_TRUE(tunnel.sent_by(PathId{1}, PacketType::data, true).empty());
  }
}

TEST_F(TunnelLoop, WhatOnlyLooksLikeAPingIsADatagram) {
  ASSERT_FALSE(ping_.empty());
  comes_back_in(5, ping_);
  Packet altered = ping_;
  altered[3] ^= 1U;  // another session's
  comes_back_in(0, altered);
  altered = ping_;
  altered[7] ^= 1U;  // a number that was no PING of ours
  altered[4] ^= 1U;
  comes_back_in(0, altered);
  altered = ping_;
  altered[0] = static_cast<std::uint8_t>(PacketType::data);
  comes_back_in(0, altered);
  altered = ping_;
  altered.pop_back();
  comes_back_in(0, altered);
  EXPECT_EQ(tunnel_.at_target.size(), 5U);
  EXPECT_TRUE(tunnel_.client->path(PathId{1}).is_available());
  EXPECT_EQ(tunnel_.client_drops(Drop::own_packet), 0U);
}

TEST_F(TunnelLoop, IsFoundBeforeThereIsASession) {
  PathTunnel tunnel;
  tunnel.arrives = [](const Wire& wire) { return wire.type() != PacketType::control; };
  tunnel.start();
  tunnel.advance(150ms);
  const auto hellos = tunnel.sent_by(PathId{1}, PacketType::control, true);
  ASSERT_GE(hellos.size(), 2U);
  ASSERT_FALSE(tunnel.client->state().link.current() != nullptr);
  for (const std::size_t i : {0U, 1U}) {
    tunnel.application_sends(
        1, std::string(28, 'h') + std::string(hellos[i].bytes.begin(), hellos[i].bytes.end()));
  }
  EXPECT_FALSE(tunnel.client->path(PathId{1}).is_available());
  EXPECT_EQ(Tunnel::count<PathLooped>(tunnel.client_events), 1U);
}

TEST_F(TunnelLoop, PathMayBeOpenedAgain) {
  comes_back_in(28, earlier_ping_);
  comes_back_in(28, ping_);
  ASSERT_FALSE(tunnel_.client->path(PathId{1}).is_available());
  tunnel_.client->set_path_available(PathId{1}, true, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  tunnel_.move_data(1s);
  EXPECT_EQ(tunnel_.client->path(PathId{1}).state(), PathState::up);
}

}  // namespace
}  // namespace mptunnel
