#include "mptunnel/engine/client_engine.h"

#include <gtest/gtest.h>

#include "drop_row.h"
#include "mptunnel/engine/event_limiter.h"
#include "tunnel.h"

namespace mptunnel {
namespace {

using test::DropRow;
using test::frame_bytes;
using test::Packet;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;
using test::with_type;

class ClientEngineDrop : public testing::TestWithParam<DropRow> {};

TEST_P(ClientEngineDrop, IsCountedByItsReasonAndChangesNothing) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.at_application.clear();
  const std::size_t events = tunnel.client_events.size();
  const Packet packet = GetParam().make(tunnel);
  const std::size_t sent = tunnel.wires.size();
  const std::uint64_t before = tunnel.client_drops(GetParam().drop);
  tunnel.to_client(packet);
  EXPECT_EQ(tunnel.client_drops(GetParam().drop) - before, 1U);
  EXPECT_EQ(tunnel.wires.size(), sent);
  EXPECT_EQ(tunnel.client_events.size(), events);
  EXPECT_TRUE(tunnel.at_application.empty());
  // It lives on.
  tunnel.target_sends(tunnel.at_target[0].flow, "after");
  ASSERT_EQ(tunnel.at_application.size(), 1U);
}

Packet server_data(Tunnel& tunnel, const Packet& frames) {
  return tunnel.seal_as_server(PacketType::data, frames);
}
Packet server_control(Tunnel& tunnel, const Packet& frames) {
  return tunnel.seal_as_server(PacketType::control, frames);
}

const DropRow kClientDrops[] = {
    DropRow{"Empty", Drop::truncated, [](Tunnel&) { return Packet{}; }},
    DropRow{"SevenBytes", Drop::truncated, [](Tunnel&) { return Packet(7, 5); }},
    DropRow{"HeaderOnly", Drop::truncated,
            [](Tunnel& t) {
              Packet packet = server_data(t, {0});
              packet.resize(8);
              return packet;
            }},
    DropRow{"TypeZero", Drop::unknown_type, [](Tunnel&) { return Packet(40, 0); }},
    DropRow{"TypeSix", Drop::unknown_type, [](Tunnel&) { return Packet(40, 6); }},
    DropRow{"Handshake1", Drop::unknown_type, [](Tunnel& t) { return t.wires.front().bytes; }},
    DropRow{"Cookie", Drop::handshake_stale, [](Tunnel&) { return with_type(Packet(48), 3); }},
    DropRow{"Handshake2OfNobody", Drop::handshake_stale, [](Tunnel&) { return with_type(Packet(200), 2); }},
    DropRow{"UnknownIndexOfData", Drop::unknown_index,
            [](Tunnel& t) {
              Packet packet = server_data(t, {0});
              packet[2] ^= 1U;
              return packet;
            }},
    DropRow{"UnknownIndexOfControl", Drop::unknown_index,
            [](Tunnel& t) {
              Packet packet = server_control(t, {0});
              packet[1] ^= 1U;
              return packet;
            }},
    DropRow{"ForgedData", Drop::open_failed,
            [](Tunnel& t) {
              Packet packet = server_data(t, {0});
              packet.back() ^= 1U;
              return packet;
            }},
    DropRow{"ForgedControl", Drop::open_failed,
            [](Tunnel& t) {
              Packet packet = server_control(t, frame_bytes({CloseFrame{}}));
              packet[9] ^= 1U;
              return packet;
            }},
    DropRow{"NumberPastTheLast", Drop::number_limit,
            [](Tunnel& t) {
              Packet packet = server_data(t, {0});
              packet[4] = 0x80;
              return packet;
            }},
    DropRow{"CopyOfData", Drop::copy,
            [](Tunnel& t) {
              const Packet packet = server_data(t, {0});
              t.to_client(packet);
              return packet;
            }},
    DropRow{"ForgedCopyIsNotEvenOpened", Drop::copy,
            [](Tunnel& t) {
              Packet packet = server_data(t, {0});
              t.to_client(packet);
              packet.back() ^= 1U;
              return packet;
            }},
    DropRow{"CopyOfControl", Drop::copy,
            [](Tunnel& t) {
              const Packet packet = server_control(t, {0});
              t.to_client(packet);
              return packet;
            }},
    DropRow{"DataOfAnUnknownFlow", Drop::flow_unknown,
            [](Tunnel& t) {
              return server_data(t, frame_bytes({DatagramFrame{FlowId{9}, {}}}));
            }},
    DropRow{"TruncatedFrameOfData", Drop::bad_frame, [](Tunnel& t) { return server_data(t, {1}); }},
    DropRow{"TruncatedFrameOfControl", Drop::bad_frame,
            [](Tunnel& t) {
              return server_control(t, {7, 0});
            }},
    DropRow{"UnknownFrameOfData", Drop::unknown_frame, [](Tunnel& t) { return server_data(t, {0x3e}); }},
    DropRow{"UnknownFrameOfControl", Drop::unknown_frame,
            [](Tunnel& t) { return server_control(t, {0x11}); }},
    DropRow{"UnknownFrameBehindADatagram", Drop::unknown_frame,
            [](Tunnel& t) {
              Packet frames = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("x")}});
              frames.push_back(0x3e);
              return server_data(t, frames);
            }},
    DropRow{"TruncatedFrameBehindADatagram", Drop::bad_frame,
            [](Tunnel& t) {
              Packet frames = frame_bytes({DatagramFrame{FlowId{0}, bytes_of("x")}});
              frames.push_back(0x02);
              return server_data(t, frames);
            }},
    DropRow{"UnknownFrameBehindAClose", Drop::unknown_frame,
            [](Tunnel& t) {
              Packet frames = frame_bytes({CloseFrame{}});
              frames.push_back(0x3e);
              return server_control(t, frames);
            }},
    DropRow{"PingOfTheServer", Drop::unexpected_frame,
            [](Tunnel& t) { return server_control(t, frame_bytes({PingFrame{}})); }},
    DropRow{"ControlFrameInData", Drop::unexpected_frame,
            [](Tunnel& t) { return server_data(t, frame_bytes({CloseFrame{}})); }},
    DropRow{"FlowOpenInData", Drop::unexpected_frame,
            [](Tunnel& t) {
              return server_data(t, frame_bytes({FlowOpenFrame{FlowId{0}, 1}}));
            }},
    DropRow{"PongOfAPathThatThereIsNot", Drop::path_limit, [](Tunnel& t) {
              PongFrame pong;
              pong.report.path = PathId{3};
              return server_control(t, frame_bytes({pong}));
            }}};
