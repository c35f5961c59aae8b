// Both engines together: what fragments may do, and what they may not.

#include <gtest/gtest.h>

#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::frame_bytes;
using test::Packet;
using test::PathTunnel;
using test::Wire;

class TunnelFragment : public testing::Test {
 protected:
  TunnelFragment() { tunnel_.open_flow(); }

  /// The one FRAGMENT, at its offset, of a packet of ours.
  [[nodiscard]] static Packet fragment_of(const Packet& packet, std::size_t offset, std::size_t size) {
    FragmentFrame frame;
    const auto header = decode_header(packet);
    frame.type = header->type;
    frame.number = header->number;
    frame.total = static_cast<std::uint32_t>(packet.size() - kHeaderBytes);
    frame.offset = static_cast<std::uint32_t>(offset);
    frame.bytes = ConstBytes(packet).subspan(kHeaderBytes + offset, size);
    return frame_bytes({frame});
  }
  [[nodiscard]] static Packet datagram(std::size_t size) {
    return frame_bytes({DatagramFrame{FlowId{0}, Packet(size, 'd')}});
  }
  void send_parts_to_server(const Packet& packet) {
    const std::size_t half = (packet.size() - kHeaderBytes) / 2;
    const Packet first = fragment_of(packet, 0, half);
    const Packet second = fragment_of(packet, half, packet.size() - kHeaderBytes - half);
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, first));
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, second));
  }
  void send_parts_to_client(const Packet& packet) {
    const std::size_t half = (packet.size() - kHeaderBytes) / 2;
    const Packet first = fragment_of(packet, 0, half);
    const Packet second = fragment_of(packet, half, packet.size() - kHeaderBytes - half);
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, first));
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, second));
  }

  PathTunnel tunnel_;
};

TEST_F(TunnelFragment, PacketThatCameWholeIsNotDeliveredAgain) {
  const Packet to_server = tunnel_.seal_as_client(PacketType::data, datagram(500));
  tunnel_.to_server(to_server);
  send_parts_to_server(to_server);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.session().receiver.fragments().packets(), 0U);
  const Packet to_client = tunnel_.seal_as_server(PacketType::data, datagram(500));
  tunnel_.to_client(to_client);
  send_parts_to_client(to_client);
  EXPECT_EQ(tunnel_.at_application.size(), 1U);
}

TEST_F(TunnelFragment, PacketThatCameInFragmentsIsNotDeliveredAgain) {
  const Packet to_server = tunnel_.seal_as_client(PacketType::data, datagram(500));
  send_parts_to_server(to_server);
  tunnel_.to_server(to_server);
  send_parts_to_server(to_server);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
  const Packet to_client = tunnel_.seal_as_server(PacketType::data, datagram(500));
  send_parts_to_client(to_client);
  tunnel_.to_client(to_client);
  send_parts_to_client(to_client);
  EXPECT_EQ(tunnel_.at_application.size(), 1U);
}

TEST_F(TunnelFragment, PayloadsThatLieInOneBatchAreEachTheirOwn) {
  // Two datagrams that become whole in one call: what is delivered must still be there at its end.
  const Packet one =
      tunnel_.seal_as_client(PacketType::data, frame_bytes({DatagramFrame{FlowId{0}, Packet(300, '1')}}));
  const Packet two =
      tunnel_.seal_as_client(PacketType::data, frame_bytes({DatagramFrame{FlowId{0}, Packet(300, '2')}}));
  Packet batch;
  for (const Packet* packet : {&one, &two}) {
    for (const std::size_t offset : {std::size_t{0}, std::size_t{100}}) {
      const std::size_t size = offset == 0 ? 100 : packet->size() - kHeaderBytes - 100;
      Packet frames = fragment_of(*packet, offset, size);
      // All of one size, as a batch is: the FRAGMENT takes the rest of its packet, so PADDING goes in front.
      frames.insert(frames.begin(), 400 - frames.size(), 0);
      const Packet sealed = tunnel_.seal_as_client(PacketType::control, frames);
      batch.insert(batch.end(), sealed.begin(), sealed.end());
    }
  }
  tunnel_.server->on_network({batch, batch.size() / 4}, tunnel_.route(PathId{0}), tunnel_.server_out,
                             tunnel_.now);
  tunnel_.carry_server();
  ASSERT_EQ(tunnel_.at_target.size(), 2U);
  EXPECT_EQ(tunnel_.at_target[0].payload, std::string(300, '1'));
  EXPECT_EQ(tunnel_.at_target[1].payload, std::string(300, '2'));
}

