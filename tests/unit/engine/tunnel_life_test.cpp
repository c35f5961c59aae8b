// Both engines together: keys are renewed, processes end and start again.

#include <gtest/gtest.h>

#include "support/key_wear.h"
#include "tunnel.h"

namespace mptunnel {
namespace {

using test::frame_bytes;
using test::Packet;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

class TunnelLife : public testing::Test {
 protected:
  TunnelLife() {
    tunnel_.start();
    tunnel_.application_sends(1, "first");
    tunnel_.application_sends(1, "second");
    flow_ = tunnel_.at_target.at(0).flow;
    // A flow that lives for minutes, and that the server forgets no sooner than the client.
    for (unsigned i = 0; i < kFlowDoubtedDatagrams; ++i) {
      tunnel_.application_sends(1, "x");
      tunnel_.target_sends(flow_, "y");
    }
    tunnel_.at_application.clear();
    tunnel_.at_target.clear();
    tunnel_.client_events.clear();
    tunnel_.server_events.clear();
    tunnel_.flow_changes.clear();
  }
  /// One datagram each 10 ms, both ways; returns how many did not arrive.
  int exchange(int count) {
    int lost = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t there = tunnel_.at_target.size();
      const std::size_t back = tunnel_.at_application.size();
      tunnel_.application_sends(1, "x");
      tunnel_.target_sends(flow_, "y");
      lost += tunnel_.at_target.size() == there + 1 && tunnel_.at_application.size() == back + 1 ? 0 : 1;
      tunnel_.advance(10ms);
    }
    return lost;
  }

  Tunnel tunnel_;
  FlowHandle flow_;
};

TEST_F(TunnelLife, KeyIsRenewedAtItsAgeAndNothingIsLost) {
  const SessionIndex before = tunnel_.client->state().link.current()->index();
  tunnel_.advance(kRekeyAfter - 1s);
  EXPECT_EQ(tunnel_.client->state().link.current()->index(), before);
  EXPECT_EQ(exchange(200), 0);
  EXPECT_NE(tunnel_.client->state().link.current()->index(), before);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
  EXPECT_TRUE(tunnel_.flow_changes.empty());
  EXPECT_TRUE(tunnel_.server_events.empty());
  ASSERT_EQ(tunnel_.client_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SessionStarted>(tunnel_.client_events[0]));
  EXPECT_TRUE(std::get<SessionStarted>(tunnel_.client_events[0]).resumed);
}

TEST_F(TunnelLife, KeyIsRenewedWhenItIsWornWhicheverEndWoreIt) {
  for (const bool by_client : {true, false}) {
    const SessionIndex before = tunnel_.client->state().link.current()->index();
    KeyEpoch& worn = by_client ? test::keys_of(*tunnel_.client) : test::keys_of(tunnel_.session());
    test::wear_out(worn, static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
    EXPECT_EQ(exchange(50), 0);
    EXPECT_NE(tunnel_.client->state().link.current()->index(), before);
  }
}

TEST_F(TunnelLife, FlowsStayOpenOverARekey) {
  tunnel_.advance(kRekeyAfter + 1s);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.application_sends(1, "x");
  EXPECT_EQ(tunnel_.wires.at(sent).bytes.size(), 27U);
}

TEST_F(TunnelLife, OldKeyOpensFor30SecondsAfterTheChange) {
  const Packet frames = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("late")}});
  std::vector<Packet> to_server;
  std::vector<Packet> to_client;
  for (int i = 0; i < 2; ++i) {
    to_server.push_back(tunnel_.seal_as_client(PacketType::data, frames));
    to_client.push_back(tunnel_.seal_as_server(PacketType::data, frames));
  }
  test::wear_out(test::keys_of(*tunnel_.client), static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
  tunnel_.advance(1s);
  tunnel_.advance(28s);
  tunnel_.to_server(to_server[0]);
  tunnel_.to_client(to_client[0]);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.at_application.size(), 1U);
  tunnel_.advance(20s);
  tunnel_.to_server(to_server[1]);
  tunnel_.to_client(to_client[1]);
  EXPECT_EQ(tunnel_.server_drops(Drop::unknown_index), 1U);
  EXPECT_EQ(tunnel_.client_drops(Drop::unknown_index), 1U);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
}

TEST_F(TunnelLife, ExpiredKeySealsNothingAndTheQueueWaits) {
  // Nothing of the server arrives once the key is to be renewed, inside the session or out of it.
  tunnel_.advance(kRekeyAfter - 1s);
  tunnel_.arrives = [](const Wire& wire) { return wire.to_server && wire.type() != PacketType::handshake1; };
  tunnel_.advance(kRejectAfter - kRekeyAfter + 3s);
  EXPECT_FALSE(tunnel_.client->state().link.current() != nullptr);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.application_sends(1, "waits");
  EXPECT_EQ(tunnel_.wires.size(), sent);
  tunnel_.arrives = nullptr;
  tunnel_.advance(400ms);
  ASSERT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.at_target[0].payload, "waits");
}

