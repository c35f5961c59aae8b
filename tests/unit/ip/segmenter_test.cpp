// Segments against those that are made one by one; and each header that does not fit its packet.
#include "mptunnel/ip/segmenter.h"

#include <gtest/gtest.h>

#include "../session/allocation_counter.h"
#include "super_packets.h"
#include "support/common/prng.h"

namespace mptunnel {
namespace {

using namespace test;

constexpr std::uint8_t kAllTcpMarks = 0x10 | 0x80 | 0x40 | 0x08 | 0x01;  // ACK CWR ECE PSH FIN

struct KindRow {
  const char* name;
  bool is_ipv6;
  bool is_tcp;
  bool has_options;
};
class SegmenterKinds : public testing::TestWithParam<KindRow> {
 protected:
  static PacketSpec spec() {
    PacketSpec spec = GetParam().is_ipv6 ? ipv6_spec() : PacketSpec{};
    spec.flags = kAllTcpMarks;
    spec.traffic_class = 0xba;
    if (!GetParam().has_options) return spec;
    spec.ip_options = {7, 7, 4, 1, 2, 3, 4, 0};
    spec.first_extension = 60;
    spec.extensions = {static_cast<std::uint8_t>(GetParam().is_tcp ? 6 : 17), 0, 1, 4, 0, 0, 0, 0};
    spec.tcp_options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    return spec;
  }
};

TEST_P(SegmenterKinds, CutsAsIfEachHadBeenMadeAlone) {
  PacketSpec made = spec();
  made.sequence = 0xffffff00;  // wraps
  made.id = 0xfffe;
  for (const std::uint16_t gso_size :
       std::initializer_list<std::uint16_t>{1, 7, 100, 536, 999, 1000, 1001, 65000}) {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 999, 1000, 1001, 1999}) {
      made.payload = some_payload(size, gso_size);
      SuperPacket super = make_super(made, GetParam().is_tcp, gso_size);
      const auto expected = plain_segments(made, GetParam().is_tcp, gso_size);
      auto segmenter = Segmenter::make(super.header, super.bytes);
      ASSERT_TRUE(segmenter) << name_of(segmenter.error());
      ASSERT_EQ(segmenter->count(), expected.size());
      ASSERT_EQ(segmenter->largest(), expected.front().size());
      ASSERT_EQ(all_segments(*segmenter), expected) << size << " bytes by " << gso_size;
      ASSERT_FALSE(segmenter->next());
    }
  }
}

TEST_P(SegmenterKinds, CutsTheLargest) {
  PacketSpec made = spec();
  const std::size_t headers = make_packet(made, GetParam().is_tcp).size();
  made.payload = some_payload(65535 - headers);
  SuperPacket super = make_super(made, GetParam().is_tcp, 1400);
  auto segmenter = Segmenter::make(super.header, super.bytes);
  ASSERT_TRUE(segmenter) << name_of(segmenter.error());
  EXPECT_EQ(segmenter->count(), 47U);
  EXPECT_EQ(all_segments(*segmenter), plain_segments(made, GetParam().is_tcp, 1400));
}

TEST_P(SegmenterKinds, CompletesTheChecksumOfWhatIsNotCut) {
  PacketSpec made = spec();
  for (std::size_t size = 0; size < 40; ++size) {
    made.payload = some_payload(size);
    SuperPacket super = make_super(made, GetParam().is_tcp, 0);
    super.header.gso = Gso::none;
    auto segmenter = Segmenter::make(super.header, super.bytes);
    ASSERT_TRUE(segmenter) << name_of(segmenter.error());
    ASSERT_EQ(segmenter->count(), 1U);
    ASSERT_EQ(segmenter->largest(), super.bytes.size());
    const std::vector<PacketBytes> expected{make_packet(made, GetParam().is_tcp)};
    ASSERT_EQ(all_segments(*segmenter), expected);
  }
}

