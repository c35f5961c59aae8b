#include "mptunnel/ip/ip_packet.h"

#include <gtest/gtest.h>

#include <set>

#include "mptunnel/ip/limits.h"
#include "support/common/prng.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using namespace test;

IpPacket parsed(ConstBytes bytes) {
  const auto packet = parse_ip_packet(bytes);
  EXPECT_TRUE(packet) << name_of(packet.error());
  return packet.value_or(IpPacket{});
}
IpError refused(ConstBytes bytes) {
  const auto packet = parse_ip_packet(bytes);
  EXPECT_FALSE(packet);
  return packet.error();
}

/// An extension header with `next` behind it.
PacketBytes extension(std::uint8_t next, std::uint8_t length = 0) {
  PacketBytes bytes(8 + std::size_t{length} * 8);
  bytes[0] = next;
  bytes[1] = length;
  return bytes;
}
PacketBytes fragment_header(std::uint8_t next, std::uint16_t offset, bool more,
                            std::uint32_t id = 0xabcdef01) {
  PacketBytes bytes{next, 0};
  append_number(bytes, offset | (more ? 1U : 0U), 2);
  append_number(bytes, id, 4);
  return bytes;
}
PacketBytes joined(std::initializer_list<PacketBytes> parts) {
  PacketBytes all;
  for (const PacketBytes& part : parts) append(all, part);
  return all;
}

TEST(IpPacket, ReadsIpv4) {
  PacketSpec spec;
  spec.traffic_class = 0xb9;
  spec.hop_limit = 17;
  spec.payload = some_payload(100);
  const PacketBytes bytes = make_tcp(spec);
  const IpPacket packet = parsed(bytes);
  EXPECT_TRUE(packet.is_ipv4());
  EXPECT_EQ(packet.source.to_string(), "10.0.0.1");
  EXPECT_EQ(packet.destination.to_string(), "10.0.0.2");
  EXPECT_EQ(packet.protocol, 6);
  EXPECT_EQ(packet.dscp(), 46);
  EXPECT_EQ(packet.ecn(), 1);
  EXPECT_EQ(packet.hop_limit, 17);
  EXPECT_EQ(packet.header_bytes, 20);
  EXPECT_EQ(packet.payload_offset, 20);
  EXPECT_FALSE(packet.has_options());
  EXPECT_TRUE(packet.dont_fragment);
  EXPECT_FALSE(packet.fragment);
  EXPECT_EQ(packet.ports, (Ports{40000, 443}));
  EXPECT_EQ(packet.payload().size(), 120U);
}

TEST(IpPacket, ReadsIpv6) {
  PacketSpec spec = ipv6_spec();
  spec.traffic_class = 0xb9;
  spec.hop_limit = 17;
  spec.payload = some_payload(100);
  const PacketBytes bytes = make_udp(spec);
  const IpPacket packet = parsed(bytes);
  EXPECT_FALSE(packet.is_ipv4());
  EXPECT_EQ(packet.source.to_string(), "2001:db8::1");
  EXPECT_EQ(packet.destination.to_string(), "2001:db8::2");
  EXPECT_EQ(packet.protocol, 17);
  EXPECT_EQ(packet.dscp(), 46);
  EXPECT_EQ(packet.ecn(), 1);
  EXPECT_EQ(packet.hop_limit, 17);
  EXPECT_EQ(packet.header_bytes, 40);
  EXPECT_FALSE(packet.has_options());
  EXPECT_TRUE(packet.dont_fragment);
  EXPECT_EQ(packet.ports, (Ports{40000, 443}));
  EXPECT_EQ(packet.payload().size(), 108U);
}

TEST(IpPacket, ReadsIpv4Options) {
  PacketSpec spec;
  spec.ip_options = {7, 7, 4, 0, 0, 0, 0, 1};
  const PacketBytes bytes = make_udp(spec);
  const IpPacket packet = parsed(bytes);
  EXPECT_EQ(packet.header_bytes, 28);
  EXPECT_EQ(packet.payload_offset, 28);
  EXPECT_TRUE(packet.has_options());
  EXPECT_EQ(packet.ports, (Ports{40000, 443}));
}