INSTANTIATE_TEST_SUITE_P(Reasons, ClientEngineDrop, testing::ValuesIn(kClientDrops),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ClientEngine, ExpiredKeyOpensNothing) {
  Tunnel tunnel;
  tunnel.start();
  const Packet data = server_data(tunnel, {0});
  const Packet control = server_control(tunnel, {0});
  tunnel.now += kRejectAfter;
  tunnel.to_client(data);
  tunnel.to_client(control);
  EXPECT_EQ(tunnel.client_drops(Drop::key_expired), 2U);
}

TEST(ClientEngine, NothingBehindACloseIsRead) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.to_client(server_control(tunnel, frame_bytes({CloseFrame{}, PingFrame{}, CloseFrame{}})));
  EXPECT_EQ(Tunnel::count<SessionEnded>(tunnel.client_events), 1U);
  EXPECT_EQ(tunnel.client_drops(Drop::unexpected_frame), 0U);
}

TEST(ClientEngine, PongThatComesByAnotherPathIsNoAnswer) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.arrives = [](const Wire& /*wire*/) { return false; };
  tunnel.advance(30s);
  const auto before = tunnel.client->path(PathId{0}).last_answer();
  PongFrame pong;
  pong.report.path = PathId{1};
  for (std::uint32_t sequence = 0; sequence < 100; ++sequence) {
    pong.report.sequence = sequence;
    tunnel.to_client(server_control(tunnel, frame_bytes({pong})), PathId{0});
  }
  EXPECT_EQ(tunnel.client->path(PathId{0}).last_answer(), before);
}

