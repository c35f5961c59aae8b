// Both engines together: datagrams of a flow are delivered in their order.
#include <gtest/gtest.h>

#include "some_values.h"
#include "support/key_wear.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::Delivered;
using test::frame_bytes;
using test::kMost;
using test::Packet;
using test::PathTunnel;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

TunnelSettings with_order(Duration most = kMost) {
  TunnelSettings settings;
  settings.paths = 1;
  settings.order = {OrderSettings::Mode::always, most};
  return settings;
}

/// NUMBERED of flow 0, which is that of the application at port 1.
Packet numbered(int number) {
  Packet bytes(4);
  ByteWriter writer(bytes);
  encode_numbered_prefix(FlowId{0}, static_cast<std::uint16_t>(number), writer);
  for (const char digit : std::to_string(number)) bytes.push_back(static_cast<std::uint8_t>(digit));
  return bytes;
}
std::string texts(const std::vector<Delivered>& all) {
  std::string text;
  for (const Delivered& one : all) text += one.payload + ' ';
  return text;
}

class TunnelOrder : public testing::Test {
 protected:
  explicit TunnelOrder(const TunnelSettings& settings = with_order()) : tunnel_(settings) {
    tunnel_.open_flow();
    tunnel_.flow_changes.clear();
  }
  void to_server(int number) {
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::data, numbered(number)));
  }
  void to_client(int number) {
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::data, numbered(number)));
  }
  [[nodiscard]] std::string at_target() const { return texts(tunnel_.at_target); }
  [[nodiscard]] std::string at_application() const { return texts(tunnel_.at_application); }
  [[nodiscard]] std::size_t held_bytes() const {
    return tunnel_.client->state().receiver.order().bytes() + tunnel_.server->state().context.held.bytes();
  }

  PathTunnel tunnel_;
};

/// Datagrams are held until something else than time lets them leave.
class LongTunnelOrder : public TunnelOrder {
 protected:
  LongTunnelOrder() : TunnelOrder(with_order(1h)) {}
};

class NoTunnelOrder : public TunnelOrder {
 protected:
  NoTunnelOrder() : TunnelOrder(TunnelSettings{}) {}
};

TEST_F(TunnelOrder, WhatWasOvertakenIsDeliveredInItsPlace) {
  for (const int number : {7, 9, 10, 8, 11}) {
    to_server(number);
    to_client(number);
    if (number == 10) {
      EXPECT_EQ(at_target(), "7 ");
      EXPECT_EQ(at_application(), "7 ");
    }
  }
  EXPECT_EQ(at_target(), "7 8 9 10 11 ");
  EXPECT_EQ(at_application(), "7 8 9 10 11 ");
  EXPECT_EQ(held_bytes(), 0U);
}

TEST_F(TunnelOrder, TheServerWaitsUntilTheDeadline) {
  to_server(0);
  to_server(2);
  EXPECT_LE(tunnel_.server->deadline(), tunnel_.now + kMost);
  tunnel_.advance(kMost - 1ns);
  EXPECT_EQ(at_target(), "0 ");
  tunnel_.advance(1ns + kDelayTick);
  EXPECT_EQ(at_target(), "0 2 ");
  EXPECT_EQ(held_bytes(), 0U);
  to_server(1);
  EXPECT_EQ(at_target(), "0 2 1 ");
}

TEST_F(TunnelOrder, TheClientWaitsUntilTheDeadline) {
  to_client(0);
  to_client(2);
  EXPECT_LE(tunnel_.client->deadline(), tunnel_.now + kMost);
  tunnel_.advance(kMost - 1ns);
  EXPECT_EQ(at_application(), "0 ");
  tunnel_.advance(1ns);
  EXPECT_EQ(at_application(), "0 2 ");
  EXPECT_EQ(held_bytes(), 0U);
  to_client(1);
  EXPECT_EQ(at_application(), "0 2 1 ");
}