TEST(IpPacket, ReadsEveryExtensionHeader) {
  PacketSpec spec = ipv6_spec();
  PacketBytes authentication(12);  // its length counts words of 4 bytes, less 2
  authentication[0] = 135;
  authentication[1] = 1;
  spec.first_extension = 0;
  spec.extensions = joined({extension(60), extension(43, 2), extension(51), authentication, extension(139),
                            extension(140), extension(60), extension(17)});
  const PacketBytes bytes = make_udp(spec);
  const IpPacket packet = parsed(bytes);
  EXPECT_EQ(packet.protocol, 17);
  EXPECT_EQ(packet.header_bytes, 40);
  EXPECT_EQ(packet.payload_offset, 40 + spec.extensions.size());
  EXPECT_TRUE(packet.has_options());
  EXPECT_EQ(packet.ports, (Ports{40000, 443}));
}

TEST(IpPacket, ExtensionChainHasALimit) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 60;
  for (std::size_t i = 1; i < kMaxExtensionHeaders; ++i) append(spec.extensions, extension(60));
  PacketSpec longer = spec;
  append(spec.extensions, extension(6));
  EXPECT_EQ(parsed(make_tcp(spec)).protocol, 6);
  append(longer.extensions, extension(60));
  append(longer.extensions, extension(6));
  EXPECT_EQ(refused(make_tcp(longer)), IpError::too_many_extensions);
}

TEST(IpPacket, HopByHopOptionsComeFirstOnly) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 60;
  spec.extensions = joined({extension(0), extension(17)});
  EXPECT_EQ(refused(make_udp(spec)), IpError::bad_extension);
}

TEST(IpPacket, ExtensionHeaderLiesInThePacket) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 60;
  spec.extensions = extension(59, 200);
  spec.extensions.resize(8);
  EXPECT_EQ(refused(make_ip(spec, 59, some_payload(40))), IpError::truncated);
  spec.extensions = {59, 0, 0, 0};
  EXPECT_EQ(refused(make_ip(spec, 59, {})), IpError::truncated);
}

TEST(IpPacket, EspAndNoNextHeaderEndTheChain) {
  EXPECT_EQ(parsed(make_ip(ipv6_spec(), 50, some_payload(40))).protocol, 50);
  EXPECT_EQ(parsed(make_ip(ipv6_spec(), 59, {})).protocol, 59);
}

TEST(IpPacket, ReadsIpv4Fragments) {
  PacketSpec spec;
  spec.id = 0xbeef;
  spec.payload = some_payload(120);
  spec.fragment = 0x2000;
  const PacketBytes first_bytes = make_udp(spec);
  const IpPacket first = parsed(first_bytes);
  EXPECT_EQ(first.fragment, (FragmentField{0xbeef, 0, true}));
  EXPECT_FALSE(first.is_later_fragment());
  EXPECT_FALSE(first.dont_fragment);
  EXPECT_EQ(first.ports, (Ports{40000, 443}));
  spec.fragment = 0x0010;
  const PacketBytes last_bytes = make_udp(spec);
  const IpPacket last = parsed(last_bytes);
  EXPECT_EQ(last.fragment, (FragmentField{0xbeef, 128, false}));
  EXPECT_TRUE(last.is_later_fragment());
  EXPECT_FALSE(last.ports) << "the middle of something";
}

TEST(IpPacket, ReadsIpv6Fragments) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 44;
  spec.payload = some_payload(120);
  spec.extensions = joined({fragment_header(60, 0, true), extension(17)});
  const PacketBytes first_bytes = make_udp(spec);
  const IpPacket first = parsed(first_bytes);
  EXPECT_EQ(first.fragment, (FragmentField{0xabcdef01, 0, true}));
  EXPECT_EQ(first.protocol, 17);
  EXPECT_EQ(first.ports, (Ports{40000, 443}));
  // Behind a later one nothing is read: 60 is what the first fragment begins with.
  spec.extensions = fragment_header(60, 128, false);
  const PacketBytes last_bytes = make_udp(spec);
  const IpPacket last = parsed(last_bytes);
  EXPECT_EQ(last.fragment, (FragmentField{0xabcdef01, 128, false}));
  EXPECT_EQ(last.protocol, 60);
  EXPECT_EQ(last.payload_offset, 48);
  EXPECT_FALSE(last.ports);
}

TEST(IpPacket, AtomicFragmentIsNone) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 44;
  spec.extensions = fragment_header(17, 0, false);
  const PacketBytes bytes = make_udp(spec);
  const IpPacket packet = parsed(bytes);
  EXPECT_FALSE(packet.fragment);
  EXPECT_TRUE(packet.has_options());
  EXPECT_EQ(packet.ports, (Ports{40000, 443}));
}

