// Both engines together: who is asked for ACKs sends them, and nobody else does.
#include <gtest/gtest.h>

#include "mptunnel/engine/link/acknowledger.h"
#include "support/key_wear.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::frame_bytes;
using test::Packet;
using test::PathTunnel;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

TunnelSettings with_two_paths() {
  TunnelSettings settings;
  settings.paths = 2;
  return settings;
}

class TunnelAcks : public testing::Test {
 protected:
  TunnelAcks() {
    tunnel_.open_flow();
    mark();
  }
  void mark() { before_ = tunnel_.wires.size(); }
  void server_wants(std::uint16_t interval, std::uint16_t packets = 64) {
    tunnel_.to_client(
        tunnel_.seal_as_server(PacketType::control, frame_bytes({AckWantedFrame{interval, packets}})));
    mark();
  }
  void client_wants(std::uint16_t interval, std::uint16_t packets = 64) {
    tunnel_.to_server(
        tunnel_.seal_as_client(PacketType::control, frame_bytes({AckWantedFrame{interval, packets}})));
    mark();
  }
  /// CONTROL of that end since mark() that is not drawn by a clock.
  [[nodiscard]] std::size_t control(bool to_server) const {
    std::size_t count = 0;
    for (std::size_t i = before_; i < tunnel_.wires.size(); ++i) {
      const Wire& wire = tunnel_.wires[i];
      if (wire.to_server == to_server && wire.type() == PacketType::control) ++count;
    }
    return count;
  }
  void application_sends(int count) {
    for (int i = 0; i < count; ++i) tunnel_.application_sends(1, "data");
  }
  [[nodiscard]] std::uint64_t strange_at_client() const {
    return tunnel_.client_drops(Drop::unexpected_frame);
  }

  PathTunnel tunnel_{with_two_paths()};
  std::size_t before_ = 0;
};

TEST_F(TunnelAcks, AreNotSentUnasked) {
  application_sends(200);
  EXPECT_EQ(control(false), 0U);
  EXPECT_FALSE(tunnel_.session().receiver.acks().is_on());
  EXPECT_EQ(tunnel_.session().receiver.acks().deadline(), kNever);
}

TEST_F(TunnelAcks, AreSentOnceSoManyPacketsCame) {
  client_wants(1000, 64);
  EXPECT_TRUE(tunnel_.session().receiver.acks().is_on());
  // By both paths. What asked came by one of them, after it was counted.
  application_sends(31);
  EXPECT_EQ(control(false), 0U);
  application_sends(1);
  EXPECT_EQ(control(false), 1U);
  application_sends(31);
  EXPECT_EQ(control(false), 1U);
  application_sends(1);
  EXPECT_EQ(control(false), 2U) << "one packet, of both paths";
}

TEST_F(TunnelAcks, AreSentAfterTheInterval) {
  client_wants(20, 64);
  tunnel_.advance(19ms);
  application_sends(1);
  const TimePoint due = tunnel_.session().receiver.acks().deadline();
  EXPECT_LE(due, tunnel_.now + 20ms);
  EXPECT_EQ(control(false), 0U);
  tunnel_.advance(25ms);
  EXPECT_EQ(control(false), 1U);
  EXPECT_EQ(tunnel_.session().receiver.acks().deadline(), kNever);
}

TEST_F(TunnelAcks, OfTheClientAreTheSame) {
  server_wants(20, 64);
  tunnel_.target_sends(tunnel_.flow, "reply");
  EXPECT_EQ(control(true), 0U);
  tunnel_.advance(25ms);
  EXPECT_EQ(control(true), 1U);
  mark();
  for (int i = 0; i < 32; ++i) tunnel_.target_sends(tunnel_.flow, "reply");
  EXPECT_EQ(control(true), 1U);
}

TEST_F(TunnelAcks, EndWhenTheyAreWantedNoMore) {
  client_wants(20, 16);
  client_wants(0);
  EXPECT_FALSE(tunnel_.session().receiver.acks().is_on());
  application_sends(100);
  EXPECT_EQ(control(false), 0U);
}

TEST_F(TunnelAcks, EndIfNobodyAsksAgain) {
  client_wants(20, 16);
  tunnel_.advance(kAckWantedFor + 1s);
  application_sends(100);
  mark();
  application_sends(100);
  EXPECT_EQ(control(false), 0U);
  EXPECT_FALSE(tunnel_.session().receiver.acks().is_on());
}

TEST_F(TunnelAcks, AreNoMoreThanTheLimits) {
  client_wants(1, 1);
  application_sends(7);
  EXPECT_EQ(control(false), 0U);
  tunnel_.advance(4ms);
  EXPECT_EQ(control(false), 0U);
  tunnel_.advance(3ms);
  EXPECT_EQ(control(false), 1U);
}

TEST_F(TunnelAcks, GoByTheFastestPath) {
  PathViews views;
  views.add(PathId{0}, {PathState::up, 1400, 30ms});
  views.add(PathId{1}, {PathState::up, 1400, 20ms});
  views.add(PathId{2}, {PathState::up, 1400, {}});
  EXPECT_EQ(views.fastest(views.paths()), PathId{1});
  EXPECT_EQ(views.fastest(PathSet::of(PathId{0}, PathId{2})), PathId{0});
  EXPECT_EQ(views.fastest(PathSet::of(PathId{2})), PathId{2});
}

TEST_F(TunnelAcks, OfAnOldKeyAreNotAskedFor) {
  const Packet old = tunnel_.seal_as_client(PacketType::control, frame_bytes({AckWantedFrame{20, 16}}));
  tunnel_.advance(kRekeyAfter + 2s);
  tunnel_.to_server(old);
  EXPECT_FALSE(tunnel_.session().receiver.acks().is_on());
}

TEST_F(TunnelAcks, GoOnUnderTheNextKey) {
  client_wants(20, 64);
  const auto key = tunnel_.session().current().index();
  for (int i = 0; i < 130 && tunnel_.session().current().index() == key; ++i) {
    tunnel_.advance(1s);
    client_wants(1000, 64);
  }
  ASSERT_NE(tunnel_.session().current().index(), key);
  tunnel_.advance(2s);
  // With the first there are PINGs, and their answers.
  application_sends(2);
  mark();
  application_sends(40);
  EXPECT_EQ(control(false), 1U);
}

}  // namespace
}  // namespace mptunnel
