#include "mptunnel/base/cursor.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets octets(ConstBytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(ByteReader, ReadsBigEndianFieldsOneAfterTheOther) {
  const Octets bytes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0xf0,
                     0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x0b, 0x0c, 0x0d};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u24(), 0x040506U);
  EXPECT_EQ(reader.u32(), 0x0708090aU);
  EXPECT_EQ(reader.u64(), 0xf0e1d2c3b4a59687U);
  EXPECT_EQ(octets(*reader.bytes(2)), (Octets{0x0b, 0x0c}));
  EXPECT_EQ(octets(reader.rest()), Octets{0x0d});
  EXPECT_FALSE(reader.empty());
  EXPECT_EQ(reader.u8(), 0x0d);
  EXPECT_TRUE(reader.empty());
}

TEST(ByteReader, ReadsNothingAndMovesNothingWhereTooFewBytesAreLeft) {
  const std::array<std::uint8_t, 8> bytes{0x40, 1, 2, 3, 4, 5, 6, 7};
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    ByteReader reader(ConstBytes(bytes).first(size));
    EXPECT_EQ(reader.u8().has_value(), size >= 1);
    reader = ByteReader(ConstBytes(bytes).first(size));
    EXPECT_FALSE(reader.u64());
    EXPECT_FALSE(reader.bytes(size + 1));
    EXPECT_FALSE(reader.bytes(static_cast<std::size_t>(-1)));
    if (size < 4) {
      EXPECT_FALSE(reader.u32());
    }
    if (size < 3) {
      EXPECT_FALSE(reader.u24());
    }
    if (size < 2) {
      EXPECT_FALSE(reader.u16());
    }
    if (size < 2) {
      EXPECT_FALSE(reader.varint());
    }
    EXPECT_EQ(reader.rest().size(), size);
  }
}

TEST(ByteReader, ReadsNoBytesOfNothing) {
  ByteReader reader({});
  const auto none = reader.bytes(0);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST(ByteReader, ReadsVariableLengthIntegers) {
  struct Row {
    const char* name;
    Octets bytes;
    std::optional<std::uint16_t> value;
    std::size_t left;
  };
  const std::array<Row, 10> rows{{
      {"nothing", {}, std::nullopt, 0},
      {"zero", {0x00}, 0, 0},
      {"largest of one byte", {0x3f, 0xff}, 63, 1},
      {"smallest of two bytes", {0x40, 0x40}, 64, 0},
      {"two bytes where one would do", {0x40, 0x05}, 5, 0},
      {"RFC 9000, appendix A.1", {0x7b, 0xbd}, 15293, 0},
      {"largest of two bytes", {0x7f, 0xff, 0x01}, 16383, 1},
      {"half of two bytes", {0x7f}, std::nullopt, 1},
      {"form of four bytes", {0x9d, 0x7f, 0x3e, 0x7d}, std::nullopt, 4},
      {"form of eight bytes", {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, std::nullopt, 8},
  }};
  for (const Row& row : rows) {
    ByteReader reader(row.bytes);
    EXPECT_EQ(reader.varint(), row.value) << row.name;
    EXPECT_EQ(reader.rest().size(), row.left) << row.name;
  }
}

TEST(ByteReader, ReadsWideVariableLengthIntegers) {
  struct Row {
    const char* name;
    Octets bytes;
    std::optional<std::uint32_t> value;
    std::size_t left;
  };
  const std::array<Row, 9> rows{{
      {"nothing", {}, std::nullopt, 0},
      {"largest of one byte", {0x3f, 0xff}, 63, 1},
      {"largest of two bytes", {0x7f, 0xff, 0x01}, 16383, 1},
      {"smallest of four bytes", {0x80, 0x00, 0x40, 0x00}, 16384, 0},
      {"four bytes where one would do", {0x80, 0x00, 0x00, 0x05}, 5, 0},
      {"RFC 9000, appendix A.1", {0x9d, 0x7f, 0x3e, 0x7d}, 494878333, 0},
      {"largest of four bytes", {0xbf, 0xff, 0xff, 0xff, 0x01}, kMaxWideVarint, 1},
      {"three of four bytes", {0x80, 0x00, 0x40}, std::nullopt, 3},
      {"form of eight bytes", {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, std::nullopt, 8},
  }};
  for (const Row& row : rows) {
    ByteReader reader(row.bytes);
    EXPECT_EQ(reader.wide_varint(), row.value) << row.name;
    EXPECT_EQ(reader.rest().size(), row.left) << row.name;
  }
}

TEST(ByteWriter, WritesWideVariableLengthIntegersAsTheyAreRead) {
  for (const std::uint32_t value : {0U, 63U, 64U, 16383U, 16384U, 262143U, 262144U, kMaxWideVarint}) {
    std::array<std::uint8_t, 4> bytes{};
    ByteWriter writer(bytes);
    writer.wide_varint(value);
    EXPECT_EQ(writer.written(), wide_varint_bytes(value)) << value;
    ByteReader reader(ConstBytes(bytes).first(writer.written()));
    EXPECT_EQ(reader.wide_varint(), value);
    EXPECT_TRUE(reader.empty()) << value;
  }
}

TEST(ByteWriter, WritesBigEndianFieldsOneAfterTheOther) {
  Octets bytes(25, 0xee);
  ByteWriter writer(bytes);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u24(0x040506);
  writer.u32(0x0708090a);
  writer.u64(0xf0e1d2c3b4a59687U);
  const Octets text{0x0b, 0x0c};
  writer.bytes(text);
  writer.bytes({});
  writer.zeros(2);
  writer.zeros(0);
  EXPECT_EQ(writer.written(), 22U);
  EXPECT_EQ(writer.room(), 3U);
  EXPECT_EQ(bytes, (Octets{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0xf0, 0xe1, 0xd2,
                           0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x0b, 0x0c, 0x00, 0x00, 0xee, 0xee, 0xee}));
}

TEST(ByteWriter, WritesEachVariableLengthIntegerAsItIsReadInTheLengthDeclared) {
  for (unsigned value = 0; value <= kMaxVarint; ++value) {
    const auto number = static_cast<std::uint16_t>(value);
    std::array<std::uint8_t, 2> bytes{};
    ByteWriter writer(bytes);
    writer.varint(number);
    ASSERT_EQ(writer.written(), varint_bytes(number)) << value;
    ByteReader reader(ConstBytes(bytes).first(writer.written()));
    ASSERT_EQ(reader.varint(), number);
    ASSERT_TRUE(reader.empty()) << value;
  }
}

TEST(ByteWriterDeathTest, WritingPastTheEndIsABug) {
  Octets bytes(3);
  EXPECT_DEATH(ByteWriter(bytes).u32(0), "assertion");
  EXPECT_DEATH(ByteWriter(bytes).bytes(Octets(4)), "assertion");
  EXPECT_DEATH(ByteWriter(bytes).zeros(4), "assertion");
  EXPECT_DEATH(ByteWriter({}).u8(0), "assertion");
}

TEST(ByteWriterDeathTest, ANumberThatDoesNotFitIsABug) {
  Octets bytes(8);
  EXPECT_DEATH(ByteWriter(bytes).varint(kMaxVarint + 1), "assertion");
  EXPECT_DEATH(ByteWriter(bytes).wide_varint(kMaxWideVarint + 1), "assertion");
  EXPECT_DEATH(ByteWriter(bytes).u24(0x1000000), "assertion");
}

}  // namespace
}  // namespace mptunnel
