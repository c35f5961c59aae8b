#include "mptunnel/engine/server_engine.h"

#include <gtest/gtest.h>

#include "drop_row.h"
#include "raw_client.h"

namespace mptunnel {
namespace {

using test::DropRow;
using test::flipped;
using test::frame_bytes;
using test::handshake1;
using test::Packet;
using test::RawClient;
using test::Tunnel;
using test::TunnelSettings;
using test::with_type;

class ServerEngineDrop : public testing::TestWithParam<DropRow> {};

TEST_P(ServerEngineDrop, IsCountedByItsReasonAndChangesNothing) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.at_target.clear();
  tunnel.flow_changes.clear();
  const std::size_t events = tunnel.server_events.size();
  const Packet packet = GetParam().make(tunnel);
  const std::size_t sent = tunnel.wires.size();
  const std::uint64_t before = tunnel.server_drops(GetParam().drop);
  tunnel.to_server(packet);
  EXPECT_EQ(tunnel.server_drops(GetParam().drop) - before, 1U);
  EXPECT_EQ(tunnel.wires.size(), sent);
  EXPECT_EQ(tunnel.server_events.size(), events);
  EXPECT_TRUE(tunnel.at_target.empty());
  EXPECT_TRUE(tunnel.flow_changes.empty());
  EXPECT_EQ(tunnel.server->state().table.all().size(), 1U);
  // It lives on.
  tunnel.application_sends(1, "after");
  ASSERT_EQ(tunnel.at_target.size(), 1U);
}

Packet client_data(Tunnel& tunnel, const Packet& frames) {
  return tunnel.seal_as_client(PacketType::data, frames);
}
Packet client_control(Tunnel& tunnel, const Packet& frames) {
  return tunnel.seal_as_client(PacketType::control, frames);
}

const DropRow kServerDrops[] = {
    {"Empty", Drop::truncated, [](Tunnel&) { return Packet{}; }},
    {"SevenBytes", Drop::truncated, [](Tunnel&) { return Packet(7, 4); }},
    {"TypeZero", Drop::unknown_type, [](Tunnel&) { return Packet(300, 0); }},
    {"TypeSix", Drop::unknown_type, [](Tunnel&) { return Packet(300, 6); }},
    {"Handshake2", Drop::unknown_type, [](Tunnel& t) { return with_type(handshake1(t), 2); }},
    {"Cookie", Drop::unknown_type, [](Tunnel& t) { return with_type(handshake1(t), 3); }},
    {"ShortHandshake", Drop::handshake_size,
     [](Tunnel& t) {
       Packet packet = handshake1(t);
       packet.pop_back();
       return packet;
     }},
    {"LongHandshake", Drop::handshake_size,
     [](Tunnel& t) {
       Packet packet = handshake1(t);
       packet.resize(kMaxHandshakeBytes + 1);
       return packet;
     }},
    {"HandshakeOfZeros", Drop::handshake_mac, [](Tunnel&) { return with_type(Packet(256), 1); }},
    {"HandshakeWithANumber", Drop::handshake_invalid, [](Tunnel& t) { return flipped(handshake1(t), 7); }},
    {"DataOfAnUnknownIndex", Drop::unknown_index, [](Tunnel& t) { return flipped(client_data(t, {0}), 2); }},
    {"ControlOfAnUnknownIndex", Drop::unknown_index,
     [](Tunnel& t) { return flipped(client_control(t, {0}), 2); }},
    {"ForgedData", Drop::open_failed, [](Tunnel& t) { return flipped(client_data(t, {0}), 8); }},
    {"ForgedControl", Drop::open_failed, [](Tunnel& t) { return flipped(client_control(t, {0}), 8); }},
    {"ForgedClose", Drop::open_failed,
     [](Tunnel& t) { return flipped(client_control(t, frame_bytes({CloseFrame{}})), 7); }},
    {"ShortData", Drop::truncated,
     [](Tunnel& t) {
       Packet packet = client_data(t, {0});
       packet.resize(23);
       return packet;
     }},
    {"ShortControl", Drop::truncated,
     [](Tunnel& t) {
       Packet packet = client_control(t, {0});
       packet.resize(8);
       return packet;
     }},
    {"NumberPastTheLast", Drop::number_limit,
     [](Tunnel& t) {
       Packet packet = client_data(t, {0});
       packet[4] = 0x80;
       return packet;
     }},
    {"CopyOfData", Drop::copy,
     [](Tunnel& t) {
       const Packet packet = client_data(t, {0});
       t.to_server(packet);
       return packet;
     }},
    {"CopyOfControl", Drop::copy,
     [](Tunnel& t) {
       const Packet packet = client_control(t, {0});
       t.to_server(packet);
       return packet;
     }},
    {"ForgedCopyIsNotEvenOpened", Drop::copy,
     [](Tunnel& t) {
       const Packet packet = client_control(t, {0});
       t.to_server(packet);
       return flipped(packet, packet.size() - 1);
     }},
    {"TruncatedFrameOfData", Drop::bad_frame, [](Tunnel& t) { return client_data(t, {1}); }},
    {"TruncatedFrameOfControl", Drop::bad_frame,
     [](Tunnel& t) {
       return client_control(t, {6, 0, 0});
     }},
    {"UnknownFrameOfData", Drop::unknown_frame, [](Tunnel& t) { return client_data(t, {0x11}); }},
    {"UnknownFrameOfControl", Drop::unknown_frame, [](Tunnel& t) { return client_control(t, {0xff}); }},
    {"UnknownFrameBehindADatagram", Drop::unknown_frame,
     [](Tunnel& t) {
       Packet frames = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("x")}});
       frames.push_back(0x3e);
       return client_data(t, frames);
     }},
    {"UnknownFrameBehindAClose", Drop::unknown_frame,
     [](Tunnel& t) {
       Packet frames = frame_bytes({CloseFrame{}});
       frames.push_back(0x3e);
       return client_control(t, frames);
     }},
    {"PongOfTheClient", Drop::unexpected_frame,
     [](Tunnel& t) { return client_control(t, frame_bytes({PongFrame{}})); }},
    {"ServerHelloOfTheClient", Drop::unexpected_frame,
     [](Tunnel& t) { return client_control(t, frame_bytes({ServerHelloFrame{}})); }},
    {"PingInData", Drop::unexpected_frame,
     [](Tunnel& t) { return client_data(t, frame_bytes({PingFrame{}})); }},
    {"CloseInData", Drop::unexpected_frame,
     [](Tunnel& t) { return client_data(t, frame_bytes({CloseFrame{}})); }},
    {"PingOfPath32", Drop::path_limit,
     [](Tunnel& t) {
       PingFrame ping;
       ping.report.path = PathId{32};
       return client_control(t, frame_bytes({ping}));
     }},
};
INSTANTIATE_TEST_SUITE_P(Reasons, ServerEngineDrop, testing::ValuesIn(kServerDrops),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ServerEngine, ExpiredKeyOpensNothing) {
  Tunnel tunnel;
  tunnel.start();
  const Packet data = client_data(tunnel, {0});
  const Packet control = client_control(tunnel, frame_bytes({CloseFrame{}}));
  tunnel.now += kRejectAfter;
  tunnel.to_server(data);
  tunnel.to_server(control);
  EXPECT_EQ(tunnel.server_drops(Drop::key_expired), 2U);
  EXPECT_EQ(tunnel.server->state().table.all().size(), 1U);
}

