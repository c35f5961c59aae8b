// Both engines together: the ECN of inner packets on those of the tunnel, and what the network makes of it.
#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "inner_support.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel::test {
namespace {

constexpr std::array<Ecn, 4> kAll{Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};

Packet with_ecn(Packet packet, Ecn ecn) {
  set_ecn(packet, ecn);
  return packet;
}
/// As ports/tun_port.h makes it.
InnerFlow flow_of(const Packet& packet) {
  return {5, outer_marks(marks_of(parse_ip_packet(packet).value()), std::nullopt)};
}

class TunnelEcn : public testing::Test {
 protected:
  TunnelEcn() : tunnel_(inner_tunnel()) {
    tunnel_.narrow({1400, 1400, 1400});
    tunnel_.start();
  }

  void send(const Packet& packet, bool is_up) {
    if (is_up) {
      tunnel_.client_device_sends(packet, flow_of(packet));
    } else {
      tunnel_.server_device_sends(packet, flow_of(packet));
    }
  }
  /// What came out since the last call.
  std::vector<Packet> came(bool is_up) {
    return std::exchange(is_up ? tunnel_.at_server_device : tunnel_.at_client_device, {});
  }
  std::uint64_t dropped(bool is_up) {
    return is_up ? tunnel_.server_drops(Drop::inner_congestion)
                 : tunnel_.client_drops(Drop::inner_congestion);
  }
  void arrive_with(Ecn ecn) {
    tunnel_.remarked = [ecn](const Wire&) { return ecn; };
  }

