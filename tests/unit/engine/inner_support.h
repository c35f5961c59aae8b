// A tunnel whose ends have TUN devices.
#pragma once

#include <string_view>
#include <vector>

#include "mptunnel/ip/prefix.h"
#include "mptunnel/session/inner_routes.h"
#include "raw_client.h"
#include "support/ip_packets.h"
#include "tunnel_paths.h"

namespace mptunnel::test {

/// 10.42.42.1/24 and fd00:42::1/64 at the server.
inline InnerSettings inner_server() {
  InnerSettings settings;
  for (const char* text : {"10.42.42.1/24", "fd00:42::1/64"})
    settings.device.push_back(parse_address_prefix(text).value());
  settings.allowed = {parse_prefix("192.168.0.0/16").value()};
  return settings;
}
inline InnerEntry wanted_address(std::string_view text) {
  const IpAddress address = parse_ip_address(text).value();
  return {InnerKind::address, inner_prefix(address, static_cast<std::uint8_t>(address.bits())), {}};
}
inline InnerEntry wanted_network(std::string_view text) {
  const Prefix prefix = parse_prefix(text).value();
  return {InnerKind::network, inner_prefix(prefix.address, prefix.length), {}};
}
inline InnerEntry wanted_any() {
  return {InnerKind::automatic, {Family::ipv4, 32, {}}, {}};
}

/// A client with 10.42.42.7, fd00:42::7 and the network 192.168.7.0/24 behind it.
inline void with_inner(TunnelSettings& settings) {
  settings.inner = {wanted_address("10.42.42.7"), wanted_address("fd00:42::7"),
                    wanted_network("192.168.7.0/24")};
  settings.limits.inner = inner_server();
}
inline TunnelSettings inner_tunnel(std::size_t paths = 3) {
  TunnelSettings settings;
  settings.paths = paths;
  with_inner(settings);
  return settings;
}

inline Packet inner_udp(std::string_view source, std::string_view destination, std::size_t bytes = 100,
                        std::uint8_t hops = 64) {
  PacketSpec spec;
  spec.source = source;
  spec.destination = destination;
  spec.hop_limit = hops;
  spec.payload = some_payload(bytes, static_cast<std::uint32_t>(bytes));
  return make_udp(spec);
}
/// From the client to the server's device.
inline Packet inner_up(std::size_t bytes = 100) {
  return inner_udp("10.42.42.7", "10.42.42.1", bytes);
}
inline Packet inner_down(std::size_t bytes = 100) {
  return inner_udp("10.42.42.1", "10.42.42.7", bytes);
}
inline Packet ip_frame(const Packet& packet, std::optional<InnerNumber> number = std::nullopt) {
  Packet bytes(8);
  ByteWriter writer(bytes);
  encode_ip_prefix(number, writer);
  bytes.resize(writer.written());
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  return bytes;
}

/// The server's answer to a question of a client by hand; empty if there was none.
inline std::vector<InnerEntry> ask(RawClient& raw, const std::vector<InnerEntry>& wanted, TimePoint now) {
  const auto bytes = inner_entry_bytes(wanted, false);
  const AddressesWantedFrame question{1, static_cast<std::uint8_t>(wanted.size()), bytes};
  const Output out = raw.send(raw.control({question}, now), now);
  for (const PacketRun& run : out.runs) {
    const ConstBytes packet = out.bytes_of(run);
    Packet copy(packet.begin(), packet.end());
    const auto header = decode_header(copy);
    if (!header || header->type != PacketType::control) continue;
    const auto opened = raw.epoch().open_control(*header, copy, now);
    if (!opened) continue;
    FrameReader reader(*opened);
    while (const auto frame = reader.next()) {
      if (const auto* given = std::get_if<AddressesGivenFrame>(&*frame)) return entries_of(*given);
    }
  }
  return {};
}
/// The inner packets in what the server sends to a client by hand.
inline std::vector<Packet> inner_packets(RawClient& raw, const Output& out, TimePoint now) {
  std::vector<Packet> packets;
  for (const PacketRun& run : out.runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const ConstBytes packet =
          out.bytes_of(run).subspan(i * run.stride, i + 1 == run.count ? run.tail : run.stride);
      Packet copy(packet.begin(), packet.end());
      const auto header = decode_header(copy);
      if (!header || header->type != PacketType::data) continue;
      const auto opened = raw.epoch().open_data(*header, copy, now);
      if (!opened) continue;
      if (const auto inner = whole_ip(*opened))
        packets.emplace_back(inner->packet.begin(), inner->packet.end());
    }
  }
  return packets;
}

/// A tunnel of one path, and another client of its server.
struct TwoClients {
  explicit TwoClients(const TunnelSettings& settings) : tunnel(settings) {}
  /// The other one joins, and asks for 10.42.42.9 and fd00:42::9. False if it does not join.
  bool begin() {
    tunnel.start();
    if (!other.join(9, 9, tunnel.now)) return false;
    ask(other, {wanted_address("10.42.42.9"), wanted_address("fd00:42::9")}, tunnel.now);
    return true;
  }

  PathTunnel tunnel;
  RawClient other{*tunnel.server, tunnel.server_random, raw_route(9)};
};

}  // namespace mptunnel::test
