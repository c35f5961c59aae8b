// What is joined, what is not, and that all of it, cut again, is what came.
#include "mptunnel/ip/joiner.h"

#include <gtest/gtest.h>

#include "../session/allocation_counter.h"
#include "super_packets.h"
#include "support/common/prng.h"
#include "support/ip_flows.h"

namespace mptunnel {
namespace {

using namespace test;

/// What next() gave, with bytes of its own.
struct Written {
  VnetHeader header;
  PacketBytes bytes;
  std::size_t packets = 0;
};

std::vector<Written> drain(Joiner& joiner) {
  std::vector<Written> all;
  while (const auto joined = joiner.next()) {
    Written written{joined->header, {joined->head.begin(), joined->head.end()}, joined->packets};
    for (const ConstBytes piece : joined->payload) append(written.bytes, piece);
    all.push_back(std::move(written));
  }
  return all;
}

std::vector<Written> join_all(const std::vector<PacketBytes>& packets, bool joins_udp = true) {
  Joiner joiner(7, joins_udp);
  for (const PacketBytes& packet : packets) joiner.add(packet);
  return drain(joiner);
}

std::vector<std::size_t> counts(const std::vector<Written>& all) {
  std::vector<std::size_t> counts;
  for (const Written& written : all) counts.push_back(written.packets);
  return counts;
}
using Counts = std::vector<std::size_t>;

/// The packets that they stand for.
std::vector<PacketBytes> cut_again(std::vector<Written> all) {
  std::vector<PacketBytes> packets;
  for (Written& written : all) {
    if (written.packets == 1) {
      EXPECT_EQ(written.header, VnetHeader{});
      packets.push_back(written.bytes);
      continue;
    }
    auto segmenter = Segmenter::make(written.header, written.bytes);
    EXPECT_TRUE(segmenter) << name_of(segmenter.error());
    if (!segmenter) continue;
    EXPECT_EQ(segmenter->count(), written.packets);
    for (PacketBytes& segment : all_segments(*segmenter)) packets.push_back(std::move(segment));
  }
  return packets;
}

struct StreamRow {
  const char* name;
  bool is_ipv6;
  bool is_tcp;
};
class JoinerStreams : public testing::TestWithParam<StreamRow> {
 protected:
  static PacketSpec spec() {
    PacketSpec spec = GetParam().is_ipv6 ? ipv6_spec() : PacketSpec{};
    spec.traffic_class = 0xba;
    spec.tcp_options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    return spec;
  }
};

TEST_P(JoinerStreams, BecomeTheSuperPacketThatTheyWere) {
  PacketSpec made = spec();
  made.payload = some_payload(10 * 1000 + 5);
  made.sequence = 0xfffff000;
  made.id = 0xfffa;
  made.flags = 0x10 | 0x80 | 0x40 | 0x08 | 0x01;  // ACK CWR ECE PSH FIN
  const auto all = join_all(plain_segments(made, GetParam().is_tcp, 1000));
  ASSERT_EQ(counts(all), Counts{11});
  const SuperPacket super = make_super(made, GetParam().is_tcp, 1000);
  EXPECT_EQ(all.front().bytes, super.bytes);
  EXPECT_EQ(all.front().header, super.header);
}

TEST_P(JoinerStreams, ASingleOnePassesAsItIs) {
  PacketSpec made = spec();
  made.payload = some_payload(1000);
  const std::vector<PacketBytes> packets{make_packet(made, GetParam().is_tcp)};
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), Counts{1});
  EXPECT_EQ(cut_again(all), packets);
}