TEST(IpPacket, SecondFragmentHeaderIsRefused) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 44;
  spec.extensions = joined({fragment_header(44, 0, true), fragment_header(17, 0, true)});
  EXPECT_EQ(refused(make_udp(spec)), IpError::bad_extension);
}

TEST(IpPacket, FragmentEndsWithinThePacketAndAtAMultipleOf8) {
  PacketSpec spec;
  spec.fragment = 0x2000;
  spec.payload = some_payload(121);
  EXPECT_EQ(refused(make_udp(spec)), IpError::bad_fragment);
  spec.fragment = 0x1fff;  // the ping of death
  EXPECT_EQ(refused(make_udp(spec)), IpError::bad_fragment);
  spec.payload.clear();
  EXPECT_EQ(refused(make_udp(spec)), IpError::bad_fragment) << "65,528 and 8";
  EXPECT_TRUE(parse_ip_packet(make_ip(spec, 17, some_payload(7))));
  spec = ipv6_spec();
  spec.first_extension = 44;
  spec.extensions = fragment_header(17, 0xfff8, false);
  EXPECT_EQ(refused(make_ip(spec, 17, some_payload(8))), IpError::bad_fragment);
  EXPECT_TRUE(parse_ip_packet(make_ip(spec, 17, some_payload(7))));
  spec.extensions = fragment_header(17, 0, true);
  EXPECT_EQ(refused(make_ip(spec, 17, some_payload(9))), IpError::bad_fragment);
}

TEST(IpPacket, ProtocolsHavePortsOrNone) {
  const std::set<unsigned> with{6, 17, 33, 132, 136};
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    const PacketBytes bytes = make_ip({}, static_cast<std::uint8_t>(protocol), some_payload(30));
    EXPECT_EQ(parsed(bytes).ports.has_value(), with.contains(protocol)) << protocol;
  }
  EXPECT_FALSE(parsed(make_ip({}, 17, some_payload(3))).ports) << "too short for them";
}

TEST(IpPacket, EveryTruncationIsRefused) {
  PacketSpec spec;
  spec.ip_options = {1, 1, 1, 1};
  PacketSpec other = ipv6_spec();
  other.first_extension = 0;
  other.extensions = joined({extension(60), extension(17)});
  for (const PacketBytes& bytes : {make_udp(spec), make_udp(other)}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy, so that a sanitizer sees reads past its end.
      const PacketBytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_EQ(refused(cut), IpError::truncated) << size;
    }
    PacketBytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(refused(longer), IpError::bad_length);
  }
}

TEST(IpPacket, VersionsAndHeaderLengthsAreChecked) {
  PacketBytes bytes = make_udp({});
  for (unsigned version = 0; version < 16; ++version) {
    bytes[0] = static_cast<std::uint8_t>(version << 4U | 5U);
    if (version == 4 || version == 6) continue;
    EXPECT_EQ(refused(bytes), IpError::bad_version) << version;
  }
  for (unsigned words = 0; words < 5; ++words) {
    bytes[0] = static_cast<std::uint8_t>(0x40 | words);
    EXPECT_EQ(refused(bytes), IpError::bad_header_length) << words;
  }
  bytes[0] = 0x48;  // 32 bytes of header in a packet of 28
  EXPECT_EQ(refused(bytes), IpError::bad_header_length);
}

TEST(IpPacket, JumbogramsAreRefused) {
  PacketSpec spec = ipv6_spec();
  spec.first_extension = 0;
  spec.extensions = {17, 0, 0xc2, 4, 0, 1, 0, 0};
  PacketBytes bytes = make_ip(spec, 17, some_payload(65536));
  set_number(bytes, 4, 0, 2);
  EXPECT_EQ(refused(bytes), IpError::jumbogram);
  PacketBytes plain = make_ip(ipv6_spec(), 17, some_payload(8));
  set_number(plain, 4, 0, 2);
  EXPECT_EQ(refused(plain), IpError::bad_length);
}

TEST(IpPacket, ErrorsHaveNames) {
  EXPECT_STREQ(name_of(IpError::truncated), "truncated");
  EXPECT_STREQ(name_of(IpError::jumbogram), "jumbogram");
  EXPECT_STREQ(name_of(IpError::bad_fragment), "bad_fragment");
}