  PathTunnel tunnel_;
};

TEST_F(TunnelEcn, OfAnInnerPacketIsThatOfThePacketsThatCarryItAndOfNoOther) {
  for (const bool is_up : {true, false}) {
    for (const Ecn ecn : kAll) {
      for (const std::size_t size : {std::size_t{100}, std::size_t{9000}}) {
        const Packet packet = with_ecn(is_up ? inner_up(size) : inner_down(size), ecn);
        tunnel_.wires.clear();
        send(packet, is_up);
        ASSERT_GE(tunnel_.wires.size(), 3U);
        for (const Wire& wire : tunnel_.wires) EXPECT_EQ(wire.ecn, ecn);
        EXPECT_EQ(came(is_up), std::vector<Packet>{packet});
        tunnel_.wires.clear();
        tunnel_.advance(1min);
        ASSERT_FALSE(tunnel_.wires.empty());
        for (const Wire& wire : tunnel_.wires) EXPECT_EQ(wire.ecn, Ecn::not_ect);
      }
    }
  }
}

TEST_F(TunnelEcn, DatagramsHaveNone) {
  tunnel_.wires.clear();
  tunnel_.application_sends(1, "hello", 46);
  ASSERT_FALSE(tunnel_.wires.empty());
  for (const Wire& wire : tunnel_.wires) EXPECT_EQ(wire.ecn, Ecn::not_ect);
  // Whatever the network writes there.
  arrive_with(Ecn::ce);
  tunnel_.application_sends(1, "again");
  EXPECT_EQ(tunnel_.at_target.back().payload, "again");
}

TEST_F(TunnelEcn, PacketsOfOneRunHaveTheSame) {
  for (const Ecn ecn : {Ecn::ect0, Ecn::ect0, Ecn::not_ect}) {
    Packet packet = with_ecn(inner_up(), ecn);
    tunnel_.client->on_tun({packet, packet.size()}, flow_of(packet), tunnel_.out, tunnel_.now);
  }
  ASSERT_EQ(tunnel_.out.runs.size(), 2U);
  EXPECT_EQ(tunnel_.out.runs[0].count, 2U);
  tunnel_.carry();
}

/// Figure 4 of RFC 6040.
TEST_F(TunnelEcn, WhatTheNetworkMarksGoesOnInside) {
  for (const bool is_up : {true, false}) {
    for (const bool is_ipv6 : {false, true}) {
      Packet packet = is_up ? inner_up() : inner_down();
      if (is_ipv6)
        packet = inner_udp(is_up ? "fd00:42::7" : "fd00:42::1", is_up ? "fd00:42::1" : "fd00:42::7");
      for (const Ecn inner : kAll) {
        for (const Ecn outer : kAll) {
          arrive_with(outer);
          send(with_ecn(packet, inner), is_up);
          if (inner == Ecn::not_ect && outer == Ecn::ce) {
            EXPECT_TRUE(came(is_up).empty());
            continue;
          }
          const bool is_more = inner != Ecn::not_ect && (outer == Ecn::ce || outer == Ecn::ect1);
          const Ecn expected = is_more && inner != Ecn::ce ? outer : inner;
          EXPECT_EQ(came(is_up), std::vector<Packet>{with_ecn(packet, expected)});
        }
      }
    }
    EXPECT_EQ(dropped(is_up), 6U) << "each copy";
  }
}

TEST_F(TunnelEcn, OneFragmentThatIsMarkedMarksThePacket) {
  for (const bool is_up : {true, false}) {
    const Packet packet = with_ecn(is_up ? inner_up(5000) : inner_down(5000), Ecn::ect0);
    for (std::size_t marked = 0; marked < 4; ++marked) {
      // All by the first path come before the copies by others.
      std::size_t number = 0;
      tunnel_.remarked = [&](const Wire& wire) { return number++ == marked ? Ecn::ce : wire.ecn; };
      tunnel_.wires.clear();
      send(packet, is_up);
      ASSERT_GE(tunnel_.wires.size(), 4U * tunnel_.settings.paths);
      const auto all = came(is_up);
      ASSERT_EQ(all.size(), 1U);
      EXPECT_EQ(all[0], with_ecn(packet, Ecn::ce)) << marked;
    }
  }
}

TEST_F(TunnelEcn, OfCopiesThatMayNotBeMarkedOneThatIsNotIsEnough) {
  // The first two paths come first.
  tunnel_.remarked = [](const Wire& wire) { return wire.path == PathId{2} ? wire.ecn : Ecn::ce; };
  for (const bool is_up : {true, false}) {
    const Packet packet = is_up ? inner_up() : inner_down();
    send(packet, is_up);
    EXPECT_EQ(came(is_up), std::vector<Packet>{packet});
    EXPECT_EQ(dropped(is_up), 2U);
  }
}

// What is ahead of each packet may come from anybody: it drops nothing, but tells whoever knows ECN.
TEST_F(TunnelEcn, WhatCopiesFromElsewhereMetDropsNothing) {
  for (const Ecn inner : {Ecn::not_ect, Ecn::ect0}) {
    for (const std::size_t size : {std::size_t{100}, std::size_t{5000}}) {
      const Packet packet = with_ecn(inner_up(size), inner);
      Route elsewhere = tunnel_.route(PathId{0});
      elsewhere.remote.port = 7777;
      tunnel_.arrives = [&](const Wire& wire) {
        if (!wire.to_server) return true;
        Packet copy = wire.bytes;
        Output out;
        tunnel_.server->on_network({copy, copy.size()}, elsewhere, out, tunnel_.now, Ecn::ce);
        for (const ConstBytes piece : out.pieces)
          tunnel_.at_server_device.emplace_back(piece.begin(), piece.end());
        return true;
      };
      send(packet, true);
      EXPECT_EQ(came(true),
                std::vector<Packet>{with_ecn(packet, inner == Ecn::ect0 ? Ecn::ce : Ecn::not_ect)});
    }
  }
  EXPECT_EQ(dropped(true), 0U);
}

TEST_F(TunnelEcn, AFragmentFromElsewhereTakesNoMarkAway) {
  const Packet packet = with_ecn(inner_up(5000), Ecn::ect0);
  Route elsewhere = tunnel_.route(PathId{0});
  elsewhere.remote.port = 7777;
  std::vector<Packet> parts;
  tunnel_.arrives = [&](const Wire& wire) {
    if (wire.to_server && wire.path == PathId{0}) parts.push_back(wire.bytes);
    return false;
  };
  send(packet, true);
  ASSERT_GE(parts.size(), 4U);
  std::vector<Packet> all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    Output out;
    tunnel_.server->on_network({parts[i], parts[i].size()}, is_last ? elsewhere : tunnel_.route(PathId{0}),
                               out, tunnel_.now, i == 0 ? Ecn::ce : Ecn::ect0);
    for (const ConstBytes piece : out.pieces) all.emplace_back(piece.begin(), piece.end());
  }
  EXPECT_EQ(all, std::vector<Packet>{with_ecn(packet, Ecn::ce)});
}

// Older kernels make a batch of packets that differ.
TEST_F(TunnelEcn, OfPacketsTogetherItIsNotCertainWhoseItIs) {
  for (const bool is_up : {true, false}) {
    const std::vector<Packet> packets{is_up ? inner_up(100) : inner_down(100),
                                      with_ecn(is_up ? inner_up(100) : inner_down(100), Ecn::ect0)};
    Packet batch;
    std::size_t stride = 0;
    tunnel_.arrives = [&](const Wire& wire) {
      if (wire.path != PathId{0} || wire.to_server != is_up) return false;
      batch.insert(batch.end(), wire.bytes.begin(), wire.bytes.end());
      stride = wire.bytes.size();
      return false;
    };
    for (const Packet& packet : packets) send(packet, is_up);
    ASSERT_EQ(batch.size(), 2 * stride);
    Output out;
    if (is_up) {
      tunnel_.server->on_network({batch, stride}, tunnel_.route(PathId{0}), out, tunnel_.now, Ecn::ce);
    } else {
      tunnel_.client->on_path(PathId{0}, {batch, stride}, out, tunnel_.now, {Ecn::ce});
    }
    std::vector<Packet> all;
    for (const ConstBytes piece : out.pieces) all.emplace_back(piece.begin(), piece.end());
    EXPECT_EQ(all, (std::vector<Packet>{packets[0], with_ecn(packets[1], Ecn::ce)}));
    EXPECT_EQ(dropped(is_up), 0U);
    tunnel_.arrives = nullptr;
  }
}