TEST_P(JoinerStreams, AShorterOneIsTheLast) {
  PacketSpec made = spec();
  made.payload = some_payload(2500);
  auto packets = plain_segments(made, GetParam().is_tcp, 1000);
  PacketSpec later = made;
  later.id = static_cast<std::uint16_t>(made.id + 3);
  later.sequence += 2500;
  for (PacketBytes& packet : plain_segments(later, GetParam().is_tcp, 1000)) packets.push_back(packet);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{3, 3}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST_P(JoinerStreams, ALargerOneBeginsAnother) {
  PacketSpec made = spec();
  made.payload = some_payload(1000);
  PacketSpec later = made;
  later.id = static_cast<std::uint16_t>(made.id + 1);
  later.sequence += 1000;
  later.payload = some_payload(1001);
  EXPECT_EQ(counts(join_all({make_packet(made, GetParam().is_tcp), make_packet(later, GetParam().is_tcp)})),
            (Counts{1, 1}));
}

TEST_P(JoinerStreams, AreBoundedInCount) {
  PacketSpec made = spec();
  made.payload = some_payload(300);
  const auto packets = plain_segments(made, GetParam().is_tcp, 1);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), GetParam().is_tcp ? (Counts{128, 128, 44}) : (Counts{64, 64, 64, 64, 44}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST_P(JoinerStreams, AreBoundedInBytes) {
  PacketSpec made = spec();
  made.payload = some_payload(60000);
  PacketSpec later = made;
  later.payload = some_payload(20000);
  later.sequence += 60000;
  later.id = static_cast<std::uint16_t>(made.id + 40);
  auto packets = plain_segments(made, GetParam().is_tcp, 1500);
  for (PacketBytes& packet : plain_segments(later, GetParam().is_tcp, 1500)) packets.push_back(packet);
  const auto all = join_all(packets);
  ASSERT_EQ(counts(all), (Counts{43, 11}));
  EXPECT_LE(all.front().bytes.size(), 65535U);
  EXPECT_EQ(cut_again(all), packets);
}

INSTANTIATE_TEST_SUITE_P(Rows, JoinerStreams,
                         testing::Values(StreamRow{"Tcp4", false, true}, StreamRow{"Tcp6", true, true},
                                         StreamRow{"Udp4", false, false}, StreamRow{"Udp6", true, false}),
                         [](const auto& row) { return std::string(row.param.name); });

struct OddRow {
  const char* name;
  bool is_ipv6;
  bool is_tcp;
  /// Makes the second of three packets in a row odd.
  void (*change)(PacketSpec& spec);
};
class JoinerOdd : public testing::TestWithParam<OddRow> {};

TEST_P(JoinerOdd, PassesAsItIsAndInOrder) {
  const OddRow& row = GetParam();
  PacketSpec spec = row.is_ipv6 ? ipv6_spec() : PacketSpec{};
  spec.payload = some_payload(300);
  std::vector<PacketBytes> packets;
  for (std::uint16_t i = 0; i < 3; ++i) {
    PacketSpec made = spec;
    made.id = static_cast<std::uint16_t>(made.id + i);
    made.sequence += 300U * i;
    if (i == 1) row.change(made);
    packets.push_back(make_packet(made, row.is_tcp));
  }
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, JoinerOdd,
    testing::Values(OddRow{"Id", false, true, [](PacketSpec& spec) { spec.id = 9; }},
                    OddRow{"UdpId", false, false, [](PacketSpec& spec) { --spec.id; }},
                    OddRow{"Ttl", false, true, [](PacketSpec& spec) { spec.hop_limit = 63; }},
                    OddRow{"TosOrEcn", false, true, [](PacketSpec& spec) { spec.traffic_class = 3; }},
                    OddRow{"MayBeFragmented", false, true, [](PacketSpec& spec) { spec.fragment = 0; }},
                    OddRow{"ReservedFlag", false, true, [](PacketSpec& spec) { spec.fragment = 0xc000; }},
                    OddRow{"Fragment", false, false, [](PacketSpec& spec) { spec.fragment = 100; }},
                    OddRow{"IpOptions", false, true,
                           [](PacketSpec& spec) {
                             spec.ip_options = {1, 1, 1, 1};
                           }},
                    OddRow{"HopLimit", true, true, [](PacketSpec& spec) { spec.hop_limit = 63; }},
                    OddRow{"FlowLabel", true, false, [](PacketSpec& spec) { spec.flow_label = 1; }},
                    OddRow{"Extension", true, true,
                           [](PacketSpec& spec) {
                             spec.first_extension = 60;
                             spec.extensions = {6, 0, 1, 4, 0, 0, 0, 0};
                           }},
                    OddRow{"SequenceBehindAGap", false, true, [](PacketSpec& spec) { ++spec.sequence; }},
                    OddRow{"SequenceAgain", false, true, [](PacketSpec& spec) { spec.sequence -= 300; }},
                    OddRow{"Acknowledgment", false, true, [](PacketSpec& spec) { ++spec.acknowledgment; }},
                    OddRow{"Window", false, true, [](PacketSpec& spec) { ++spec.window; }},
                    OddRow{"TcpOptions", false, true,
                           [](PacketSpec& spec) {
                             spec.tcp_options = {1, 1, 1, 1};
                           }},
                    OddRow{"Syn", false, true, [](PacketSpec& spec) { spec.flags |= 0x02; }},
                    OddRow{"Rst", false, true, [](PacketSpec& spec) { spec.flags |= 0x04; }},
                    OddRow{"Urg", false, true, [](PacketSpec& spec) { spec.flags |= 0x20; }},
                    OddRow{"NoAck", false, true, [](PacketSpec& spec) { spec.flags = 0x08; }},
                    OddRow{"Ece", false, true, [](PacketSpec& spec) { spec.flags |= 0x40; }},
                    OddRow{"NoPayload", false, true, [](PacketSpec& spec) { spec.payload.clear(); }},
                    OddRow{"UdpWithoutPayload", true, false, [](PacketSpec& spec) { spec.payload.clear(); }}),
    [](const auto& row) { return std::string(row.param.name); });

/// Three packets in a row.
std::vector<PacketBytes> three(bool is_tcp, PacketSpec spec = {}) {
  spec.payload = some_payload(900);
  return plain_segments(spec, is_tcp, 300);
}

TEST(Joiner, WhatIsOddAlikePassesAsItIs) {
  const std::vector<void (*)(PacketSpec&)> changes{[](PacketSpec& spec) { spec.flags = 0; },      // no ACK
                                                   [](PacketSpec& spec) { spec.flags |= 0x20; },  // URG
                                                   [](PacketSpec& spec) { spec.fragment = 0xc000; },
                                                   [](PacketSpec& spec) {
                                                     spec.ip_options = {1, 1, 1, 1};
                                                   },
                                                   [](PacketSpec& spec) {
                                                     spec = ipv6_spec(spec);
                                                     spec.first_extension = 60;
                                                     spec.extensions = {6, 0, 1, 4, 0, 0, 0, 0};
                                                   }};
  for (const auto change : changes) {
    PacketSpec spec;
    change(spec);
    const auto packets = three(true, spec);
    const auto all = join_all(packets);
    EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
    EXPECT_EQ(cut_again(all), packets);
  }
}

/// The slot of a flow in a Joiner with this seed.
std::size_t slot_of(const PacketBytes& bytes) {
  return flow_hash(parse_ip_packet(bytes).value(), 7) % kJoinSlots;
}

TEST(Joiner, FlowsThatShareASlotStayApart) {
  PacketSpec spec;
  spec.payload = some_payload(300);
  PacketSpec next = spec;
  ++next.id;
  next.sequence += 300;
  const PacketBytes first = make_tcp(spec);
  // Others whose packet would be the next, but for the flow that it is of.
  std::vector<std::string> sources;
  for (int i = 2; i < 250; ++i) sources.push_back("10.0.1." + std::to_string(i));
  std::vector<PacketBytes> others;
  for (const std::string& source : sources) {
    PacketSpec other = next;
    other.source = source;
    others.push_back(make_tcp(other));
    other = ipv6_spec(next);
    other.source_port = static_cast<std::uint16_t>(others.size());
    others.push_back(make_tcp(other));
  }
  for (std::uint16_t port = 1; port < 250; ++port) {
    PacketSpec other = next;
    other.destination_port = port;
    others.push_back(make_tcp(other));
    others.push_back(make_udp(other));
  }
  std::size_t shared = 0;
  for (const PacketBytes& other : others) {
    if (slot_of(other) != slot_of(first)) continue;
    ++shared;
    ASSERT_EQ(counts(join_all({first, other})), (Counts{1, 1}));
    ASSERT_EQ(counts(join_all({other, first})), (Counts{1, 1}));
  }
  EXPECT_GT(shared, 5U);
}

TEST(Joiner, CwrBeginsAnother) {
  auto packets = three(true);
  PacketSpec spec;
  spec.payload = some_payload(900);
  spec.sequence += 300;
  ++spec.id;
  spec.flags |= 0x80;
  spec.payload.resize(600);
  const auto marked = plain_segments(spec, true, 300);
  packets[1] = marked[0];
  packets[2] = marked[1];
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 2}));
  EXPECT_TRUE(all.back().header.has_ecn);
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, PushAndFinEndWhatTheyAreIn) {
  for (const std::uint8_t flag : {std::uint8_t{0x08}, std::uint8_t{0x01}}) {
    PacketSpec spec;
    spec.flags |= flag;
    auto packets = three(true, spec);
    PacketSpec later;
    later.sequence += 900;
    later.id = static_cast<std::uint16_t>(later.id + 3);
    for (PacketBytes& packet : three(true, later)) packets.push_back(packet);
    const auto all = join_all(packets);
    EXPECT_EQ(counts(all), (Counts{3, 3}));
    EXPECT_EQ(cut_again(all), packets);
  }
}