TEST(FlowHash, IsOfAddressesProtocolAndPorts) {
  const auto hash_of = [](const PacketBytes& bytes) { return flow_hash(parsed(bytes), 42); };
  PacketSpec spec;
  const std::uint64_t hash = hash_of(make_tcp(spec));
  spec.sequence = 5;
  spec.payload = some_payload(10);
  spec.traffic_class = 3;
  spec.id = 9;
  EXPECT_EQ(hash_of(make_tcp(spec)), hash);
  EXPECT_NE(flow_hash(parsed(make_tcp(spec)), 43), hash) << "another seed";
  EXPECT_NE(hash_of(make_udp(spec)), hash);
  PacketSpec other = spec;
  other.source_port = 40001;
  EXPECT_NE(hash_of(make_tcp(other)), hash);
  other = spec;
  other.destination_port = 444;
  EXPECT_NE(hash_of(make_tcp(other)), hash);
  other = spec;
  other.source = "10.0.0.3";
  EXPECT_NE(hash_of(make_tcp(other)), hash);
  other = spec;
  other.destination = "10.0.0.3";
  EXPECT_NE(hash_of(make_tcp(other)), hash);
  other = spec;
  std::swap(other.source, other.destination);
  EXPECT_NE(hash_of(make_tcp(other)), hash);
}

TEST(FlowHash, IsOneForAllFragmentsOfAPacket) {
  PacketSpec spec;
  spec.fragment = 0x2000;
  spec.payload = some_payload(120);
  const std::uint64_t first = flow_hash(parsed(make_udp(spec)), 1);
  spec.fragment = 0x0010;
  EXPECT_EQ(flow_hash(parsed(make_ip(spec, 17, some_payload(50))), 1), first);
  spec.id = 5;
  EXPECT_NE(flow_hash(parsed(make_ip(spec, 17, some_payload(50))), 1), first);
  spec = ipv6_spec();
  spec.first_extension = 44;
  spec.payload = some_payload(112);
  spec.extensions = joined({fragment_header(60, 0, true), extension(17)});
  const std::uint64_t first6 = flow_hash(parsed(make_udp(spec)), 1);
  spec.extensions = fragment_header(60, 128, false);
  EXPECT_EQ(flow_hash(parsed(make_ip(spec, 17, some_payload(50))), 1), first6);
  spec.extensions = fragment_header(60, 128, false, 7);
  EXPECT_NE(flow_hash(parsed(make_ip(spec, 17, some_payload(50))), 1), first6);
}

TEST(FlowHash, SpreadsFlowsThatDifferInOneField) {
  // Of 4,096 flows in 4,096 boxes 63 % of the boxes are hit, if at random.
  std::set<std::uint64_t> low;
  std::set<std::uint64_t> high;
  for (std::uint16_t port = 0; port < 4096; ++port) {
    PacketSpec spec;
    spec.source_port = port;
    const std::uint64_t hash = flow_hash(parsed(make_udp(spec)), 7);
    low.insert(hash & 4095U);
    high.insert(hash >> 52U);
  }
  EXPECT_GT(low.size(), 2400U);
  EXPECT_GT(high.size(), 2400U);
}

TEST(IpPacket, ViewsLieInsideWhateverComes) {
  Prng random(3);
  std::size_t good = 0;
  for (int i = 0; i < 20000; ++i) {
    PacketSpec spec = random.below(2) == 0 ? PacketSpec{} : ipv6_spec();
    if (random.below(2) == 0) {
      spec.first_extension = 44;
      spec.extensions = joined({fragment_header(60, 0, false), extension(17, 1)});
      spec.ip_options.resize(8);
    }
    spec.payload = some_payload(random.below(50));
    PacketBytes bytes = make_udp(spec);
    for (std::uint64_t flips = random.below(4); flips > 0; --flips) {
      bytes[random.below(std::min<std::size_t>(bytes.size(), 64))] = static_cast<std::uint8_t>(random.u64());
    }
    const auto packet = parse_ip_packet(bytes);
    if (!packet) continue;
    ++good;
    ASSERT_GE(packet->payload_offset, packet->header_bytes);
    ASSERT_LE(packet->payload_offset, bytes.size());
    ASSERT_EQ(packet->payload().data() + packet->payload().size(), bytes.data() + bytes.size());
  }
  EXPECT_GT(good, 5000U);
}

}  // namespace
}  // namespace mptunnel