TEST_F(TunnelOrder, EachGapHasItsDeadlineAtTheServer) {
  to_server(0);
  to_server(2);
  tunnel_.advance(15ms);
  to_server(4);
  tunnel_.advance(5ms + kDelayTick);
  EXPECT_EQ(at_target(), "0 2 ");
  tunnel_.advance(15ms);
  EXPECT_EQ(at_target(), "0 2 4 ");
}

TEST_F(TunnelOrder, OneThatIsLateInTheNetworkIsWaitedFor) {
  std::vector<Packet> to_server;
  std::vector<Packet> to_client;
  int data = 0;
  tunnel_.arrives = [&](const Wire& wire) {
    if (wire.type() != PacketType::data || ++data % 10 != 5) return true;
    (wire.to_server ? to_server : to_client).push_back(wire.bytes);
    return false;
  };
  for (int i = 0; i < 10; ++i) tunnel_.application_sends(1, test::payload_of(1300, static_cast<unsigned>(i)));
  for (int i = 0; i < 10; ++i)
    tunnel_.target_sends(tunnel_.flow, test::payload_of(1300, static_cast<unsigned>(i)));
  ASSERT_EQ(to_server.size(), 1U);
  ASSERT_EQ(to_client.size(), 1U);
  EXPECT_EQ(tunnel_.at_target.size(), 4U);
  EXPECT_EQ(tunnel_.at_application.size(), 4U);
  tunnel_.advance(3ms);
  tunnel_.to_server(to_server[0]);
  tunnel_.to_client(to_client[0]);
  ASSERT_EQ(tunnel_.at_target.size(), 10U);
  ASSERT_EQ(tunnel_.at_application.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(tunnel_.at_target[i].payload, test::payload_of(1300, i));
    EXPECT_EQ(tunnel_.at_application[i].payload, test::payload_of(1300, i));
  }
}

TEST_F(NoTunnelOrder, NumbersOfThePeerAreReadAndNothingWaits) {
  for (const int number : {7, 9, 8}) {
    to_server(number);
    to_client(number);
  }
  EXPECT_EQ(at_target(), "7 9 8 ");
  EXPECT_EQ(at_application(), "7 9 8 ");
}

TEST_F(LongTunnelOrder, AFlowThatTheClientEndsLeavesWhatItHolds) {
  to_server(0);
  to_server(2);
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frame_bytes({FlowCloseFrame{FlowId{0}}})));
  EXPECT_EQ(at_target(), "0 2 ");
  ASSERT_EQ(tunnel_.flow_changes.size(), 1U);
  EXPECT_FALSE(tunnel_.flow_changes[0].opened);
  EXPECT_EQ(held_bytes(), 0U);
}

TEST_F(LongTunnelOrder, AFlowThatIsIdleLeavesWhatItHolds) {
  to_client(0);
  to_client(2);
  tunnel_.advance(1s);
  EXPECT_EQ(at_application(), "0 ");
  tunnel_.advance(kFlowIdle + 40s);
  EXPECT_EQ(at_application(), "0 2 ");
  EXPECT_EQ(tunnel_.ended_sources.size(), 1U);
  EXPECT_EQ(held_bytes(), 0U);
}

TEST_F(LongTunnelOrder, ASessionThatTheClientEndsLeavesWhatItHolds) {
  to_server(0);
  to_server(2);
  tunnel_.client->close(tunnel_.out, tunnel_.now);
  tunnel_.carry();
  EXPECT_TRUE(tunnel_.server->state().table.all().empty());
  EXPECT_EQ(at_target(), "0 2 ");
  EXPECT_EQ(held_bytes(), 0U);
}

TEST_F(LongTunnelOrder, AClientThatEndsLeavesWhatItHolds) {
  to_client(0);
  to_client(2);
  tunnel_.client->close(tunnel_.out, tunnel_.now);
  tunnel_.carry();
  EXPECT_EQ(at_application(), "0 2 ");
  EXPECT_EQ(tunnel_.client->state().receiver.order().bytes(), 0U);
}

