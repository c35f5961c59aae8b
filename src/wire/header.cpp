#include "mptunnel/wire/header.h"

#include "mptunnel/base/cursor.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

std::optional<PacketHeader> decode_header(ConstBytes packet) {
  if (packet.size() < kHeaderBytes) return std::nullopt;
  ByteReader reader(packet);
  const std::uint8_t type = *reader.u8();
  if (type < static_cast<std::uint8_t>(PacketType::handshake1) ||
      type > static_cast<std::uint8_t>(PacketType::control)) {
    return std::nullopt;
  }
  PacketHeader header;
  header.type = static_cast<PacketType>(type);
  header.index = SessionIndex{*reader.u24()};
  header.number = PacketNumber{*reader.u32()};
  return header;
}

void encode_header(const PacketHeader& header, Bytes out) {
  ByteWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(header.type));
  writer.u24(header.index.value);
  writer.u32(header.number.value);
}

}  // namespace mptunnel