TEST_F(TunnelEcn, WhatALaterCopyMetIsNotKnown) {
  tunnel_.remarked = [](const Wire& wire) { return wire.path == PathId{0} ? wire.ecn : Ecn::ce; };
  const Packet packet = with_ecn(inner_up(), Ecn::ect0);
  send(packet, true);
  EXPECT_EQ(came(true), std::vector<Packet>{packet});
}

TEST(TunnelEcnBetweenClients, IsForwardedInsideAndOutside) {
  TunnelSettings settings = inner_tunnel(1);
  settings.limits.inner->client_to_client = true;
  TwoClients clients(settings);
  ASSERT_TRUE(clients.begin());
  auto& [tunnel, other] = clients;
  for (const Ecn outer : {Ecn::ect0, Ecn::ce}) {
    Packet packet = tunnel.seal_as_client(
        PacketType::data, ip_frame(with_ecn(inner_udp("10.42.42.7", "10.42.42.9"), Ecn::ect0)));
    Output out;
    tunnel.server->on_network({packet, packet.size()}, tunnel.route(PathId{0}), out, tunnel.now, outer);
    const std::vector<Packet> expected{with_ecn(inner_udp("10.42.42.7", "10.42.42.9", 100, 63), outer)};
    EXPECT_EQ(inner_packets(other, out, tunnel.now), expected);
    ASSERT_FALSE(out.runs.empty());
    for (const PacketRun& run : out.runs) EXPECT_EQ(run.marks.ecn, outer);
  }
}

TEST(TunnelEcnBetweenClients, DscpIsLeftOutIfThatIsWanted) {
  for (const bool copies : {true, false}) {
    TunnelSettings settings = inner_tunnel(1);
    settings.limits.inner->client_to_client = true;
    settings.limits.inner->copies_dscp = copies;
    TwoClients clients(settings);
    ASSERT_TRUE(clients.begin());
    auto& [tunnel, other] = clients;
    Packet inner = inner_udp("10.42.42.7", "10.42.42.9");
    inner[1] = Marks{46, Ecn::ect0}.traffic_class();
    Packet packet = tunnel.seal_as_client(PacketType::data, ip_frame(inner));
    Output out;
    tunnel.server->on_network({packet, packet.size()}, tunnel.route(PathId{0}), out, tunnel.now, Ecn::ect0);
    ASSERT_FALSE(out.runs.empty());
    EXPECT_EQ(out.runs[0].marks, (Marks{static_cast<std::uint8_t>(copies ? 46 : 0), Ecn::ect0}));
  }
}

TEST(TunnelEcnInOrder, IsThatOfItsOwnPacket) {
  TunnelSettings settings = inner_tunnel(1);
  settings.order = {OrderSettings::Mode::always, 20ms};
  PathTunnel tunnel(settings);
  tunnel.start();
  for (const auto& [number, ecn] :
       std::vector<std::pair<std::uint16_t, Ecn>>{{1, Ecn::ect0}, {3, Ecn::ce}, {2, Ecn::ect0}}) {
    tunnel.remarked = [outer = ecn](const Wire&) { return outer; };
    const Packet up = with_ecn(inner_up(100U + number), Ecn::ect0);
    const Packet down = with_ecn(inner_down(100U + number), Ecn::ect0);
    tunnel.to_server(tunnel.seal_as_client(PacketType::data, ip_frame(up, InnerNumber{7, number})));
    tunnel.to_client(tunnel.seal_as_server(PacketType::data, ip_frame(down, InnerNumber{7, number})));
  }
  std::vector<Packet> up;
  std::vector<Packet> down;
  for (const auto& [size, ecn] :
       std::vector<std::pair<std::size_t, Ecn>>{{101, Ecn::ect0}, {102, Ecn::ect0}, {103, Ecn::ce}}) {
    up.push_back(with_ecn(inner_up(size), ecn));
    down.push_back(with_ecn(inner_down(size), ecn));
  }
  EXPECT_EQ(tunnel.at_server_device, up);
  EXPECT_EQ(tunnel.at_client_device, down);
}

}  // namespace
}  // namespace mptunnel::test