TEST_F(TunnelLife, ClientThatEndsTellsTheServer) {
  const Packet late = tunnel_.seal_as_client(PacketType::data, {{0}});
  tunnel_.client->close(tunnel_.out, tunnel_.now);
  tunnel_.carry();
  EXPECT_TRUE(tunnel_.server->state().table.all().empty());
  EXPECT_EQ(tunnel_.server->state().table.flows(), 0U);
  ASSERT_EQ(tunnel_.server_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<ClientSessionEnded>(tunnel_.server_events[0]));
  EXPECT_EQ(std::get<ClientSessionEnded>(tunnel_.server_events[0]).reason, CloseReason::shutdown);
  ASSERT_EQ(tunnel_.flow_changes.size(), 1U);
  EXPECT_FALSE(tunnel_.flow_changes[0].opened);
  EXPECT_EQ(tunnel_.flow_changes[0].flow, flow_);
  tunnel_.to_server(late);
  EXPECT_EQ(tunnel_.server_drops(Drop::unknown_index), 3U);  // and the CLOSE of the two other paths
}

TEST_F(TunnelLife, ServerThatEndsTellsTheClientWhichAsksAgain) {
  tunnel_.server->close(tunnel_.server_out, tunnel_.now);
  tunnel_.carry_server();
  tunnel_.restart_server();
  ASSERT_EQ(tunnel_.client_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SessionEnded>(tunnel_.client_events[0]));
  EXPECT_EQ(std::get<SessionEnded>(tunnel_.client_events[0]).reason, CloseReason::shutdown);
  tunnel_.advance(1ms);
  EXPECT_TRUE(tunnel_.client->state().link.current() != nullptr);
  EXPECT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
}

TEST_F(TunnelLife, RestartedServerIsFoundWhileDataMoves) {
  exchange(50);
  tunnel_.restart_server();
  tunnel_.at_target.clear();
  const TimePoint start = tunnel_.now;
  while (tunnel_.at_target.empty() && tunnel_.now < start + 2s) {
    tunnel_.application_sends(1, "x");
    tunnel_.advance(5ms);
  }
  // At the longest a PING interval and the silence after it.
  EXPECT_LE(tunnel_.now - start, 250ms);
  ASSERT_FALSE(tunnel_.at_target.empty());
  EXPECT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
  for (const Event& event : tunnel_.client_events) {
    const auto* started = std::get_if<SessionStarted>(&event);
    EXPECT_FALSE(started != nullptr && started->resumed);
  }
  // It opens its flow again, without being asked to.
  EXPECT_EQ(tunnel_.server_drops(Drop::flow_unknown), 0U);
}

TEST_F(TunnelLife, WhatAnOlderSessionSaysOfAFlowIsNoNewsOfThisOne) {
  const Packet opened =
      tunnel_.seal_as_server(PacketType::control, frame_bytes({FlowOpenedFrame{FlowId{0}}}));
  tunnel_.restart_server();
  tunnel_.arrives = [](const Wire& wire) { return wire.to_server || wire.bytes.size() != 26; };
  for (int i = 0; i < 50; ++i) {
    tunnel_.application_sends(1, "x");
    tunnel_.advance(10ms);
  }
  ASSERT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
  tunnel_.to_client(opened);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.application_sends(1, "x");
  EXPECT_EQ(tunnel_.wires.at(sent).bytes.size(), 26 + 10 + 1U);
}

TEST_F(TunnelLife, ReceivedNumbersAgeAtBothEnds) {
  const Packet frames{0};
  for (int i = 0; i < 600; ++i) {
    const Packet there = tunnel_.seal_as_client(PacketType::data, frames);
    const Packet back = tunnel_.seal_as_server(PacketType::data, frames);
    if (i == 300) continue;
    tunnel_.to_server(there);
    tunnel_.to_client(back);
  }
  tunnel_.advance(kReorderAge - 2s);
  EXPECT_EQ(tunnel_.client->state().link.current()->keys().data_received().low_water().value, 0U);
  EXPECT_EQ(tunnel_.session().current().keys().data_received().low_water().value, 0U);
  tunnel_.advance(4s);
  EXPECT_EQ(tunnel_.client->state().link.current()->keys().data_received().missing(), 1U);
  EXPECT_EQ(tunnel_.session().current().keys().data_received().missing(), 1U);
}