TEST_P(SegmenterKinds, RandomSuperPacketsAreCutAsOneByOne) {
  Prng random(5);
  for (int i = 0; i < 300; ++i) {
    PacketSpec made = spec();
    made.sequence = static_cast<std::uint32_t>(random.u64());
    made.id = static_cast<std::uint16_t>(random.u64());
    made.flags = static_cast<std::uint8_t>(random.u64() & 0xf9U);  // no SYN, no RST
    made.payload = some_payload(random.below(9000), static_cast<std::uint32_t>(i));
    const auto gso_size = static_cast<std::uint16_t>(10 + random.below(3000));
    SuperPacket super = make_super(made, GetParam().is_tcp, gso_size);
    auto segmenter = Segmenter::make(super.header, super.bytes);
    ASSERT_TRUE(segmenter) << name_of(segmenter.error());
    ASSERT_EQ(all_segments(*segmenter), plain_segments(made, GetParam().is_tcp, gso_size));
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SegmenterKinds,
                         testing::Values(KindRow{"Tcp4", false, true, false},
                                         KindRow{"Tcp6", true, true, false},
                                         KindRow{"Udp4", false, false, false},
                                         KindRow{"Udp6", true, false, false},
                                         KindRow{"Tcp4WithOptions", false, true, true},
                                         KindRow{"Tcp6WithOptions", true, true, true},
                                         KindRow{"Udp4WithOptions", false, false, true},
                                         KindRow{"Udp6WithExtensions", true, false, true}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Segmenter, LeavesAPacketWithoutWishesAsItIs) {
  PacketBytes bytes = make_ip({}, 47, some_payload(70));
  const PacketBytes before = bytes;
  auto segmenter = Segmenter::make({}, bytes);
  ASSERT_TRUE(segmenter);
  EXPECT_EQ(all_segments(*segmenter), std::vector<PacketBytes>{before});
}

TEST(Segmenter, CompletesTheChecksumOfAnInnerPacket) {
  // IPv6 in IPv4, as a tunnel of the kernel over this device leaves it.
  PacketSpec inner = ipv6_spec();
  inner.payload = some_payload(33);
  SuperPacket packet = make_super(inner, true, 0);
  packet.bytes = make_ip({}, 41, packet.bytes);
  packet.header.gso = Gso::none;
  packet.header.checksum_start = static_cast<std::uint16_t>(packet.header.checksum_start + 20);
  auto segmenter = Segmenter::make(packet.header, packet.bytes);
  ASSERT_TRUE(segmenter) << name_of(segmenter.error());
  EXPECT_EQ(all_segments(*segmenter), std::vector<PacketBytes>{make_ip({}, 41, make_tcp(inner))});
}

TEST(Segmenter, UdpHasAChecksumThoughItIsZero) {
  // Two bytes of payload that make the sum all ones.
  PacketSpec spec;
  spec.payload = {0, 0};
  const PacketBytes bytes = make_udp(spec);
  set_number(spec.payload, 0, number_at(bytes, 26, 2), 2);
  for (const Gso gso : {Gso::none, Gso::udp}) {
    SuperPacket super = make_super(spec, false, 100);
    super.header.gso = gso;
    auto segmenter = Segmenter::make(super.header, super.bytes);
    ASSERT_TRUE(segmenter) << name_of(segmenter.error());
    EXPECT_EQ(number_at(all_segments(*segmenter).front(), 26, 2), 0xffffU);
  }
}

TEST(Segmenter, WholePacketAsHeaderBytesIsAHint) {
  PacketSpec spec;
  spec.payload = some_payload(3000);
  SuperPacket super = make_super(spec, true, 1000);
  super.header.header_bytes = static_cast<std::uint16_t>(super.bytes.size());
  auto segmenter = Segmenter::make(super.header, super.bytes);
  ASSERT_TRUE(segmenter) << name_of(segmenter.error());
  EXPECT_EQ(all_segments(*segmenter), plain_segments(spec, true, 1000));
}

TEST(Segmenter, SynWithDataIsOneSegment) {
  // TCP Fast Open.
  PacketSpec spec;
  spec.flags = 0x02;
  spec.payload = some_payload(1000);
  SuperPacket super = make_super(spec, true, 1000);
  auto segmenter = Segmenter::make(super.header, super.bytes);
  ASSERT_TRUE(segmenter) << name_of(segmenter.error());
  EXPECT_EQ(all_segments(*segmenter), std::vector<PacketBytes>{make_tcp(spec)});
}

TEST(Segmenter, AllocatesNothing) {
  PacketSpec spec;
  spec.payload = some_payload(30000);
  SuperPacket super = make_super(spec, true, 1400);
  const std::uint64_t before = test::allocations();
  auto segmenter = Segmenter::make(super.header, super.bytes);
  std::size_t bytes = 0;
  while (const auto segment = segmenter->next()) bytes += segment->size();
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(bytes, 30000 + 22 * 40U);
}

struct RefusalRow {
  const char* name;
  SegmentError error;
  /// Makes a super-packet of TCP over IPv4 with 3,000 bytes one that can't be.
  void (*spoil)(SuperPacket& super);
};
class SegmenterRefusals : public testing::TestWithParam<RefusalRow> {};

TEST_P(SegmenterRefusals, HaveAName) {
  PacketSpec spec;
  spec.payload = some_payload(3000);
  SuperPacket super = make_super(spec, true, 1000);
  ASSERT_TRUE(Segmenter::make(super.header, super.bytes));
  GetParam().spoil(super);
  const PacketBytes before = super.bytes;
  const auto segmenter = Segmenter::make(super.header, super.bytes);
  ASSERT_FALSE(segmenter);
  EXPECT_EQ(segmenter.error(), GetParam().error) << name_of(segmenter.error());
  EXPECT_EQ(super.bytes, before);
}

/// One with UDP instead.
SuperPacket super_of_udp() {
  PacketSpec spec;
  spec.payload = some_payload(3000);
  return make_super(spec, false, 1000);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, SegmenterRefusals,
    testing::Values(
        RefusalRow{"Truncated", SegmentError::bad_packet, [](SuperPacket& super) { super.bytes.pop_back(); }},
        RefusalRow{"Nothing", SegmentError::bad_packet, [](SuperPacket& super) { super.bytes.clear(); }},
        RefusalRow{"TooLarge", SegmentError::bad_packet,
                   [](SuperPacket& super) { super.bytes = make_ip(ipv6_spec(), 6, some_payload(65500)); }},
        RefusalRow{"HeaderBytes", SegmentError::bad_header_bytes,
                   [](SuperPacket& super) { super.header.header_bytes = 3041; }},
        RefusalRow{"ChecksumBehindTheEnd", SegmentError::bad_checksum_place,
                   [](SuperPacket& super) {
                     super.header.gso = Gso::none;
                     super.header.checksum_offset = 3019;
                   }},
        RefusalRow{"ChecksumFarBehindTheEnd", SegmentError::bad_checksum_place,
                   [](SuperPacket& super) {
                     super.header.gso = Gso::none;
                     super.header.checksum_start = super.header.checksum_offset = 65535;
                   }},
        RefusalRow{"ChecksumInTheIpHeader", SegmentError::bad_checksum_place,
                   [](SuperPacket& super) {
                     super.header.gso = Gso::none;
                     super.header.checksum_start = 19;
                   }},
        RefusalRow{"ChecksumNotAtTheTransport", SegmentError::bad_checksum_place,
                   [](SuperPacket& super) { super.header.checksum_start = 22; }},
        RefusalRow{"ChecksumOfUdpInTcp", SegmentError::bad_checksum_place,
                   [](SuperPacket& super) { super.header.checksum_offset = 6; }},
        RefusalRow{"NoChecksum", SegmentError::no_checksum,
                   [](SuperPacket& super) { super.header.needs_checksum = false; }},
        RefusalRow{"Ufo", SegmentError::unknown_gso,
                   [](SuperPacket& super) { super.header.gso = static_cast<Gso>(3); }},
        RefusalRow{"AnyGso", SegmentError::unknown_gso,
                   [](SuperPacket& super) { super.header.gso = static_cast<Gso>(0x7f); }},
        RefusalRow{"Tcp6OverIpv4", SegmentError::wrong_family,
                   [](SuperPacket& super) { super.header.gso = Gso::tcp6; }},
        RefusalRow{"Tcp4OverIpv6", SegmentError::wrong_family,
                   [](SuperPacket& super) {
                     super = make_super(ipv6_spec(), true, 1000);
                     super.header.gso = Gso::tcp4;
                   }},
        RefusalRow{"UdpOfTcp", SegmentError::wrong_protocol,
                   [](SuperPacket& super) { super.header.gso = Gso::udp; }},
        RefusalRow{"TcpOfUdp", SegmentError::wrong_protocol,
                   [](SuperPacket& super) {
                     super = super_of_udp();
                     super.header.gso = Gso::tcp4;
                   }},
        RefusalRow{"Fragment", SegmentError::fragment,
                   [](SuperPacket& super) { set_number(super.bytes, 6, 100, 2); }},
        RefusalRow{"TcpTooShort", SegmentError::bad_transport_header,
                   [](SuperPacket& super) {
                     super.bytes = make_ip({}, 6, some_payload(19));
                     super.header.header_bytes = 0;
                   }},
        RefusalRow{"TcpOffsetTooSmall", SegmentError::bad_transport_header,
                   [](SuperPacket& super) { super.bytes[32] = 0x40; }},
        RefusalRow{"TcpOffsetTooLarge", SegmentError::bad_transport_header,
                   [](SuperPacket& super) {
                     super.bytes = make_tcp({});
                     super.bytes[32] = 0x60;
                   }},
        RefusalRow{"UdpTooShort", SegmentError::bad_transport_header,
                   [](SuperPacket& super) {
                     super = super_of_udp();
                     super.bytes = make_ip({}, 17, some_payload(7));
                     super.header.header_bytes = 0;
                   }},
        RefusalRow{"UdpLength", SegmentError::bad_transport_header,
                   [](SuperPacket& super) {
                     super = super_of_udp();
                     set_number(super.bytes, 24, 1008, 2);
                   }},
        RefusalRow{"Syn", SegmentError::bad_flags, [](SuperPacket& super) { super.bytes[33] = 0x02; }},
        RefusalRow{"Rst", SegmentError::bad_flags, [](SuperPacket& super) { super.bytes[33] = 0x14; }},
        RefusalRow{"NoGsoSize", SegmentError::no_gso_size,
                   [](SuperPacket& super) { super.header.gso_size = 0; }},
        RefusalRow{"TooManySegments", SegmentError::too_many_segments,
                   [](SuperPacket& super) { super.header.gso_size = 1; }},
        RefusalRow{"HeaderTooLong", SegmentError::header_too_long,
                   [](SuperPacket& super) {
                     PacketSpec spec = ipv6_spec();
                     spec.first_extension = 60;
                     spec.extensions.resize(200);
                     spec.extensions[0] = 6;
                     spec.extensions[1] = 24;
                     spec.payload = some_payload(3000);
                     super = make_super(spec, true, 1000);
                   }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Segmenter, ErrorsHaveNames) {
  EXPECT_STREQ(name_of(SegmentError::bad_packet), "bad_packet");
  EXPECT_STREQ(name_of(SegmentError::wrong_protocol), "wrong_protocol");
  EXPECT_STREQ(name_of(SegmentError::header_too_long), "header_too_long");
}

TEST(Segmenter, AnyHeaderIsCutOrRefused) {
  Prng random(11);
  std::size_t cut = 0;
  for (int i = 0; i < 20000; ++i) {
    PacketSpec spec = random.below(2) == 0 ? PacketSpec{} : ipv6_spec();
    spec.payload = some_payload(random.below(200));
    const bool is_tcp = random.below(2) == 0;
    SuperPacket super = make_super(spec, is_tcp, static_cast<std::uint16_t>(random.below(100)));
    // Mostly one thing that does not fit.
    const auto value = static_cast<std::uint16_t>(random.below(2) == 0 ? random.u64() : random.below(80));
    switch (random.below(8)) {
      case 0:
        super.header.checksum_start = value;
        break;
      case 1:
        super.header.checksum_offset = value;
        break;
      case 2:
        super.header.header_bytes = value;
        break;
      case 3:
        super.header.gso = static_cast<Gso>(value % 8);
        break;
      case 4:
        super.header.gso = Gso::none;
        break;
      default:
        super.bytes[value % std::min<std::size_t>(super.bytes.size(), 60)] =
            static_cast<std::uint8_t>(random.u64());
    }
    auto segmenter = Segmenter::make(super.header, super.bytes);
    if (!segmenter) continue;
    std::size_t count = 0;
    while (const auto segment = segmenter->next()) {
      ++count;
      ASSERT_LE(segment->size(), segmenter->largest());
      ASSERT_TRUE(parse_ip_packet(whole(*segment)));
    }
    ASSERT_EQ(count, segmenter->count());
    cut += count > 1 ? 1 : 0;
  }
  EXPECT_GT(cut, 3000U);
}

}  // namespace
}  // namespace mptunnel
