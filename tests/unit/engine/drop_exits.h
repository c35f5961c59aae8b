// Rows that each lead a packet or datagram to one of the ends that it can have at an engine.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <ostream>
#include <vector>

#include "drop_row.h"
#include "raw_client.h"
#include "tunnel_paths.h"

namespace mptunnel::test {

/// One path: no copy comes by another.
inline TunnelSettings one_path(const std::function<void(TunnelSettings&)>& change) {
  TunnelSettings settings;
  settings.paths = 1;
  if (change) change(settings);
  return settings;
}

class ExitTunnel : public PathTunnel {
 public:
  explicit ExitTunnel(const std::function<void(TunnelSettings&)>& change) : PathTunnel(one_path(change)) {}

  /// What was dropped so far does not count.
  void count_from_here() {
    before_client_ = client->drops();
    before_server_ = server->drops();
  }
  [[nodiscard]] std::uint64_t grown_at_client(Drop drop) const {
    return client->drops()[drop] - before_client_[drop];
  }
  [[nodiscard]] std::uint64_t grown_at_server(Drop drop) const {
    return server->drops()[drop] - before_server_[drop];
  }
  RawClient raw(std::uint8_t network = 9) { return {*server, server_random, raw_route(network)}; }

  /// Starts, but the client gets no answer.
  void start_unanswered() {
    arrives = [](const Wire& wire) { return wire.to_server; };
    start();
  }
  /// The first packet of this type that the client or the server sent.
  [[nodiscard]] Packet sent(PacketType type, bool to_server) const {
    for (const Wire& wire : wires) {
      if (wire.type() == type && wire.to_server == to_server) return wire.bytes;
    }
    ADD_FAILURE() << "no such packet was sent";
    return {};
  }

 private:
  DropCounters before_client_;
  DropCounters before_server_;
};

/// The end that counts.
enum class End : std::uint8_t { client, server };

struct ExitRow {
  const char* name;
  Drop drop;
  End at;
  /// With an open flow of id 0; or, if `is_new`, before anything has happened.
  std::function<void(ExitTunnel&)> act;
  bool is_new = false;
  std::function<void(TunnelSettings&)> settings = {};
};
/// For gtest's messages.
inline void PrintTo(const ExitRow& row, std::ostream* out) {
  *out << row.name;
}

inline Packet last_flipped(const Packet& packet) {
  return flipped(packet, packet.size() - 1);
}
/// A DATAGRAM of flow 0.
inline Packet datagram(std::size_t size = 10) {
  return frame_bytes({DatagramFrame{FlowId{0}, Packet(size, 'd')}});
}
/// The beginning of a packet that has this number.
inline Packet beginning(std::uint32_t number, std::uint32_t total = 100) {
  return frame_bytes({FragmentFrame{PacketType::data, PacketNumber{number}, total, 0, bytes_of("x")}});
}
/// REPAIR of one packet whose length, it says, is another than it has.
inline Packet repair_of_one(std::uint32_t number) {
  const Packet coded{0, 9, 1, 2, 3};
  return frame_bytes({RepairFrame{PacketNumber{number}, 1, 0, coded}});
}
/// A handshake packet as somebody without a pre-shared key may make it.
inline Packet with_mac(Packet packet) {
  write_handshake_mac(derive_handshake_key(nullptr).mac, packet);
  return packet;
}
/// A COOKIE that answers this message 1.
inline Packet cookie_for(const Packet& message) {
  HandshakePrefix prefix = *decode_handshake_prefix(message);
  prefix.type = PacketType::cookie;
  prefix.cookie.fill(7);
  const HandshakePrefixBytes head = encode_handshake_prefix(prefix);
  Packet packet(head.begin(), head.end());
  packet.resize(kHandshakeAroundBytes);
  return with_mac(packet);
}
inline Packet data_to_server(Tunnel& t, const Packet& frames) {
  return t.seal_as_client(PacketType::data, frames);
}
inline Packet control_to_server(Tunnel& t, const Packet& frames) {
  return t.seal_as_client(PacketType::control, frames);
}
inline Packet data_to_client(Tunnel& t, const Packet& frames) {
  return t.seal_as_server(PacketType::data, frames);
}
inline Packet control_to_client(Tunnel& t, const Packet& frames) {
  return t.seal_as_server(PacketType::control, frames);
}
inline void in_the_clear(TunnelSettings& settings) {
  settings.client.encrypt = settings.server.encrypt = false;
}
template <typename Report>
inline Packet report_of_path(std::uint8_t path) {
  Report frame;
  frame.report.path = PathId{path};
  return frame_bytes({frame});
}

/// All packets' ends but handshakes'.
std::vector<ExitRow> packet_exits();
std::vector<ExitRow> handshake_exits();
/// Of datagrams of applications and of the target.
std::vector<ExitRow> datagram_exits();
/// Of packets of TUN devices.
std::vector<ExitRow> inner_exits();

}  // namespace mptunnel::test
