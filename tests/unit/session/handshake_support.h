// Messages between a ClientHandshake and PendingHandshakes, as values.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "epoch_support.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/session/pending_handshakes.h"
#include "support/test_random.h"

namespace mptunnel::test {

inline constexpr TimePoint kHandshakeStart{5000s};

inline SecretKey make_key(std::uint8_t fill) {
  SecretKey key;
  key.bytes.fill(fill);
  return key;
}
/// An address of source network `network`.
inline Endpoint host(std::uint32_t network, std::uint16_t port = 4000) {
  Endpoint endpoint = *parse_numeric_endpoint("10.0.0.7", port);
  endpoint.address[1] = static_cast<std::uint8_t>(network >> 8U);
  endpoint.address[2] = static_cast<std::uint8_t>(network);
  return endpoint;
}
inline bool any_index(SessionIndex /*index*/) {
  return true;
}
inline Packet copy_of(ConstBytes bytes) {
  return {bytes.begin(), bytes.end()};
}

/// HANDSHAKE 1 of a client with these settings.
inline Packet message1(ClientHandshake& client, std::uint32_t index = kClientIndex.value,
                       TimePoint now = kHandshakeStart) {
  client.begin(SessionIndex{index}, now);
  return copy_of(client.message());
}
inline Packet message1(const HandshakeSettings& settings, RandomSource& random) {
  ClientHandshake client(settings, random);
  return message1(client);
}

struct Response {
  Packet packet;
  Refusal refusal = Refusal::none;
  bool is_new = false;
  bool is_cookie = false;
};
inline tl::expected<Response, Drop> answer(PendingHandshakes& server, ConstBytes message,
                                           TimePoint now = kHandshakeStart, const Endpoint& from = host(1)) {
  const auto given = server.answer(message, from, any_index, now);
  if (!given) return tl::unexpected(given.error());
  return Response{copy_of(given->response), given->refusal, given->is_new, given->is_cookie};
}
/// The same for the packet that was changed after it was made, by somebody who has the key.
inline Packet with_mac(Packet packet, const HandshakeSettings& settings = {}) {
  write_handshake_mac(derive_handshake_key(settings.key ? &*settings.key : nullptr).mac, packet);
  return packet;
}
/// HANDSHAKE 1 of a client that shows a cookie, once the server asks for one.
inline Packet proved_message1(PendingHandshakes& server, const HandshakeSettings& settings,
                              RandomSource& random, TimePoint now, const Endpoint& from) {
  ClientHandshake client(settings, random);
  const Packet first = message1(client, kClientIndex.value, now);
  const auto given = answer(server, first, now, from);
  if (!given || !given->is_cookie || !client.read_cookie(given->packet, PathId{0}, now)) return first;
  return client.message_for(PathId{0});
}

/// The server's epoch that the client's one belongs to.
inline KeyEpoch* epoch_at(PendingHandshakes& server, const KeyEpoch& client) {
  return server.find(client.remote_index()).keys;
}
/// Whether packets of both types pass both ways.
inline bool agree(KeyEpoch& client, KeyEpoch& server, TimePoint now = kHandshakeStart) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    const auto there = seal(client, kind, "there", now);
    const auto back = seal(server, kind, "back", now);
    if (!there || !back) return false;
    if (open(server, *there, now) != frames_of("there")) return false;
    if (open(client, *back, now) != frames_of("back")) return false;
  }
  return true;
}

}  // namespace mptunnel::test
