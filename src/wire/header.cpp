#include "mptunnel/wire/header.h"

#include "mptunnel/base/cursor.h"

namespace mptunnel {

void encode_header(const PacketHeader& header, Bytes out) {
  ByteWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(header.type));
  writer.u24(header.index.value);
  writer.u32(header.number.value);
}

}  // namespace mptunnel