TEST(ServerEngine, UnknownFlowIsDroppedAndTheClientTold) {
  Tunnel tunnel;
  tunnel.start();
  const Packet packet = client_data(tunnel, frame_bytes({DatagramFrame{FlowId{5}, bytes_of("x")}}));
  const std::size_t sent = tunnel.wires.size();
  tunnel.to_server(packet);
  EXPECT_EQ(tunnel.server_drops(Drop::flow_unknown), 1U);
  EXPECT_TRUE(tunnel.at_target.empty());
  EXPECT_EQ(tunnel.wires.size() - sent, 3U);
  // Once in 10 ms: a flood of them is no flood back.
  for (int i = 0; i < 100; ++i) {
    tunnel.to_server(client_data(tunnel, frame_bytes({DatagramFrame{FlowId{5}, bytes_of("x")}})));
  }
  EXPECT_EQ(tunnel.wires.size() - sent, 3U);
}

TEST(ServerEngine, ReplyToAFlowThatEndedIsDropped) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.target_sends(FlowHandle{77}, "x");
  EXPECT_EQ(tunnel.server_drops(Drop::flow_unknown), 1U);
}

TEST(ServerEngine, ClearPacketMayCarryNothingButDatagrams) {
  TunnelSettings settings;
  settings.client.encrypt = settings.server.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  tunnel.application_sends(1, "x");
  for (const Frame& frame : {Frame{FlowOpenFrame{FlowId{3}, 9}}, Frame{CloseFrame{}}, Frame{PingFrame{}}}) {
    tunnel.to_server(client_data(tunnel, frame_bytes({frame})));
  }
  EXPECT_EQ(tunnel.server_drops(Drop::unexpected_frame), 3U);
  EXPECT_EQ(tunnel.server->state().table.flows(), 1U);
  EXPECT_EQ(tunnel.server->state().table.all().size(), 1U);
}

