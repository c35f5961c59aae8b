// The handshake packets: the prefix that stands before the Noise message, and the payload inside it.
//
//     prefix, 48 bytes, frozen for all versions:
//       0      1             4            8                  24             32                 48
//       | type | index (24)  | zero (32)  | salt (16 bytes)  | key id (8)   | cookie (16)      | Noise
//       message ...
//
//     payload of the Noise message: a row of   | type 1 | length 2 | value |
//
// The prologue of the Noise handshake is the prefix of message 1 with its cookie set to zero. Message 2
// repeats the index, the salt and the key id of message 1.
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

using HandshakeSalt = std::array<std::uint8_t, 16>;
/// Names the pre-shared key under this salt; all zero without a key.
using KeyId = std::array<std::uint8_t, 8>;

struct HandshakePrefix {
  PacketType type = PacketType::handshake1;
  SessionIndex index{};  ///< the client's index of the key epoch to be made
  HandshakeSalt salt{};
  KeyId key_id{};
  std::array<std::uint8_t, 16> cookie{};

  friend bool operator==(const HandshakePrefix&, const HandshakePrefix&) = default;
};

using HandshakePrefixBytes = std::array<std::uint8_t, kHandshakePrefixBytes>;

HandshakePrefixBytes encode_handshake_prefix(const HandshakePrefix& prefix);
/// nullopt if the packet is shorter than a prefix, is not HANDSHAKE 1 or 2, or its zero bytes are not
/// zero.
std::optional<HandshakePrefix> decode_handshake_prefix(ConstBytes packet);
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
