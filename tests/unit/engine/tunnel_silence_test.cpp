// What counts as a sign of life, and what does not.

#include <gtest/gtest.h>

#include <set>

#include "tunnel.h"

namespace mptunnel {
namespace {

using test::frame_bytes;
using test::Packet;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

class TunnelSilence : public testing::Test {
 protected:
  /// A server that is gone, and a client whose application goes on sending until a handshake has begun.
  void cut(Tunnel& tunnel) {
    tunnel.arrives = [](const Wire& /*wire*/) { return false; };
    tunnel.wires.clear();
    for (int i = 0; i < 100 && handshakes(tunnel).empty(); ++i) {
      tunnel.application_sends(1, "x");
      tunnel.advance(10ms);
    }
    ASSERT_EQ(handshakes(tunnel).size(), 1U);
  }
  void send_on(Tunnel& tunnel) {
    for (int i = 0; i < 60; ++i) {
      tunnel.application_sends(1, "x");
      tunnel.advance(10ms);
    }
  }
  /// The different messages that left: a handshake that was given up and begun again is another one.
  static std::set<std::string> handshakes(const Tunnel& tunnel) {
    std::set<std::string> found;
    for (const Wire& wire : tunnel.wires) {
      if (wire.type() == PacketType::handshake1) found.emplace(wire.bytes.begin(), wire.bytes.end());
    }
    return found;
  }
  static Packet datagram() { return frame_bytes({DatagramFrame{FlowId{0}, bytes_of("y")}}); }
};

TEST_F(TunnelSilence, HandshakeBeginsBesideTheSessionWithin250Milliseconds) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.advance(50ms);
  const TimePoint start = tunnel.now;
  cut(tunnel);
  EXPECT_LE(tunnel.now - start, 250ms);
  EXPECT_TRUE(tunnel.client->state().link.current() != nullptr);
}

TEST_F(TunnelSilence, NewPacketOfTheServerEndsTheHandshake) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    Tunnel tunnel;
    tunnel.start();
    tunnel.application_sends(1, "x");
    cut(tunnel);
    tunnel.to_client(tunnel.seal_as_server(type, datagram()));
    const std::size_t before = tunnel.wires.size();
    tunnel.advance(50ms);
    for (std::size_t i = before; i < tunnel.wires.size(); ++i) {
      EXPECT_NE(tunnel.wires[i].type(), PacketType::handshake1);
    }
  }
}

TEST_F(TunnelSilence, PacketThatWasHeldBackDoesNot) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    Tunnel tunnel;
    tunnel.start();
    tunnel.application_sends(1, "x");
    const Packet held_back = tunnel.seal_as_server(type, {{0}});
    tunnel.to_client(tunnel.seal_as_server(type, {{0}}));
    cut(tunnel);
    tunnel.to_client(held_back);
    send_on(tunnel);
    EXPECT_EQ(handshakes(tunnel).size(), 1U);
  }
}

TEST_F(TunnelSilence, ClearPacketDoesNot) {
  TunnelSettings settings;
  settings.client.encrypt = settings.server.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  tunnel.application_sends(1, "x");
  cut(tunnel);
  tunnel.to_client(tunnel.seal_as_server(PacketType::data, datagram()));
  EXPECT_EQ(tunnel.at_application.size(), 1U);
  send_on(tunnel);
  EXPECT_EQ(handshakes(tunnel).size(), 1U);
}

TEST_F(TunnelSilence, QuietSessionIsNotSuspected) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.advance(1min);
  tunnel.wires.clear();
  tunnel.advance(50s);
  EXPECT_TRUE(handshakes(tunnel).empty());
}

TEST_F(TunnelSilence, ServerTakesOnlyNewPacketsForASignOfLife) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    Tunnel tunnel;
    tunnel.start();
    const Packet held_back = tunnel.seal_as_client(type, {{0}});
    tunnel.to_server(tunnel.seal_as_client(type, {{0}}));
    const TimePoint heard = tunnel.session().last_heard;
    tunnel.now += 5s;
    tunnel.to_server(held_back);
    EXPECT_EQ(tunnel.session().last_heard, heard);
    tunnel.to_server(tunnel.seal_as_client(type, {{0}}));
    EXPECT_EQ(tunnel.session().last_heard, tunnel.now);
  }
}

}  // namespace
}  // namespace mptunnel