TEST(ServerEngine, ClearPacketIsNoSignOfLife) {
  TunnelSettings settings;
  settings.client.encrypt = settings.server.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  tunnel.application_sends(1, "x");
  const TimePoint heard = tunnel.session().last_heard;
  const Packet packet = client_data(tunnel, frame_bytes({DatagramFrame{FlowId{0}, {}}}));
  tunnel.now += 5s;
  tunnel.at_target.clear();
  tunnel.to_server(packet);
  EXPECT_EQ(tunnel.at_target.size(), 1U);
  EXPECT_EQ(tunnel.session().last_heard, heard);
}

TEST(ServerEngine, ClearPacketsAreRefusedByTheirReasons) {
  TunnelSettings settings;
  settings.client.encrypt = settings.server.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  Packet packet = client_data(tunnel, frame_bytes({DatagramFrame{FlowId{0}, {}}}));
  tunnel.to_server(flipped(packet, 9));
  EXPECT_EQ(tunnel.server_drops(Drop::clear_check), 1U);
  packet[5] = 0x30;
  tunnel.to_server(packet);
  EXPECT_EQ(tunnel.server_drops(Drop::clear_reach), 1U);
}

TEST(ServerEngine, ForgedCopiesVoidWhatTheirPathSeemsToBring) {
  Tunnel tunnel;
  tunnel.start();
  const Packet packet = client_data(tunnel, {0});
  tunnel.to_server(packet);
  const LinkEpoch& epoch = tunnel.session().current();
  for (int i = 0; i < 2000; ++i) tunnel.to_server(packet, PathId{1});
  EXPECT_FALSE(epoch.path(PathId{1}).voided);
  EXPECT_GE(epoch.path(PathId{1}).received, 2000U);
  for (int i = 0; i < 2000; ++i) tunnel.to_server(flipped(packet, 20), PathId{2});
  EXPECT_TRUE(epoch.path(PathId{2}).voided);
  EXPECT_EQ(tunnel.server_drops(Drop::open_failed), 0U);
}

TEST(ServerEngine, FlowOpenIsAcknowledgedOnceIn10Milliseconds) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.advance(10ms);
  const std::size_t sent = tunnel.wires.size();
  for (int i = 0; i < 100; ++i) {
    tunnel.to_server(
        client_data(tunnel, frame_bytes({FlowOpenFrame{FlowId{0}, tunnel.flow_changes[0].hash}})));
  }
  EXPECT_EQ(tunnel.wires.size() - sent, 3U);
  EXPECT_EQ(tunnel.flow_changes.size(), 1U);
}

TEST(ServerEngine, EchoCountsForThePathOfItsPacketOnly) {
  // Two paths with one address, as when the address of one of them is forged.
  test::TestRandom random(1);
  test::TestRandom client_random(2);
  ServerEngine server(ServerSettings{}, random);
  RawClient client(server, client_random, test::raw_route(1));
  const TimePoint now{100s};
  ASSERT_TRUE(client.connect(1, 1, now));
  PingFrame first;
  PingFrame second;
  second.report.path = PathId{1};
  const Output out = client.send(client.control({second, EchoFrame{}}, now), now);
  ASSERT_EQ(out.runs.size(), 1U);
  const auto frames = client.read(out.bytes_of(out.runs[0]), now);
  const EchoFrame echo{std::get<ChallengeFrame>(frames.back()).token};
  client.send(client.control({echo, first}, now), now);
  EXPECT_EQ(server.state().table.all().begin()->second->carrying(now), PathSet{});
  client.send(client.control({echo, second}, now), now);
  EXPECT_EQ(server.state().table.all().begin()->second->carrying(now), PathSet::of(PathId{1}));
}

/// Before a key is confirmed.
class ServerEngineFirstControl : public testing::Test {
 protected:
  ServerEngineFirstControl() { EXPECT_TRUE(client_.shake(now_)); }

  TimePoint now_{100s};
  test::TestRandom random_{1};
  test::TestRandom client_random_{2};
  ServerEngine server_{ServerSettings{}, random_};
  RawClient client_{server_, client_random_, test::raw_route(1)};
};

TEST_F(ServerEngineFirstControl, HandshakeAloneMakesNoSession) {
  EXPECT_TRUE(server_.state().table.all().empty());
  EXPECT_EQ(server_.state().pending.size(), 1U);
  EXPECT_TRUE(client_.events.empty());
}