/// Three of which one has another byte: what is joined to what.
Counts with_byte(bool is_tcp, std::size_t which, std::size_t at, unsigned flip) {
  auto packets = three(is_tcp);
  packets[which][at] = static_cast<std::uint8_t>(packets[which][at] ^ flip);
  const auto all = join_all(packets);
  EXPECT_EQ(cut_again(all), packets);
  return counts(all);
}

TEST(Joiner, WrongChecksumsStayWrong) {
  for (const bool is_tcp : {true, false}) {
    const std::size_t transport = 20 + (is_tcp ? 16 : 6);
    for (const std::size_t at : {std::size_t{11}, transport, std::size_t{150}}) {
      EXPECT_EQ(with_byte(is_tcp, 0, at, 1), (Counts{1, 2})) << at;
      EXPECT_EQ(with_byte(is_tcp, 1, at, 1), (Counts{1, 1, 1})) << at;
      EXPECT_EQ(with_byte(is_tcp, 2, at, 1), (Counts{2, 1})) << at;
    }
  }
}

TEST(Joiner, ReservedBitsOfTcpPass) {
  auto packets = three(true);
  for (PacketBytes& packet : packets) {
    packet[32] |= 1;
    PacketBytes tcp(packet.begin() + 20, packet.end());
    complete(tcp, {}, 6);
    std::copy(tcp.begin(), tcp.end(), packet.begin() + 20);
  }
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, UrgentPointerPasses) {
  auto packets = three(true);
  for (PacketBytes& packet : packets) {
    packet[39] = 1;
    PacketBytes tcp(packet.begin() + 20, packet.end());
    complete(tcp, {}, 6);
    std::copy(tcp.begin(), tcp.end(), packet.begin() + 20);
  }
  EXPECT_EQ(counts(join_all(packets)), (Counts{1, 1, 1}));
}

