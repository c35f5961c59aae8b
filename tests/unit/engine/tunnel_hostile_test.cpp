// What a peer with a key may put into its packets, and what it costs.

#include <gtest/gtest.h>

#include <vector>

#include "mptunnel/engine/link/control_packet.h"
#include "tunnel_paths.h"

namespace mptunnel::test {
namespace {

class TunnelHostile : public testing::Test {
 protected:
  TunnelHostile() {
    tunnel_.open_flow();
    tunnel_.move_data(500ms);
    tunnel_.forget();
  }
  Packet many(const Frame& frame, std::size_t count) { return frame_bytes(std::vector<Frame>(count, frame)); }
  std::size_t answers_to(const Packet& frames) {
    tunnel_.forget();
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frames));
    std::size_t answers = 0;
    for (const Wire& wire : tunnel_.wires) answers += wire.to_server ? 0 : 1;
    return answers;
  }

  PathTunnel tunnel_;
};

TEST_F(TunnelHostile, OneFrameOfAKindIsAnswered) {
  PathReport report;
  report.path = PathId{1};
  const std::vector<Frame> frames{PingFrame{report}, MtuProbeFrame{PathId{1}, 1200}, ClientHelloFrame{},
                                  EchoFrame{7}};
  for (const Frame& frame : frames) {
    const auto before = tunnel_.server_drops(Drop::unexpected_frame);
    // One answer, and what the other end has to say to that.
    EXPECT_LT(answers_to(many(frame, kMaxFramesOfPacket)), 8U) << frame.index();
    EXPECT_EQ(tunnel_.server_drops(Drop::unexpected_frame) - before, kMaxFramesOfPacket - 1) << frame.index();
  }
}

TEST_F(TunnelHostile, PacketOfTooManyFramesIsDropped) {
  const auto before = tunnel_.server_drops(Drop::bad_frame);
  EXPECT_EQ(answers_to(many(FlowCloseFrame{FlowId{9}}, kMaxFramesOfPacket + 1)), 0U);
  // FLOW_CLOSE of flow 9, as often as a packet holds it.
  Packet full;
  while (full.size() < 60000) full.insert(full.end(), {0x05, 0x09});
  EXPECT_EQ(answers_to(full), 0U);
  EXPECT_EQ(tunnel_.server_drops(Drop::bad_frame) - before, 2U);
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
}

TEST_F(TunnelHostile, ClientAnswersOneChallengeOfAPacket) {
  tunnel_.forget();
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, many(ChallengeFrame{5}, 30)));
  std::size_t echoes = 0;
  for (const Wire& wire : tunnel_.wires) echoes += wire.to_server ? 1 : 0;
  EXPECT_EQ(echoes, 1U);
}

TEST_F(TunnelHostile, ForgedPacketsOfUnknownAddressesAreCountedForNobody) {
  Packet packet = tunnel_.seal_as_client(PacketType::data, {{0}});
  packet.back() ^= 1U;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    Route from = tunnel_.route(PathId{0});
    from.remote.port = port;
    Packet forged = packet;
    tunnel_.server->on_network({forged, forged.size()}, from, tunnel_.server_out, tunnel_.now);
  }
  EXPECT_TRUE(tunnel_.session().strays.empty());
}

TEST_F(TunnelHostile, ForgedCopiesOfControlAreNotCounted) {
  const Packet packet = tunnel_.seal_as_client(PacketType::control, frame_bytes({FlowCloseFrame{FlowId{9}}}));
  tunnel_.to_server(packet);
  const std::uint64_t before = tunnel_.session().current().path(PathId{0}).received;
  Packet forged = packet;
  forged.back() ^= 1U;
  for (int i = 0; i < 100; ++i) tunnel_.to_server(forged);
  EXPECT_EQ(tunnel_.session().current().path(PathId{0}).received, before);
  tunnel_.to_server(packet);
  EXPECT_EQ(tunnel_.session().current().path(PathId{0}).received, before + 1);
}

}  // namespace
}  // namespace mptunnel::test