TEST(ClientEngine, HasNoDeadlineBeforeThereIsAPath) {
  Tunnel tunnel;
  EXPECT_EQ(tunnel.client->deadline(), kNever);
  EXPECT_EQ(tunnel.server->deadline(), kNever);
}

TEST(ClientEngine, DeadlineCalledTooOftenDoesNoHarm) {
  Tunnel tunnel;
  tunnel.start();
  const std::size_t sent = tunnel.wires.size();
  for (int i = 0; i < 100; ++i) {
    tunnel.client->on_deadline(tunnel.out, tunnel.now);
    EXPECT_TRUE(tunnel.out.empty());
    tunnel.carry();
  }
  EXPECT_EQ(tunnel.wires.size(), sent);
}

TEST(ClientEngine, LongIdleSessionCostsFewPackets) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.advance(10s);
  const std::size_t before = tunnel.wires.size();
  tunnel.advance(100s);
  // A PING each 10 s and path, and its PONG.
  EXPECT_LE(tunnel.wires.size() - before, 100 / 10 * 3 * 2 + 6U);
  EXPECT_GE(tunnel.wires.size() - before, 100 / 10 * 3 * 2 - 6U);
}

TEST(ClientEngine, PathsArePingedWhileDataMovesAndOnceForALoneDatagram) {
  for (const bool is_lone : {false, true}) {
    Tunnel tunnel;
    tunnel.start();
    tunnel.application_sends(1, "x");
    tunnel.advance(15s);
    std::size_t pings = 0;
    tunnel.arrives = [&](const Wire& wire) {
      pings += wire.to_server && wire.type() == PacketType::control ? 1 : 0;
      return true;
    };
    for (int i = 0; i < (is_lone ? 1 : 10); ++i) tunnel.application_sends(1, "x");
    tunnel.advance(1s);
    EXPECT_NEAR(static_cast<double>(pings), is_lone ? 3 : 30, is_lone ? 0 : 3);
  }
}

TEST(ClientEngine, FullFlowTableIsSaidOnceAMinuteWithACountOfTheRest) {
  TunnelSettings settings;
  settings.max_flows = 2;
  Tunnel tunnel(settings);
  tunnel.start();
  EventLimiter limiter;
  std::vector<int> said;
  for (int second = 0; second < 61; ++second) {
    tunnel.client_events.clear();
    for (std::uint16_t port = 1; port <= 3; ++port) tunnel.application_sends(port, "x");
    for (const Event& event : tunnel.client_events) {
      if (std::holds_alternative<TablesFull>(event) && limiter.allows(event, tunnel.now))
        said.push_back(second);
    }
    tunnel.advance(1s);
  }
  EXPECT_EQ(said, (std::vector<int>{0, 60}));
  Output out;
  limiter.report(out, tunnel.now);
  EXPECT_EQ(std::get<EventsLeftOut>(out.events.at(0)).kinds.at(0).count, 59U);
  EXPECT_EQ(tunnel.client_drops(Drop::flow_limit), 61U);
  EXPECT_EQ(tunnel.at_target.size(), 2 * 61U);
  EXPECT_EQ(tunnel.client->state().flows.size(), 2U);
}

TEST(ClientEngine, EvictedFlowIsClosedAtTheServer) {
  TunnelSettings settings;
  settings.max_flows = 1;
  Tunnel tunnel(settings);
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.advance(11s);
  tunnel.application_sends(2, "y");
  ASSERT_EQ(tunnel.flow_changes.size(), 3U);
  EXPECT_FALSE(tunnel.flow_changes[1].opened);
  EXPECT_EQ(tunnel.flow_changes[1].flow, tunnel.flow_changes[0].flow);
  EXPECT_TRUE(tunnel.flow_changes[2].opened);
  EXPECT_EQ(tunnel.server->state().table.flows(), 1U);
}