TEST(Joiner, UdpWithoutAChecksumGetsNone) {
  auto packets = three(false);
  for (PacketBytes& packet : packets) set_number(packet, 26, 0, 2);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, UdpWhoseChecksumWouldBeZeroHasNoneEither) {
  auto packets = three(false);
  for (PacketBytes& packet : packets) {
    const std::uint32_t sum = number_at(packet, 100, 2) + number_at(packet, 26, 2);
    set_number(packet, 100, sum > 0xffff ? sum - 0xffff : sum, 2);
    set_number(packet, 26, 0xffff, 2);
  }
  EXPECT_EQ(counts(join_all(packets)), Counts{3});
  for (PacketBytes& packet : packets) set_number(packet, 26, 0, 2);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, UdpThatSaysAnotherLengthPasses) {
  auto packets = three(false);
  // The sum stays right: the pseudo header has the true length.
  for (PacketBytes& packet : packets) {
    set_number(packet, 24, 300, 2);
    PacketBytes udp(packet.begin() + 20, packet.end());
    complete(udp, {}, 17);
    std::copy(udp.begin(), udp.end(), packet.begin() + 20);
  }
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, AllOnesAsAChecksumAreNotZero) {
  // Payloads that make each checksum 0; all ones in its place verify as well, but are other bytes.
  auto packets = three(true);
  for (PacketBytes& packet : packets) {
    const std::uint32_t checksum = number_at(packet, 36, 2);
    // Of what is added to a word, the checksum loses as much.
    const std::uint32_t sum = number_at(packet, 100, 2) + checksum;
    set_number(packet, 100, sum > 0xffff ? sum - 0xffff : sum, 2);
    set_number(packet, 36, 0, 2);
  }
  EXPECT_EQ(counts(join_all(packets)), Counts{3});
  set_number(packets[1], 36, 0xffff, 2);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, AllOnesAsAChecksumOfIpv4AreNotZero) {
  // A destination with which the second header has the checksum 0.
  const PacketBytes second = three(true)[1];
  const std::uint32_t sum = number_at(second, 18, 2) + number_at(second, 10, 2);
  const std::uint32_t host = sum > 0xffff ? sum - 0xffff : sum;
  const std::string destination = "10.0." + std::to_string(host >> 8U) + "." + std::to_string(host & 0xffU);
  PacketSpec spec;
  spec.destination = destination;
  auto packets = three(true, spec);
  ASSERT_EQ(number_at(packets[1], 10, 2), 0U);
  EXPECT_EQ(counts(join_all(packets)), Counts{3});
  set_number(packets[1], 10, 0xffff, 2);
  const auto all = join_all(packets);
  EXPECT_EQ(counts(all), (Counts{1, 1, 1}));
  EXPECT_EQ(cut_again(all), packets);
}