TEST_F(ServerEngineFirstControl, DataUnderAnUnconfirmedKeyNamesNothing) {
  const Output out = client_.send(client_.data({FlowOpenFrame{FlowId{0}, 1}}, now_), now_);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(server_.drops()[Drop::unknown_index], 1U);
  EXPECT_TRUE(server_.state().table.all().empty());
}

TEST_F(ServerEngineFirstControl, MustBeginWithClientHello) {
  const std::vector<std::vector<Frame>> wrong{{PingFrame{}},
                                              {CloseFrame{}},
                                              {FlowOpenFrame{FlowId{0}, 1}},
                                              {EchoFrame{1}},
                                              {PingFrame{}, ClientHelloFrame{}},
                                              {}};
  for (const auto& frames : wrong) EXPECT_TRUE(client_.send(client_.control(frames, now_), now_).empty());
  EXPECT_EQ(server_.drops()[Drop::unexpected_frame], wrong.size());
  EXPECT_TRUE(server_.state().table.all().empty());
  // A genuine one is still welcome.
  EXPECT_FALSE(client_.send(client_.hello(1, 1, now_), now_).runs.empty());
  EXPECT_EQ(server_.state().table.all().size(), 1U);
}

TEST_F(ServerEngineFirstControl, MustBeReadableAndGenuine) {
  Packet forged = client_.hello(1, 1, now_);
  forged.back() ^= 1U;
  EXPECT_TRUE(client_.send(forged, now_).empty());
  EXPECT_EQ(server_.drops()[Drop::open_failed], 1U);
  forged.back() ^= 1U;
  forged.resize(20);
  EXPECT_TRUE(client_.send(forged, now_).empty());
  EXPECT_EQ(server_.drops()[Drop::truncated], 1U);
  EXPECT_TRUE(server_.state().table.all().empty());
}

TEST_F(ServerEngineFirstControl, UnconfirmedKeyIsForgottenAfterTenSeconds) {
  const Packet hello = client_.hello(1, 1, now_);
  now_ += kPendingHandshakeLife;
  Output out;
  server_.on_deadline(out, now_);
  EXPECT_EQ(server_.state().pending.size(), 0U);
  EXPECT_TRUE(client_.send(hello, now_).empty());
  EXPECT_EQ(server_.drops()[Drop::unknown_index], 1U);
  EXPECT_EQ(server_.deadline(), kNever);
}

TEST_F(ServerEngineFirstControl, IsAnsweredAndConfirmsTheKey) {
  const Packet hello = client_.hello(1, 1, now_);
  const Output out = client_.send(hello, now_);
  ASSERT_EQ(out.runs.size(), 1U);
  EXPECT_LE(out.runs[0].bytes(), hello.size());
  const auto frames = client_.read(out.bytes_of(out.runs[0]), now_);
  ASSERT_EQ(frames.size(), 3U);
  ASSERT_TRUE(std::holds_alternative<ServerHelloFrame>(frames[0]));
  EXPECT_FALSE(std::get<ServerHelloFrame>(frames[0]).resumed);
  EXPECT_TRUE(std::holds_alternative<PongFrame>(frames[1]));
  EXPECT_TRUE(std::holds_alternative<ChallengeFrame>(frames[2]));
  EXPECT_TRUE(client_.events.empty());
  // A repeat is answered too, and starts nothing.
  EXPECT_EQ(client_.send(client_.hello(1, 1, now_), now_).runs.size(), 1U);
  const EchoFrame echo{std::get<ChallengeFrame>(frames[2]).token};
  client_.send(client_.control({echo, PingFrame{}}, now_), now_);
  ASSERT_EQ(client_.events.size(), 2U);
  EXPECT_EQ(std::get<ClientSessionStarted>(client_.events[0]).route, test::raw_route(1));
  EXPECT_TRUE(std::holds_alternative<ClientPathChanged>(client_.events[1]));
  EXPECT_EQ(server_.state().table.all().size(), 1U);
}

TEST_F(ServerEngineFirstControl, RekeyOfTheSameProcessIsNoNewSession) {
  client_.send(client_.hello(1, 1, now_), now_);
  ASSERT_TRUE(client_.shake(now_ + 1s));
  const Output out = client_.send(client_.hello(1, 1, now_ + 1s), now_ + 1s);
  const auto frames = client_.read(out.bytes_of(out.runs[0]), now_ + 1s);
  EXPECT_TRUE(std::get<ServerHelloFrame>(frames[0]).resumed);
  EXPECT_EQ(server_.state().table.all().size(), 1U);
  EXPECT_TRUE(client_.events.empty());
}

}  // namespace
}  // namespace mptunnel
