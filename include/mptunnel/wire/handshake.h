// The handshake packets: HANDSHAKE 1 and 2, what stands around their Noise messages, and the payload inside
// them; and COOKIE, with which a server under load asks for a proof of the client's address.
//
//     frozen for all versions:
//       0      1             4            8             16              24             40
//       | type | index (24)  | zero (32)  | salt (8)    | key name (8)  | cookie (16)  | Noise message ... |
//       mac (8) |
//
//     payload of the Noise message: a row of   | type 1 | length 2 | value |
//
// The prologue of the Noise handshake is the prefix of message 1 with its cookie set to zero. Message 2 and
// COOKIE repeat the index, the salt and the key name of message 1; COOKIE has no Noise message. The mac
// covers everything before it: whoever has no key can make none, whatever was seen of others.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// The protocol that this implementation speaks.
inline constexpr std::uint8_t kProtocolVersion = 1;

/// How DATA packets are protected. CONTROL packets under `none` are sealed with ChaCha20-Poly1305.
enum class Cipher : std::uint8_t { none = 0, aes_256_gcm = 1, chacha20_poly1305 = 2 };
const char* name_of(Cipher cipher);

using HandshakeSalt = std::array<std::uint8_t, 8>;
/// Names the pre-shared key; all zero without a key.
using KeyName = std::array<std::uint8_t, 8>;
/// Proves an address to a server under load; all zero if it did not ask.
using Cookie = std::array<std::uint8_t, 16>;

struct HandshakePrefix {
  PacketType type = PacketType::handshake1;
  SessionIndex index{};  ///< the client's index of the key epoch to be made
  HandshakeSalt salt{};
  KeyName key_name{};
  Cookie cookie{};

  friend bool operator==(const HandshakePrefix&, const HandshakePrefix&) = default;
};

using HandshakePrefixBytes = std::array<std::uint8_t, kHandshakePrefixBytes>;

HandshakePrefixBytes encode_handshake_prefix(const HandshakePrefix& prefix);
/// nullopt if the packet is shorter than a prefix and a mac, is not HANDSHAKE 1, 2 or COOKIE, or its zero
/// bytes are not zero.
std::optional<HandshakePrefix> decode_handshake_prefix(ConstBytes packet);
/// What stands between the prefix and the mac of a packet that decode_handshake_prefix() could read.
inline ConstBytes noise_message_in(ConstBytes packet) {
  return packet.subspan(kHandshakePrefixBytes, packet.size() - kHandshakeAroundBytes);
}
/// The prologue that both ends give to Noise: message 1's prefix, cookie zeroed.
HandshakePrefixBytes handshake_prologue(HandshakePrefix message1);

/// Why a server that could read message 1 makes no session. Carried inside the sealed answer.
enum class Refusal : std::uint8_t { none = 0, version = 1, cipher = 2, no_room = 3 };

/// What both payloads carry. The client lists what it can do, the server what it chose: one version, one
/// cipher.
struct HandshakePayload {
  std::vector<std::uint8_t> versions;        ///< type 1: a byte each, best first
  std::vector<Cipher> ciphers;               ///< type 2: a byte each, best first; unknown ones are left out
  std::uint64_t frames = 0;                  ///< type 3: 8 bytes, bit i: the sender understands frame type i
  std::optional<SessionIndex> server_index;  ///< type 4: 3 bytes, message 2 only
  Refusal refusal = Refusal::none;           ///< type 5: 1 byte, message 2 only
};

/// The payload's bytes, filled up with padding (type 0) to `at_least` bytes, if `at_least` is given and the
/// room left is at least the 3 bytes of an empty field.
std::vector<std::uint8_t> encode_handshake_payload(const HandshakePayload& payload, std::size_t at_least = 0);
/// Unknown types are skipped. nullopt if a length runs past the end or a known field has the wrong size.
std::optional<HandshakePayload> decode_handshake_payload(ConstBytes bytes);

}  // namespace mptunnel