TEST(Joiner, UdpStaysApartForADeviceWithoutUso) {
  EXPECT_EQ(counts(join_all(three(false), false)), (Counts{1, 1, 1}));
  EXPECT_EQ(counts(join_all(three(true), false)), Counts{3});
}

TEST(Joiner, FlowsThatTakeTurnsAreJoinedEach) {
  PacketSpec one;
  PacketSpec other = ipv6_spec();
  PacketSpec third;
  third.source_port = 1;
  std::vector<PacketBytes> packets;
  const auto first = three(true, one);
  const auto second = three(false, other);
  const auto last = three(true, third);
  for (std::size_t i = 0; i < 3; ++i) {
    packets.push_back(first[i]);
    packets.push_back(second[i]);
    packets.push_back(last[i]);
  }
  EXPECT_EQ(counts(join_all(packets)), (Counts{3, 3, 3}));
}

TEST(Joiner, NothingOvertakesWhatPassesBetween) {
  const auto stream = three(true);
  PacketSpec spec;
  spec.sequence += 600;
  const PacketBytes acknowledgment = make_tcp(spec);
  EXPECT_EQ(counts(join_all({stream[0], stream[1], acknowledgment, stream[2]})), (Counts{2, 1, 1}));
  // A fragment may be of any flow, and so may what can't be read.
  spec.fragment = 100;
  const PacketBytes fragment = make_ip(spec, 6, some_payload(10));
  EXPECT_EQ(counts(join_all({stream[0], stream[1], fragment, stream[2]})), (Counts{2, 1, 1}));
  EXPECT_EQ(counts(join_all({stream[0], stream[1], some_payload(10), stream[2]})), (Counts{2, 1, 1}));
  // A protocol without ports is another flow.
  EXPECT_EQ(counts(join_all({stream[0], stream[1], make_ip({}, 1, some_payload(10)), stream[2]})),
            (Counts{3, 1}));
}

