// The first bytes of every packet. Bytes only: what an index means is the session's business.
//
//     DATA, CONTROL   0        1               4                       8
//                     | type   | index (24)    | packet number (32)    | ciphertext of frames ... | tag (16)
//                     |
//     HANDSHAKE       | type   | index (24)    | zero (32)             | see handshake.h
#pragma once

#include <optional>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"

namespace mptunnel {

enum class PacketType : std::uint8_t {
  handshake1 = 1,
  handshake2 = 2,
  cookie = 3,  ///< reserved: an answer of a server under load
  data = 4,
  control = 5,
};

struct PacketHeader {
  PacketType type{};
  /// The receiver's index of the key epoch; in HANDSHAKE 1 the one the sender wants to be called by.
  SessionIndex index{};
  PacketNumber number{};  ///< 0 in handshake packets
};

/// The header of a packet, of which at least its 8 bytes must be there. Nothing where the packet is shorter
/// or the type unknown.
std::optional<PacketHeader> decode_header(ConstBytes packet);

/// Writes the 8 bytes to the front of `out`, which has room for them.
void encode_header(const PacketHeader& header, Bytes out);

}  // namespace mptunnel