TEST_F(TunnelLife, ServerEndsAFlowWhoseEndItWasNotTold) {
  tunnel_.arrives = [](const Wire& wire) {
    return !wire.to_server || wire.type() != PacketType::control || wire.bytes.size() != 26;
  };
  tunnel_.advance(kFlowIdle + 5s);
  EXPECT_EQ(tunnel_.client->state().flows.size(), 0U);
  EXPECT_EQ(tunnel_.server->state().table.flows(), 1U);
  tunnel_.advance(30s);
  EXPECT_EQ(tunnel_.server->state().table.flows(), 0U);
}

TEST_F(TunnelLife, RestartedClientNeedsNoNewProofOfItsAddresses) {
  // PING and ECHO never arrive: only the first packets of the new process do.
  tunnel_.arrives = [](const Wire& wire) {
    return !wire.to_server || wire.type() != PacketType::control || wire.bytes.size() > 56;
  };
  tunnel_.restart_client();
  EXPECT_EQ(Tunnel::count<ClientTakenOver>(tunnel_.server_events), 1U);
  EXPECT_EQ(tunnel_.session().carrying(tunnel_.now), PathSet::first(3));
}

TEST_F(TunnelLife, RestartedClientTakesItsFlowsOver) {
  tunnel_.restart_client();
  EXPECT_EQ(Tunnel::count<ClientTakenOver>(tunnel_.server_events), 1U);
  // Another application comes first now: it gets id 0, which named the other flow.
  tunnel_.application_sends(2, "from two");
  tunnel_.application_sends(1, "from one");
  ASSERT_EQ(tunnel_.at_target.size(), 2U);
  EXPECT_NE(tunnel_.at_target[0].flow, flow_);
  EXPECT_EQ(tunnel_.at_target[1].flow, flow_);
  tunnel_.target_sends(flow_, "to one");
  tunnel_.target_sends(tunnel_.at_target[0].flow, "to two");
  ASSERT_EQ(tunnel_.at_application.size(), 2U);
  EXPECT_EQ(tunnel_.at_application[0].port, 1);
  EXPECT_EQ(tunnel_.at_application[1].port, 2);
  ASSERT_EQ(tunnel_.flow_changes.size(), 1U);
  EXPECT_TRUE(tunnel_.flow_changes[0].opened);
  tunnel_.advance(15s);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
  EXPECT_EQ(Tunnel::count<IdentitiesClash>(tunnel_.server_events), 0U);
  EXPECT_EQ(Tunnel::count<ClientSessionEnded>(tunnel_.server_events), 0U);
}

TEST_F(TunnelLife, ReplyAfterATakeOverWaitsForItsFlow) {
  tunnel_.restart_client();
  tunnel_.target_sends(flow_, "waits");
  EXPECT_TRUE(tunnel_.at_application.empty());
  tunnel_.application_sends(2, "x");
  EXPECT_TRUE(tunnel_.at_application.empty());
  tunnel_.application_sends(1, "x");
  ASSERT_EQ(tunnel_.at_application.size(), 1U);
  EXPECT_EQ(tunnel_.at_application[0].payload, "waits");
  EXPECT_EQ(tunnel_.at_application[0].port, 1);
}

TEST_F(TunnelLife, ReplyThatWaitsInVainExpires) {
  tunnel_.restart_client();
  tunnel_.target_sends(flow_, "waits");
  tunnel_.advance(700ms);
  EXPECT_EQ(tunnel_.server_drops(Drop::queue_expired), 1U);
  tunnel_.application_sends(1, "x");
  EXPECT_TRUE(tunnel_.at_application.empty());
}

TEST_F(TunnelLife, ReplacedProcessIsNotServedForTwoSeconds) {
  const Packet frames = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("old")}});
  const Packet data = tunnel_.seal_as_client(PacketType::data, frames);
  const Packet open = tunnel_.seal_as_client(PacketType::control, frame_bytes({FlowOpenFrame{FlowId{9}, 9}}));
  tunnel_.restart_client();
  tunnel_.to_server(data);
  tunnel_.to_server(open);
  EXPECT_TRUE(tunnel_.at_target.empty());
  EXPECT_TRUE(tunnel_.flow_changes.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::superseded), 2U);
}

TEST_F(TunnelLife, ServerThatEndsTellsOnlyThePresentProcess) {
  tunnel_.restart_client();
  ASSERT_EQ(tunnel_.server->state().table.all().size(), 2U);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.arrives = [](const Wire& /*wire*/) { return false; };
  tunnel_.server->close(tunnel_.server_out, tunnel_.now);
  tunnel_.carry_server();
  EXPECT_EQ(tunnel_.wires.size() - sent, 3U);
}

TEST_F(TunnelLife, TwoLiveProcessesOfOneIdentityAreSeparated) {
  const Packet late = tunnel_.seal_as_client(PacketType::control, {{0}});
  const Packet later = tunnel_.seal_as_client(PacketType::control, {{0}});
  tunnel_.restart_client();
  tunnel_.advance(kTakeoverGrace);
  tunnel_.to_server(late);
  tunnel_.to_server(later);
  EXPECT_EQ(Tunnel::count<IdentitiesClash>(tunnel_.server_events), 1U);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 2U);
  tunnel_.advance(20s);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 2U);
}