TEST(Joiner, BatchesAreBoundedAndApart) {
  PacketSpec spec;
  spec.payload = some_payload(600);
  const auto packets = plain_segments(spec, true, 1);
  Joiner joiner(7, true);
  for (std::size_t i = 0; i < kMaxJoinBatch; ++i) {
    EXPECT_FALSE(joiner.is_full());
    joiner.add(packets[i]);
  }
  EXPECT_TRUE(joiner.is_full());
  EXPECT_EQ(counts(drain(joiner)), (Counts{128, 128, 128, 128}));
  EXPECT_FALSE(joiner.is_full());
  EXPECT_FALSE(joiner.next());
  joiner.add(packets[0]);
  EXPECT_EQ(counts(drain(joiner)), Counts{1});
  joiner.add(packets[1]);
  EXPECT_EQ(counts(drain(joiner)), Counts{1}) << "not joined to one of another batch";
}

TEST(Joiner, AllocatesNothing) {
  PacketSpec spec;
  spec.payload = some_payload(512);
  const auto packets = plain_segments(spec, true, 1);
  Joiner joiner(7, true);
  const std::uint64_t before = test::allocations();
  for (int round = 0; round < 2; ++round) {
    for (const PacketBytes& packet : packets) joiner.add(packet);
    while (joiner.next()) {
    }
  }
  EXPECT_EQ(test::allocations(), before);
}

/// A source of packets of one flow, most of them in a row.
class FlowSourceOfPackets {
 public:
  FlowSourceOfPackets(PacketSpec spec, bool is_tcp) : spec_(std::move(spec)), is_tcp_(is_tcp) {}

  PacketBytes make(Prng& random) {
    spec_.payload = some_payload(random.below(4) == 0 ? random.below(40) : 40, ++seed_);
    const PacketSpec usual = spec_;
    if (random.below(8) == 0) change(random);
    PacketBytes bytes = make_packet(spec_, is_tcp_);
    if (random.below(40) == 0)
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
    if (random.below(100) == 0) bytes.resize(random.below(bytes.size()));
    const std::uint32_t next = spec_.sequence + static_cast<std::uint32_t>(spec_.payload.size());
    spec_ = usual;
    spec_.sequence = next;
    ++spec_.id;
    return bytes;
  }

 private:
  void change(Prng& random) {
    switch (random.below(8)) {
      case 0:
        spec_.flags |= 0x08;
        break;
      case 1:
        spec_.flags |= 0x80;
        break;
      case 2:
        spec_.flags ^= static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 3:
        spec_.id = static_cast<std::uint16_t>(random.u64());
        break;
      case 4:
        spec_.traffic_class = 3;
        break;
      case 5:
        spec_.sequence += 5;
        break;
      case 6:
        spec_.fragment = static_cast<std::uint16_t>(random.below(3));
        break;
      default:
        spec_.payload.clear();
    }
  }

  PacketSpec spec_;
  bool is_tcp_;
  std::uint32_t seed_ = 0;
};

TEST(Joiner, WhatIsJoinedAndCutAgainIsWhatCameAndInOrder) {
  std::size_t joined = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng random(seed);
    std::vector<FlowSourceOfPackets> flows;
    for (std::uint16_t i = 0; i < 5; ++i) {
      PacketSpec spec = i % 2 == 0 ? PacketSpec{} : ipv6_spec();
      spec.source_port = static_cast<std::uint16_t>(100 + i);
      flows.emplace_back(spec, i < 3);
    }
    std::vector<PacketBytes> packets;
    std::size_t flow = 0;
    while (packets.size() < kMaxJoinBatch) {
      if (random.below(4) == 0) flow = random.below(flows.size());
      packets.push_back(flows[flow].make(random));
    }
    const auto all = join_all(packets);
    ASSERT_TRUE(by_flow(cut_again(all)) == by_flow(packets)) << "seed " << seed;
    joined += packets.size() - all.size();
  }
  // Otherwise it would hold of a joiner that joins nothing.
  EXPECT_GT(joined, 60 * kMaxJoinBatch / 4);
}

}  // namespace
}  // namespace mptunnel
