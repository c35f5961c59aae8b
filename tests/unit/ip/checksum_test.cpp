// The sum against the plainest one, the update against summing anew, and packets from RFCs and by hand.
#include "mptunnel/ip/checksum.h"

#include <gtest/gtest.h>

#include <array>

#include "mptunnel/ip/header_fields.h"
#include "support/common/prng.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using namespace test;

std::uint16_t sum_of(ConstBytes bytes) {
  InternetSum sum;
  sum.add(bytes);
  return sum.folded();
}

TEST(InternetSum, IsThatOfTheExampleInRfc1071) {
  constexpr std::array<std::uint8_t, 8> kExample{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(sum_of(kExample), 0xddf2);
}

TEST(InternetSum, IsThatOfAHeaderFromATrace) {
  // The IPv4 header that many textbooks sum; its checksum is 0xb861.
  constexpr std::array<std::uint8_t, 20> kHeader{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                                 0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  InternetSum sum;
  sum.add(kHeader);
  EXPECT_EQ(sum.checksum(), 0xb861);
}

TEST(InternetSum, IsThePlainOneAtEverySizeAndPlace) {
  Prng random(1);
  std::vector<std::uint8_t> bytes(400);
  random.fill(bytes);
  for (std::size_t from = 0; from < 17; ++from) {
    for (std::size_t size = 0; size + from <= bytes.size(); ++size) {
      const auto piece = ConstBytes(bytes).subspan(from, size);
      ASSERT_EQ(sum_of(piece), plain_sum(piece)) << size << " bytes at " << from;
    }
  }
}

TEST(InternetSum, KeepsEveryCarryOfTheLargestPacket) {
  const std::vector<std::uint8_t> bytes(65535, 0xff);
  EXPECT_EQ(sum_of(bytes), plain_sum(bytes));
  InternetSum sum;
  for (int i = 0; i < 1000; ++i) sum.add(bytes);
  std::uint32_t plain = 0;
  for (int i = 0; i < 1000; ++i) plain = plain_sum(bytes, plain);
  EXPECT_EQ(sum.folded(), plain);
}

TEST(InternetSum, AddsNumbersAsTheirBytes) {
  InternetSum sum;
  sum.add_u16(0xfff1);
  sum.add_u32(0xfffe1234);
  const std::array<std::uint8_t, 6> bytes{0xff, 0xf1, 0xff, 0xfe, 0x12, 0x34};
  EXPECT_EQ(sum.folded(), plain_sum(bytes));
}

TEST(InternetSum, TakesThePseudoHeaderOfBothFamilies) {
  for (const PacketSpec& spec : {PacketSpec{}, ipv6_spec()}) {
    InternetSum sum;
    sum.add_pseudo_header(address_bytes(spec.source), address_bytes(spec.destination), kProtocolTcp, 65535);
    EXPECT_EQ(sum.folded(), plain_sum(pseudo_header(spec, 6, 65535)));
  }
}

TEST(InternetSum, OfAPacketWithItsChecksumIsAllOnes) {
  for (PacketSpec spec : {PacketSpec{}, ipv6_spec()}) {
    spec.payload = some_payload(101);
    const PacketBytes packet = make_udp(spec);
    const std::size_t header = packet[0] >> 4U == 4 ? 20 : 40;
    const ConstBytes udp = ConstBytes(packet).subspan(header);
    InternetSum sum;
    sum.add_pseudo_header(address_bytes(spec.source), address_bytes(spec.destination), kProtocolUdp,
                          static_cast<std::uint32_t>(udp.size()));
    sum.add(udp);
    EXPECT_EQ(sum.folded(), 0xffff);
  }
}

TEST(InternetSum, OfUdpIsNeverWrittenAsNone) {
  InternetSum sum;
  sum.add_u16(0xffff);
  EXPECT_EQ(sum.checksum(), 0);
  EXPECT_EQ(sum.udp_checksum(), 0xffff);
  sum.add_u16(1);
  EXPECT_EQ(sum.udp_checksum(), 0xfffe);
}

TEST(UpdatedChecksum, IsThatOfTheExampleInRfc1624) {
  // Section 4: where equation 2 of RFC 1141 gives 0xffff.
  EXPECT_EQ(updated_checksum(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(UpdatedChecksum, IsThatOfSummingAnew) {
  Prng random(2);
  std::vector<std::uint8_t> bytes(20);
  for (int i = 0; i < 20000; ++i) {
    random.fill(bytes);
    const auto before = static_cast<std::uint16_t>(~plain_sum(bytes));
    const std::size_t at = random.below(10) * 2;
    const std::uint16_t old_word = u16_at(bytes, at);
    const auto new_word = static_cast<std::uint16_t>(random.u64());
    put_u16(bytes, at, new_word);
    ASSERT_EQ(updated_checksum(before, old_word, new_word), static_cast<std::uint16_t>(~plain_sum(bytes)));
  }
}

}  // namespace
}  // namespace mptunnel
