#include "mptunnel/ip/icmp.h"

#include <gtest/gtest.h>

#include "mptunnel/ip/limits.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using namespace test;

PacketSpec large(PacketSpec spec = {}) {
  spec.payload = some_payload(1460);
  return spec;
}
tl::expected<PacketBytes, NoIcmp> answer(const PacketBytes& bytes, std::size_t mtu) {
  const IpPacket packet = parse_ip_packet(bytes).value();
  const IpAddress from = parse_ip_address(packet.is_ipv4() ? "10.42.42.1" : "fd00:42::1").value();
  PacketBytes out(kMaxIcmpv6ErrorBytes, 0xee);
  const auto size = make_too_big(packet, mtu, from, out);
  if (!size) return tl::make_unexpected(size.error());
  out.resize(*size);
  return out;
}

TEST(Icmp, AnswersIpv4WithWhatFits) {
  const PacketBytes packet = make_udp(large());
  const auto made = answer(packet, 1400);
  ASSERT_TRUE(made) << name_of(made.error());
  PacketBytes icmp{3, 4, 0, 0, 0, 0, 0x05, 0x78};
  append(icmp, ConstBytes(packet).first(576 - 28));
  set_number(icmp, 2, static_cast<std::uint16_t>(~plain_sum(icmp)), 2);
  PacketSpec spec;
  spec.source = "10.42.42.1";
  spec.destination = "10.0.0.1";
  spec.traffic_class = 0xc0;
  spec.id = 0;
  EXPECT_EQ(*made, make_ip(spec, 1, icmp));
}

TEST(Icmp, AnswersIpv6WithWhatFits) {
  const PacketBytes packet = make_udp(large(ipv6_spec()));
  const auto made = answer(packet, 1400);
  ASSERT_TRUE(made) << name_of(made.error());
  PacketBytes icmp{2, 0, 0, 0, 0, 0, 0x05, 0x78};
  append(icmp, ConstBytes(packet).first(1280 - 48));
  PacketSpec spec;
  spec.source = "fd00:42::1";
  spec.destination = "2001:db8::1";
  spec.flow_label = 0;
  complete(icmp, spec, 58);
  EXPECT_EQ(*made, make_ip(spec, 58, icmp));
}

TEST(Icmp, QuotesASmallPacketWhole) {
  PacketSpec spec;
  spec.payload = some_payload(101);
  const PacketBytes packet = make_udp(spec);
  const auto made = answer(packet, 100);
  ASSERT_TRUE(made) << name_of(made.error());
  EXPECT_EQ(made->size(), 28 + packet.size());
  EXPECT_TRUE(std::equal(packet.begin(), packet.end(), made->begin() + 28));
  EXPECT_EQ(plain_sum(ConstBytes(*made).subspan(20)), 0xffff);
}

TEST(Icmp, SaysNoLessThanEachLinkCarries) {
  auto made = answer(make_udp(large()), 10);
  ASSERT_TRUE(made);
  EXPECT_EQ(number_at(*made, 26, 2), 68U);
  made = answer(make_udp(large(ipv6_spec())), 600);
  ASSERT_TRUE(made);
  EXPECT_EQ(number_at(*made, 44, 4), 1280U);
}

TEST(Icmp, WhatFitsGetsNone) {
  const PacketBytes packet = make_udp(large());
  EXPECT_EQ(answer(packet, packet.size()).error(), NoIcmp::fits);
  EXPECT_TRUE(answer(packet, packet.size() - 1));
  // IPv6 sends no less for whatever is said (RFC 8200, section 5).
  PacketSpec spec = ipv6_spec();
  spec.payload = some_payload(1232);
  EXPECT_EQ(answer(make_udp(spec), 1000).error(), NoIcmp::fits);
}

struct NoIcmpRow {
  const char* name;
  NoIcmp reason;
  PacketBytes packet;
};
class NoIcmpRows : public testing::TestWithParam<NoIcmpRow> {};
TEST_P(NoIcmpRows, HaveAReason) {
  const auto made = answer(GetParam().packet, 1300);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), GetParam().reason) << name_of(made.error());
}