TEST(ClientEngine, IdleFlowEndsAtBothEnds) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.advance(kFlowIdle + 2s);
  EXPECT_EQ(tunnel.client->state().flows.size(), 0U);
  EXPECT_EQ(tunnel.server->state().table.flows(), 0U);
  EXPECT_EQ(tunnel.ended_sources, std::vector{FlowHandle{1}});
}

TEST(ClientEngine, FlowThatTheServerForgotIsOpenedAgain) {
  Tunnel tunnel;
  tunnel.start();
  tunnel.application_sends(1, "x");
  tunnel.application_sends(1, "x");
  tunnel.to_server(tunnel.seal_as_client(PacketType::control, frame_bytes({FlowCloseFrame{FlowId{0}}})));
  tunnel.advance(kFlowDoubtedAfter - 100ms);
  tunnel.application_sends(1, "lost");
  tunnel.application_sends(1, "arrives");
  EXPECT_EQ(tunnel.at_target.back().payload, "arrives");
  EXPECT_EQ(tunnel.server_drops(Drop::flow_unknown), 1U);
}

TEST(ClientEngine, SentCopiesAreCountedByTheirPath) {
  Tunnel tunnel;
  tunnel.start();
  const std::uint64_t before = tunnel.client->state().link.current()->path(PathId{1}).sent;
  tunnel.application_sends(1, "x");
  EXPECT_EQ(tunnel.client->state().link.current()->path(PathId{1}).sent, before + 1);
  // Two of three that the kernel did not take.
  PacketRun run{0,
                100,
                100,
                3,
                PathSet::first(3),
                {},
                true,
                SessionHandle{},
                tunnel.client->state().link.current()->index()};
  tunnel.client->on_sent(PathId{1}, run, 1, Drop::no_buffers, tunnel.now);
  EXPECT_EQ(tunnel.client->state().link.current()->path(PathId{1}).sent, before + 2);
  EXPECT_EQ(tunnel.client->state().link.current()->path(PathId{1}).unsent, 2U);
  EXPECT_EQ(tunnel.client_drops(Drop::no_buffers), 2U);
}

TEST(ClientEngine, ForgedCopiesVoidWhatTheirPathSeemsToBring) {
  Tunnel tunnel;
  tunnel.start();
  Packet packet = tunnel.seal_as_server(PacketType::data, {{0}});
  tunnel.to_client(packet);
  for (int i = 0; i < 2000; ++i) tunnel.to_client(packet, PathId{1});
  EXPECT_FALSE(tunnel.client->state().link.current()->path(PathId{1}).voided);
  packet.back() ^= 1U;
  for (int i = 0; i < 2000; ++i) tunnel.to_client(packet, PathId{2});
  EXPECT_TRUE(tunnel.client->state().link.current()->path(PathId{2}).voided);
  EXPECT_EQ(tunnel.client_drops(Drop::open_failed), 0U);
  EXPECT_EQ(tunnel.client_drops(Drop::copy), 4000U);
}

TEST(ClientEngine, CountsDatagramsBothWays) {
  Tunnel tunnel;
  tunnel.start();
  for (int i = 0; i < 5; ++i) tunnel.application_sends(1, "x");
  for (int i = 0; i < 3; ++i) tunnel.target_sends(tunnel.at_target[0].flow, "y");
  const SessionSnapshot client = tunnel.client->snapshot(tunnel.now).session;
  const SessionSnapshot server = tunnel.server->snapshot(tunnel.now).peers.at(0).session;
  EXPECT_EQ(client.into_tunnel, 5U);
  EXPECT_EQ(client.out_of_tunnel, 3U);
  EXPECT_EQ(server.out_of_tunnel, 5U);
  EXPECT_EQ(server.into_tunnel, 3U);
}

}  // namespace
}  // namespace mptunnel
