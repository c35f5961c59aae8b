#include "mptunnel/ip/hop_limit.h"

#include <gtest/gtest.h>

#include "mptunnel/ip/ip_packet.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using test::PacketBytes;
using test::PacketSpec;

TEST(HopLimit, IsLoweredAndTheChecksumWithIt) {
  for (unsigned limit = 0; limit < 256; ++limit) {
    for (const std::uint16_t id : {std::uint16_t{0}, std::uint16_t{0x1234}, std::uint16_t{0xffff}}) {
      PacketSpec spec;
      spec.hop_limit = static_cast<std::uint8_t>(limit);
      spec.id = id;
      PacketBytes packet = test::make_udp(spec);
      const PacketBytes before = packet;
      spec.hop_limit = static_cast<std::uint8_t>(limit - 1);
      const bool is_lowered = lower_hop_limit(packet);
      EXPECT_EQ(is_lowered, limit > 1) << limit;
      EXPECT_EQ(packet, is_lowered ? test::make_udp(spec) : before) << limit;
    }
  }
}

TEST(HopLimit, OfIpv6HasNoChecksum) {
  for (unsigned limit = 0; limit < 256; ++limit) {
    PacketSpec spec = test::ipv6_spec();
    spec.hop_limit = static_cast<std::uint8_t>(limit);
    PacketBytes packet = test::make_tcp(spec);
    const PacketBytes before = packet;
    spec.hop_limit = static_cast<std::uint8_t>(limit - 1);
    const bool is_lowered = lower_hop_limit(packet);
    EXPECT_EQ(is_lowered, limit > 1) << limit;
    EXPECT_EQ(packet, is_lowered ? test::make_tcp(spec) : before) << limit;
  }
}

TEST(HopLimit, AChecksumThatWasWrongStaysWrong) {
  PacketBytes packet = test::make_udp({});
  packet[10] ^= 0x5aU;
  ASSERT_TRUE(lower_hop_limit(packet));
  PacketSpec spec;
  --spec.hop_limit;
  EXPECT_NE(packet, test::make_udp(spec));
  EXPECT_NE(test::plain_sum(ConstBytes(packet).first(20)), 0xffff);
}

}  // namespace
}  // namespace mptunnel