TEST_F(TunnelFragment, FragmentsOfFragmentsAreRefused) {
  const Packet data = tunnel_.seal_as_client(PacketType::data, datagram(500));
  const Packet inner =
      tunnel_.seal_as_client(PacketType::control, fragment_of(data, 0, data.size() - kHeaderBytes));
  send_parts_to_server(inner);
  EXPECT_TRUE(tunnel_.at_target.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::unexpected_frame), 1U);

  const Packet reply = tunnel_.seal_as_server(PacketType::data, datagram(500));
  const Packet wrapped =
      tunnel_.seal_as_server(PacketType::control, fragment_of(reply, 0, reply.size() - kHeaderBytes));
  send_parts_to_client(wrapped);
  EXPECT_TRUE(tunnel_.at_application.empty());
  EXPECT_EQ(tunnel_.client_drops(Drop::unexpected_frame), 1U);
}

TEST_F(TunnelFragment, PacketThatDoesNotOpenIsDroppedAndItsNumberStaysFree) {
  const Packet genuine = tunnel_.seal_as_client(PacketType::data, datagram(500));
  Packet altered = genuine;
  altered[100] ^= 1U;
  send_parts_to_server(altered);
  EXPECT_TRUE(tunnel_.at_target.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::open_failed), 1U);
  send_parts_to_server(genuine);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
}

TEST_F(TunnelFragment, PacketTooShortToBeOneIsDropped) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    FragmentFrame frame{type, PacketNumber{1000}, 5, 0, bytes_of("short")};
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frame_bytes({frame})));
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, frame_bytes({frame})));
  }
  EXPECT_EQ(tunnel_.server_drops(Drop::truncated), 2U);
  EXPECT_EQ(tunnel_.client_drops(Drop::truncated), 2U);
}

// A CLOSE would end what the packet around its fragment still needs.
TEST_F(TunnelFragment, OnlyDatagramsMayComeInFragments) {
  const Packet close = frame_bytes({CloseFrame{CloseReason::shutdown}});
  send_parts_to_server(tunnel_.seal_as_client(PacketType::control, close));
  EXPECT_EQ(tunnel_.server->state().table.all().size(), 1U);
  EXPECT_EQ(tunnel_.server_drops(Drop::unexpected_frame), 1U);
  send_parts_to_client(tunnel_.seal_as_server(PacketType::control, close));
  EXPECT_EQ(test::Tunnel::count<SessionEnded>(tunnel_.client_events), 0U);
  EXPECT_EQ(tunnel_.client_drops(Drop::unexpected_frame), 1U);
}

TEST_F(TunnelFragment, ContradictionIsNamed) {
  const Packet data = tunnel_.seal_as_client(PacketType::data, datagram(500));
  Packet longer = data;
  longer.push_back(0);
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, fragment_of(data, 0, 100)));
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, fragment_of(longer, 100, 100)));
  EXPECT_EQ(tunnel_.server_drops(Drop::bad_frame), 1U);
}

TEST_F(TunnelFragment, FloodOfBeginningsStaysWithinItsBounds) {
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const FragmentFrame frame{PacketType::data, PacketNumber{100'000 + i}, 60'000, 0, bytes_of("x")};
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frame_bytes({frame})));
    ASSERT_LE(tunnel_.session().receiver.fragments().bytes(), (i + 1) * (1 + 2 * kFragmentRecordBytes));
  }
  const std::uint64_t gone = 5000 - kFragmentedPackets;
  EXPECT_EQ(tunnel_.session().receiver.fragments().evicted(), gone);
  tunnel_.advance(kServerTick);
  EXPECT_EQ(tunnel_.server_drops(Drop::fragment_expired), gone);
  tunnel_.application_sends(1, std::string(3000, 'x'));
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
}

TEST_F(TunnelFragment, MtuProbeIsAnsweredByThePathThatItNames) {
  const Packet probe = frame_bytes({MtuProbeFrame{PathId{1}, 1000}});
  // A NAT may have given the path another address a moment ago.
  for (const std::uint8_t came_by : {std::uint8_t{1}, std::uint8_t{2}}) {
    tunnel_.forget();
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, probe), PathId{came_by});
    ASSERT_EQ(tunnel_.wires.size(), 1U);
    EXPECT_EQ(tunnel_.wires[0].path, PathId{1});
    EXPECT_FALSE(tunnel_.wires[0].to_server);
  }
  // The client has a socket for each path: what comes by another says nothing of this one.
  tunnel_.forget();
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, probe), PathId{2});
  EXPECT_TRUE(tunnel_.wires.empty());
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, probe), PathId{1});
  ASSERT_EQ(tunnel_.wires.size(), 1U);
  EXPECT_TRUE(tunnel_.wires[0].to_server);
  EXPECT_EQ(tunnel_.wires[0].path, PathId{1});
}

TEST_F(TunnelFragment, MtuFramesOfPathsThatAreNotThereDoNoHarm) {
  for (const std::uint8_t id : {std::uint8_t{3}, std::uint8_t{31}, std::uint8_t{32}, std::uint8_t{255}}) {
    const Packet frames = frame_bytes({MtuProbeFrame{PathId{id}, 1000}, MtuSeenFrame{PathId{id}, 9000}});
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frames));
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, frames));
  }
  EXPECT_TRUE(tunnel_.wires.empty());
}

}  // namespace
}  // namespace mptunnel
