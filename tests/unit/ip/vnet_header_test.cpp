// Bytes as they are on a little-endian machine, which those that run this are.
#include "mptunnel/ip/vnet_header.h"

#include <gtest/gtest.h>

#include <bit>

namespace mptunnel {
namespace {

using Bytes10 = std::array<std::uint8_t, kVnetHeaderBytes>;

constexpr VnetHeader kTcp{.gso = Gso::tcp4,
                          .has_ecn = true,
                          .needs_checksum = true,
                          .header_bytes = 0x0134,
                          .gso_size = 0x0578,
                          .checksum_start = 0x0214,
                          .checksum_offset = 0x0110};
constexpr Bytes10 kTcpBytes{0x01, 0x81, 0x34, 0x01, 0x78, 0x05, 0x14, 0x02, 0x10, 0x01};

TEST(VnetHeaderBytes, AreThoseOfLinux) {
  if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "big-endian: NOT TESTED";
  EXPECT_EQ(bytes_of(kTcp), kTcpBytes);
  EXPECT_EQ(read_vnet_header(kTcpBytes), kTcp);
}

TEST(VnetHeaderBytes, NothingIsAskedByZeroes) {
  EXPECT_EQ(bytes_of(VnetHeader{}), Bytes10{});
  EXPECT_EQ(read_vnet_header(Bytes10{}), VnetHeader{});
}

TEST(VnetHeaderBytes, AnyBytesAreReadAndEachFieldIsItsOwn) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    for (unsigned gso = 0; gso < 256; ++gso) {
      const Bytes10 bytes{
          static_cast<std::uint8_t>(flags), static_cast<std::uint8_t>(gso), 1, 2, 3, 4, 5, 6, 7, 8};
      Bytes10 expected = bytes;
      expected[0] &= 1U;
      EXPECT_EQ(bytes_of(read_vnet_header(bytes)), expected);
    }
  }
}

}  // namespace
}  // namespace mptunnel
