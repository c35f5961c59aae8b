// Rows of packets that an engine drops, and changes to packets for which it does.
#pragma once

#include <functional>

#include "tunnel.h"

namespace mptunnel::test {

/// What an end with one session, and with one open flow of id 0, does with a packet.
struct DropRow {
  const char* name;
  Drop drop;
  std::function<Packet(Tunnel&)> make;
};

inline Packet flipped(Packet packet, std::size_t byte) {
  packet.at(byte) ^= 1U;
  return packet;
}
inline Packet with_type(Packet packet, std::uint8_t type) {
  packet.at(0) = type;
  return packet;
}
/// HANDSHAKE 1 of another client with these settings.
inline Packet handshake1(Tunnel& tunnel, const HandshakeSettings& settings = {}) {
  ClientHandshake client(settings, tunnel.client_random);
  client.begin(SessionIndex{99}, tunnel.now);
  return {client.message().begin(), client.message().end()};
}

}  // namespace mptunnel::test
