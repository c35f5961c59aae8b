// The first bytes of every packet. What an index means is up to the session.
//
//     DATA, CONTROL   0        1               4                       8
//                     | type   | index (24)    | packet number (32)    | ciphertext of frames ... | tag (16)
//                     |
//     HANDSHAKE       | type   | index (24)    | zero (32)             | see handshake.h
#pragma once

#include <optional>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

enum class PacketType : std::uint8_t {
  handshake1 = 1,
  handshake2 = 2,
  cookie = 3,  ///< a server under load asks for a proof of the address
  data = 4,
  control = 5,
};

struct PacketHeader {
  PacketType type{};
  /// The receiver's index of the key epoch; in HANDSHAKE 1 the one the sender wants to be called by.
  SessionIndex index{};
  PacketNumber number{};  ///< 0 in handshake packets
};

/// Where the low 8 bits of the index are.
inline constexpr std::uint32_t kHeaderLastIndexByte = 3;

/// The header of a packet, of which at least its 8 bytes must be there. nullopt if the packet is shorter
/// or the type unknown.
inline std::optional<PacketHeader> decode_header(ConstBytes packet) {
  if (packet.size() < kHeaderBytes) return std::nullopt;
  const std::uint8_t* at = packet.data();
  if (at[0] < static_cast<std::uint8_t>(PacketType::handshake1) ||
      at[0] > static_cast<std::uint8_t>(PacketType::control)) {
    return std::nullopt;
  }
  const std::uint32_t index = std::uint32_t{at[1]} << 16U | std::uint32_t{at[2]} << 8U | at[3];
  const std::uint32_t number =
      std::uint32_t{at[4]} << 24U | std::uint32_t{at[5]} << 16U | std::uint32_t{at[6]} << 8U | at[7];
  return PacketHeader{static_cast<PacketType>(at[0]), SessionIndex{index}, PacketNumber{number}};
}

/// Writes the 8 bytes to the front of `out`, which has room for them.
inline void encode_header(const PacketHeader& header, Bytes out) {
  ByteWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(header.type));
  writer.u24(header.index.value);
  writer.u32(header.number.value);
}

}  // namespace mptunnel