TEST_F(TunnelLife, SilentSessionIsDormantAndEndsAtLast) {
  tunnel_.arrives = [](const Wire& wire) { return !wire.to_server; };
  tunnel_.advance(kDormantAfter + 2s);
  EXPECT_TRUE(tunnel_.session().dormant);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.target_sends(flow_, "x");
  EXPECT_EQ(tunnel_.wires.size(), sent);
  EXPECT_EQ(tunnel_.server_drops(Drop::no_path), 1U);
  EXPECT_EQ(tunnel_.server->state().table.flows(), 1U);
  // Each path was suspect, then down.
  EXPECT_EQ(Tunnel::count<ClientPathChanged>(tunnel_.server_events), tunnel_.server_events.size());
  EXPECT_EQ(tunnel_.server_events.size(), 6U);
  tunnel_.server_events.clear();
  tunnel_.advance(kSessionLife - kDormantAfter);
  EXPECT_TRUE(tunnel_.server->state().table.all().empty());
  EXPECT_EQ(tunnel_.server->state().table.flows(), 0U);
  ASSERT_EQ(tunnel_.server_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<ClientSessionSilent>(tunnel_.server_events[0]));
  ASSERT_EQ(tunnel_.flow_changes.size(), 1U);
  EXPECT_EQ(tunnel_.server->deadline(), kNever);
}

TEST_F(TunnelLife, ServerSendsNothingToAClientThatIsSilentFor30Seconds) {
  tunnel_.arrives = [](const Wire& wire) { return !wire.to_server; };
  tunnel_.advance(kServerPathLife + 1s);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.target_sends(flow_, "x");
  EXPECT_EQ(tunnel_.wires.size(), sent);
}

TEST_F(TunnelLife, LateHelloOfAKeyThatWasGivenUpChangesNothing) {
  // The hellos of one attempt are stuck on the way; the client gives it up, and the next one succeeds.
  std::vector<Packet> stuck;
  SessionIndex stuck_index;
  bool sticks = true;
  tunnel_.arrives = [&](const Wire& wire) {
    if (!sticks || !wire.to_server || wire.type() != PacketType::control) return true;
    const SessionIndex index = decode_header(wire.bytes)->index;
    if (index == tunnel_.session().current().index()) return true;
    if (stuck.empty()) stuck_index = index;
    if (index != stuck_index) return true;
    stuck.push_back(wire.bytes);
    return false;
  };
  test::wear_out(test::keys_of(*tunnel_.client), static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
  EXPECT_EQ(exchange(600), 0);
  ASSERT_GE(stuck.size(), 3U);
  const SessionIndex present = tunnel_.session().current().index();
  ASSERT_NE(present, stuck_index);
  sticks = false;
  for (const Packet& packet : stuck) tunnel_.to_server(packet);
  EXPECT_EQ(tunnel_.session().current().index(), present);
  EXPECT_EQ(exchange(100), 0);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
}

TEST_F(TunnelLife, LateHelloOfAnEarlierProcessTakesNothingOver) {
  // A process ends while its hellos are stuck on the way; they arrive when the next one is at work.
  std::vector<Packet> stuck;
  tunnel_.arrives = [&](const Wire& wire) {
    if (!wire.to_server || wire.type() != PacketType::control) return true;
    stuck.push_back(wire.bytes);
    return false;
  };
  tunnel_.restart_client();
  ASSERT_EQ(stuck.size(), 3U);
  tunnel_.arrives = nullptr;
  tunnel_.advance(50ms);
  tunnel_.restart_client();
  ASSERT_EQ(exchange(100), 0);
  tunnel_.server_events.clear();
  for (const Packet& packet : stuck) tunnel_.to_server(packet);
  EXPECT_TRUE(tunnel_.server_events.empty());
  EXPECT_EQ(exchange(300), 0);
  EXPECT_TRUE(tunnel_.server_events.empty());
}

TEST_F(TunnelLife, ReplayedHandshakeChangesNothing) {
  Packet message;
  for (const Wire& wire : tunnel_.wires) {
    if (wire.type() == PacketType::handshake1) message = wire.bytes;
  }
  ASSERT_FALSE(message.empty());
  tunnel_.advance(1min);
  const SessionIndex before = tunnel_.client->state().link.current()->index();
  for (int i = 0; i < 50; ++i) tunnel_.to_server(message, {*parse_numeric_endpoint("9.9.9.9", 9), {}});
  EXPECT_EQ(exchange(300), 0);
  EXPECT_EQ(tunnel_.client->state().link.current()->index(), before);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
}

}  // namespace
}  // namespace mptunnel