PacketBytes with(std::string_view source, std::string_view destination) {
  PacketSpec spec = large();
  spec.source = source;
  spec.destination = destination;
  return make_udp(spec);
}
PacketBytes with_fragment(std::uint16_t fragment) {
  PacketSpec spec = large();
  spec.fragment = fragment;
  return make_udp(spec);
}
/// A fragment of IPv6 behind the first.
PacketBytes later_fragment6() {
  PacketSpec spec = large(ipv6_spec());
  spec.first_extension = 44;
  spec.extensions = {17, 0, 0x10, 0, 0, 0, 0, 1};
  return make_udp(spec);
}
PacketBytes icmp(PacketSpec spec, std::uint8_t type, std::size_t size = 1460) {
  PacketBytes content = some_payload(size);
  content.at(0) = type;
  return make_ip(spec, address_of(spec.source).family == Family::ipv4 ? 1 : 58, content);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, NoIcmpRows,
    testing::Values(NoIcmpRow{"MayFragment", NoIcmp::may_fragment, with_fragment(0)},
                    NoIcmpRow{"LaterFragment", NoIcmp::later_fragment, with_fragment(0x4010)},
                    NoIcmpRow{"LaterFragment6", NoIcmp::later_fragment, later_fragment6()},
                    NoIcmpRow{"Multicast", NoIcmp::to_many, with("10.0.0.1", "239.1.2.3")},
                    NoIcmpRow{"Broadcast", NoIcmp::to_many, with("10.0.0.1", "255.255.255.255")},
                    NoIcmpRow{"Multicast6", NoIcmp::to_many, with("2001:db8::1", "ff02::1")},
                    NoIcmpRow{"FromAny", NoIcmp::from_no_host, with("0.0.0.0", "10.0.0.1")},
                    NoIcmpRow{"FromMulticast", NoIcmp::from_no_host, with("224.0.0.1", "10.0.0.1")},
                    NoIcmpRow{"FromBroadcast", NoIcmp::from_no_host, with("255.255.255.255", "10.0.0.1")},
                    NoIcmpRow{"FromLoopback", NoIcmp::from_no_host, with("127.0.0.1", "10.0.0.1")},
                    NoIcmpRow{"FromClassE", NoIcmp::from_no_host, with("240.0.0.1", "10.0.0.1")},
                    NoIcmpRow{"FromAny6", NoIcmp::from_no_host, with("::", "2001:db8::1")},
                    NoIcmpRow{"FromLoopback6", NoIcmp::from_no_host, with("::1", "2001:db8::1")},
                    NoIcmpRow{"FromMulticast6", NoIcmp::from_no_host, with("ff02::1", "2001:db8::1")}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Icmp, FirstFragmentsAreAnswered) {
  PacketSpec spec = large();
  spec.payload = some_payload(1464);
  spec.fragment = 0x6000;
  EXPECT_TRUE(answer(make_udp(spec), 1300));
  spec = ipv6_spec();
  spec.payload = some_payload(1464);
  spec.first_extension = 44;
  spec.extensions = {17, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_TRUE(answer(make_udp(spec), 1300));
}

TEST(Icmp, ErrorsAreNeverAnswered) {
  for (unsigned type = 0; type < 256; ++type) {
    const auto number = static_cast<std::uint8_t>(type);
    const auto made = answer(icmp({}, number), 1300);
    const bool is_query =
        type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18) || type == 42 || type == 43;
    EXPECT_EQ(made.has_value(), is_query) << type;
    EXPECT_EQ(made.has_value() ? NoIcmp::about_error : made.error(), NoIcmp::about_error);
    EXPECT_EQ(answer(icmp(ipv6_spec(), number), 1300).has_value(), type >= 128 && type != 137) << type;
  }
  // The numbers of one family mean nothing in the other.
  EXPECT_TRUE(answer(make_ip({}, 58, some_payload(1460)), 1300));
}

TEST(Icmp, ThatIsTooShortToTellIsNotAnswered) {
  // Extension headers alone make it large; of ICMPv6 there is nothing.
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 60;
  spec.extensions.resize(1400);
  spec.extensions[0] = 58;
  spec.extensions[1] = 174;
  const auto made = answer(make_ip(spec, 58, {}), 1300);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), NoIcmp::about_error);
}

TEST(Icmp, ReasonsHaveNames) {
  EXPECT_STREQ(name_of(NoIcmp::fits), "fits");
  EXPECT_STREQ(name_of(NoIcmp::later_fragment), "later_fragment");
}

}  // namespace
}  // namespace mptunnel