TEST_F(LongTunnelOrder, OneWithoutANumberComesBehindAllThatWaits) {
  to_server(0);
  to_server(2);
  to_client(0);
  to_client(2);
  const Packet plain = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("plain")}});
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::data, plain));
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::data, plain));
  EXPECT_EQ(at_target(), "0 2 plain ");
  EXPECT_EQ(at_application(), "0 2 plain ");
}

TEST_F(LongTunnelOrder, ASessionThatIsSilentLeavesWhatItHolds) {
  to_server(0);
  to_server(2);
  tunnel_.arrives = [](const Wire& wire) { return !wire.to_server; };
  tunnel_.advance(kSessionLife + kDormantAfter);
  EXPECT_TRUE(tunnel_.server->state().table.all().empty());
  EXPECT_EQ(at_target(), "0 2 ");
  EXPECT_EQ(held_bytes(), 0U);
}

TEST_F(LongTunnelOrder, NumbersBeginAnewWithTheServer) {
  to_client(5000);
  to_client(5002);
  tunnel_.restart_server();
  for (int i = 0; i < 200 && Tunnel::count<SessionStarted>(tunnel_.client_events) == 0; ++i) {
    tunnel_.application_sends(1, "x");
    tunnel_.advance(10ms);
  }
  ASSERT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
  EXPECT_EQ(at_application(), "5000 5002 ");
  tunnel_.application_sends(1, "x");
  tunnel_.at_application.clear();
  for (const int number : {0, 2, 1}) to_client(number);
  EXPECT_EQ(at_application(), "0 1 2 ");
}

TEST_F(TunnelOrder, NumbersBeginAnewWithTheClientWhichTakesItsFlowOver) {
  to_server(5000);
  to_server(5002);
  tunnel_.restart_client();
  EXPECT_EQ(Tunnel::count<ClientTakenOver>(tunnel_.server_events), 1U);
  tunnel_.application_sends(1, "new");
  tunnel_.advance(kMost + kDelayTick);
  EXPECT_EQ(at_target(), "5000 5002 new ") << "what the former process sent is not lost";
  tunnel_.at_target.clear();
  for (const int number : {0, 2, 1}) {
    to_server(number);
    to_client(number);
  }
  EXPECT_EQ(at_target(), "0 1 2 ");
  EXPECT_EQ(at_application(), "0 1 2 ");
  for (const Delivered& one : tunnel_.at_target) EXPECT_EQ(one.flow, tunnel_.flow);
}

TEST_F(LongTunnelOrder, NumbersGoOnOverARekey) {
  const SessionIndex before = tunnel_.client->state().link.current()->index();
  for (const int number : {0, 2}) {
    to_server(number);
    to_client(number);
  }
  test::wear_out(test::keys_of(*tunnel_.client), static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
  tunnel_.advance(1s);
  ASSERT_NE(tunnel_.client->state().link.current()->index(), before);
  EXPECT_EQ(at_target(), "0 ");
  EXPECT_EQ(at_application(), "0 ");
  for (const int number : {4, 1, 3}) {
    to_server(number);
    to_client(number);
  }
  EXPECT_EQ(at_target(), "0 1 2 3 4 ");
  EXPECT_EQ(at_application(), "0 1 2 3 4 ");
}

TEST_F(TunnelOrder, NumbersBeginAnewWithAFlowThatTheServerForgot) {
  to_client(5000);
  to_client(5002);
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, frame_bytes({FlowCloseFrame{FlowId{0}}})));
  EXPECT_EQ(at_application(), "5000 5002 ");
  for (const int number : {0, 2, 1}) to_client(number);
  EXPECT_EQ(at_application(), "5000 5002 0 1 2 ");
}

}  // namespace
}  // namespace mptunnel
