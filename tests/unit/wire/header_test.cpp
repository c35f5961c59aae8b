#include "mptunnel/wire/header.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST(PacketHeader, HasTheLayoutOfTheProtocol) {
  struct Row {
    const char* name;
    PacketHeader header;
    Octets bytes;
  };
  const std::array<Row, 6> rows{{
      {"HANDSHAKE 1", {PacketType::handshake1, {0x0a0b0c}, {0}}, {1, 0x0a, 0x0b, 0x0c, 0, 0, 0, 0}},
      {"HANDSHAKE 2", {PacketType::handshake2, {0x0a0b0c}, {0}}, {2, 0x0a, 0x0b, 0x0c, 0, 0, 0, 0}},
      {"COOKIE", {PacketType::cookie, {1}, {0}}, {3, 0, 0, 1, 0, 0, 0, 0}},
      {"DATA", {PacketType::data, {0x010203}, {0x04050607}}, {4, 1, 2, 3, 4, 5, 6, 7}},
      {"CONTROL", {PacketType::control, {0xffffff}, {0xffffffff}}, {5, 255, 255, 255, 255, 255, 255, 255}},
      {"all zero but the type", {PacketType::data, {0}, {0}}, {4, 0, 0, 0, 0, 0, 0, 0}},
  }};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Octets bytes(kHeaderBytes);
    encode_header(row.header, bytes);
    EXPECT_EQ(bytes, row.bytes);
    const auto decoded = decode_header(row.bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->type, row.header.type);
    EXPECT_EQ(decoded->index, row.header.index);
    EXPECT_EQ(decoded->number, row.header.number);
  }
}

TEST(PacketHeader, IsReadFromTheFrontOfALongerPacket) {
  Octets packet{4, 1, 2, 3, 4, 5, 6, 7, 0xee, 0xee};
  const auto decoded = decode_header(packet);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->number, PacketNumber{0x04050607});
}

TEST(PacketHeader, IsWrittenToTheFrontOfALongerPacketAlone) {
  Octets packet(10, 0xee);
  encode_header({PacketType::data, {1}, {2}}, packet);
  EXPECT_EQ(packet, (Octets{4, 0, 0, 1, 0, 0, 0, 2, 0xee, 0xee}));
}

TEST(PacketHeader, IsNotReadFromAnyPrefix) {
  const Octets packet{4, 1, 2, 3, 4, 5, 6, 7};
  for (std::size_t size = 0; size < packet.size(); ++size) {
    EXPECT_FALSE(decode_header(ConstBytes(packet).first(size))) << size;
  }
}

TEST(PacketHeader, IsReadForTheFiveTypesOnly) {
  Octets packet{0, 1, 2, 3, 4, 5, 6, 7};
  for (unsigned type = 0; type < 256; ++type) {
    packet.front() = static_cast<std::uint8_t>(type);
    EXPECT_EQ(decode_header(packet).has_value(), type >= 1 && type <= 5) << type;
  }
}

TEST(PacketHeaderDeathTest, AnIndexOfMoreThan24BitsIsABug) {
  Octets packet(kHeaderBytes);
  EXPECT_DEATH(encode_header({PacketType::data, {0x1000000}, {0}}, packet), "assertion");
}

}  // namespace
}  // namespace mptunnel
