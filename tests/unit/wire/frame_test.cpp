#include "mptunnel/wire/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "mptunnel/wire/limits.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets encoded(const Frame& frame) {
  Octets bytes(2 * std::size_t{kMaxVarint});
  ByteWriter writer(bytes);
  encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

/// All frames up to the end or the first error, encoded again one after the other.
struct ReadAll {
  std::vector<Frame> frames;
  FrameError error;
};
ReadAll read_all(ConstBytes bytes) {
  ReadAll all{};
  FrameReader reader(bytes);
  while (auto frame = reader.next()) all.frames.push_back(*frame);
  all.error = reader.error();
  return all;
}

const Octets kPayload{'h', 'i'};

struct FrameRow {
  std::string name;
  Frame frame;
  Octets bytes;
};

/// Numbers whose bytes all differ.
PathReport report() {
  PathReport report{PathId{0x1f}, 0x80, 0x8182, 0x8384};
  std::uint32_t next = 0x01020304;
  for (std::uint32_t* field : {&report.sequence, &report.time, &report.echo, &report.held, &report.sent,
                               &report.received, &report.of, &report.first, &report.duplicates,
                               &report.jitter, &report.data_sealed, &report.data_opened, &report.data_of}) {
    *field = next;
    next += 0x04040404;
  }
  return report;
}
/// The same as bytes, behind the frame's type.
Octets report_bytes(std::uint8_t type) {
  Octets bytes{type, 0x1f, 0x80, 0x81, 0x82, 0x83, 0x84};
  for (std::uint8_t i = 1; i <= 52; ++i) bytes.push_back(i);
  return bytes;
}

const std::vector<InnerEntry> kWanted{
    {InnerKind::address, {Family::ipv4, 32, {10, 42, 42, 7}}, {}},
    {InnerKind::automatic, {Family::ipv6, 128, {}}, {}},
    {InnerKind::network, {Family::ipv4, 24, {192, 168, 7, 0}}, {}},
};
const Octets kWantedEntries{1, 4, 32, 10, 42, 42, 7, 2, 6, 128, 0, 0,  0,   0,   0, 0, 0,
                            0, 0, 0,  0,  0,  0,  0, 0, 0, 3,   4, 24, 192, 168, 7, 0};
const std::vector<InnerEntry> kGiven{
    {InnerKind::address, {Family::ipv4, 24, {10, 42, 42, 7}}, InnerVerdict::taken},
    {InnerKind::server, {Family::ipv6, 64, {0xfd, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, {}},
};
const Octets kGivenEntries{1, 4, 24, 10, 42, 42, 7, 1, 4, 6, 64, 0xfd, 0x42, 0,
                           0, 0, 0,  0,  0,  0,  0, 0, 0, 0, 0,  0,    1,    0};

Octets with_head(Octets head, const Octets& rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  return head;
}

/// Each kind of frame that has an end of its own, that is all but DATAGRAM, NUMBERED, FRAGMENT, REPAIR, IP
/// and IP_NUMBERED.
std::vector<FrameRow> rows() {
  ClientHelloFrame hello;
  for (std::size_t i = 0; i < hello.identity.size(); ++i)
    hello.identity[i] = static_cast<std::uint8_t>(0xa0 + i);
  hello.process = 0x0102030405060708;
  return {
      {"DATAGRAM_LEN", DatagramFrame{FlowId{5}, kPayload}, {2, 5, 2, 'h', 'i'}},
      {"DATAGRAM_LEN empty", DatagramFrame{FlowId{5}, {}}, {2, 5, 0}},
      {"DATAGRAM_LEN long flow", DatagramFrame{FlowId{64}, kPayload}, {2, 0x40, 0x40, 2, 'h', 'i'}},
      {"FLOW_OPEN",
       FlowOpenFrame{FlowId{63}, 0x1112131415161718},
       {3, 0x3f, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18}},
      {"FLOW_OPEN largest of two bytes",
       FlowOpenFrame{FlowId{16383}, 1},
       {3, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}},
      {"FLOW_OPEN smallest of four bytes",
       FlowOpenFrame{FlowId{16384}, 1},
       {3, 0x80, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
      {"FLOW_CLOSE largest", FlowCloseFrame{FlowId{262143}}, {5, 0x80, 0x03, 0xff, 0xff}},
      {"DATAGRAM_LEN wide flow",
       DatagramFrame{FlowId{70000}, kPayload},
       {2, 0x80, 1, 0x11, 0x70, 2, 'h', 'i'}},
      {"FLOW_OPENED", FlowOpenedFrame{FlowId{300}}, {4, 0x41, 0x2c}},
      {"FLOW_CLOSE", FlowCloseFrame{FlowId{0}}, {5, 0}},
      {"PING", PingFrame{report()}, report_bytes(6)},
      {"PONG", PongFrame{report()}, report_bytes(7)},
      {"CHALLENGE", ChallengeFrame{0xf1f2f3f4f5f6f7f8}, {8, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8}},
      {"ECHO", EchoFrame{0xf1f2f3f4f5f6f7f8}, {9, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8}},
      {"CLOSE", CloseFrame{CloseReason::no_room}, {10, 1}},
      {"CLOSE of a later version", CloseFrame{static_cast<CloseReason>(0xfe)}, {10, 0xfe}},
      {"CLIENT_HELLO", hello, {11,   0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab,
                               0xac, 0xad, 0xae, 0xaf, 1,    2,    3,    4,    5,    6,    7,    8}},
      {"SERVER_HELLO new", ServerHelloFrame{false}, {12, 0}},
      {"SERVER_HELLO resumed", ServerHelloFrame{true}, {12, 1}},
      {"MTU_PROBE", MtuProbeFrame{PathId{0x1f}, 0x0102}, {0x14, 0x1f, 1, 2}},
      {"HANDSHAKE", HandshakeFrame{kPayload}, {0x16, 2, 'h', 'i'}},
      {"NAME", NameFrame{PathId{3}, kPayload}, {0x17, 3, 2, 'h', 'i'}},
      {"NAME of nothing", NameFrame{kClientItself, {}}, {0x17, 0xff, 0}},
      {"SEEN_FROM",
       SeenFromFrame{PathId{3}, *parse_numeric_endpoint("203.0.113.7", 0x0fa0)},
       {0x18, 3, 4, 203, 0, 113, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xa0}},
      {"SEEN_FROM of IPv6",
       SeenFromFrame{PathId{3}, *parse_numeric_endpoint("2001:db8::9", 0x0fa0)},
       {0x18, 3, 6, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x0f, 0xa0}},
      {"MARK_PROBE", MarkProbeFrame{PathId{3}, 0x01020304}, {0x19, 3, 1, 2, 3, 4}},
      {"MARK_SEEN", MarkSeenFrame{PathId{3}, 0x01020304}, {0x1a, 3, 1, 2, 3, 4}},
      {"DELAY", DelayFrame{PathId{3}, 0x0102}, {0x1b, 3, 1, 2}},
      {"REPAIR_REPORT",
       RepairReportFrame{0x01020304, 5, 6, 7, 0xf0f1f2f3},
       {0x1c, 1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0xf0, 0xf1, 0xf2, 0xf3}},
      {"EPOCH_COUNTS",
       EpochCountsFrame{SessionIndex{0x010203}, 4, 0x05060708, 9},
       {0x1d, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 0, 0, 0, 9}},
      {"ADDRESSES_WANTED", AddressesWantedFrame{9, 3, kWantedEntries},
       with_head({0x1f, 9, 3}, kWantedEntries)},
      {"ADDRESSES_WANTED of nothing", AddressesWantedFrame{0xff, 0, {}}, {0x1f, 0xff, 0}},
      {"ADDRESSES_GIVEN", AddressesGivenFrame{9, 2, kGivenEntries}, with_head({0x20, 9, 2}, kGivenEntries)},
      {"ACK",
       AckFrame{PathId{3},
                0x01020304,
                5,
                0xf0f1f2f3,
                2,
                {AckSample{PacketType::data, PacketNumber{0x0a0b0c0d}, 0},
                 AckSample{PacketType::control, PacketNumber{7}, 0x01000002}}},
       {0x0e, 3,    1,    2, 3, 4, 0, 0, 0, 5, 0xf0, 0xf1, 0xf2, 0xf3, 2, 4, 0x0a,
        0x0b, 0x0c, 0x0d, 0, 0, 0, 0, 5, 0, 0, 0,    7,    1,    0,    0, 2}},
      {"ACK_WANTED", AckWantedFrame{0x0102, 0x0304}, {0x21, 1, 2, 3, 4}},
      {"MTU_SEEN", MtuSeenFrame{PathId{0xff}, 0xfffe}, {0x15, 0xff, 0xff, 0xfe}},
  };
}

TEST(Frame, HasTheLayoutOfTheProtocol) {
  for (const FrameRow& row : rows()) EXPECT_EQ(encoded(row.frame), row.bytes) << row.name;
}

TEST(Frame, IsReadAsItWasWritten) {
  for (const FrameRow& row : rows()) {
    SCOPED_TRACE(row.name);
    const ReadAll all = read_all(row.bytes);
    EXPECT_EQ(all.error, FrameError::none);
    ASSERT_EQ(all.frames.size(), 1U);
    EXPECT_EQ(all.frames.front().index(), row.frame.index());
    // The layout of what is written is known, so this compares every field.
    EXPECT_EQ(encoded(all.frames.front()), row.bytes);
  }
}

TEST(Frame, IsRefusedAsTruncatedFromEveryPrefix) {
  for (const FrameRow& row : rows()) {
    for (std::size_t size = 1; size < row.bytes.size(); ++size) {
      const ReadAll all = read_all(ConstBytes(row.bytes).first(size));
      EXPECT_TRUE(all.frames.empty()) << row.name << " " << size;
      EXPECT_EQ(all.error, FrameError::truncated) << row.name << " " << size;
    }
  }
}

TEST(Frame, AnnouncedSizesAreTheWrittenOnes) {
  for (const std::uint16_t flow :
       {std::uint16_t{0}, std::uint16_t{63}, std::uint16_t{64}, std::uint16_t{16383}}) {
    const FlowId id{flow};
    EXPECT_EQ(encoded(FlowOpenFrame{id, 7}).size(), 1 + varint_bytes(flow) + 8) << flow;
    Octets bytes(8);
    ByteWriter writer(bytes);
    encode_datagram_prefix(id, writer);
    EXPECT_EQ(writer.written(), datagram_prefix_bytes(id)) << flow;
  }
  EXPECT_EQ(datagram_prefix_bytes(FlowId{63}), 2U);
  EXPECT_EQ(datagram_prefix_bytes(FlowId{64}), 3U);
  EXPECT_EQ(encoded(FlowOpenFrame{FlowId{16383}, 7}).size(), 11U);
  EXPECT_EQ(encoded(PingFrame{report()}).size(), 1 + kReportBytes);
  EXPECT_EQ(encoded(PongFrame{report()}).size(), 1 + kReportBytes);
}

TEST(Frame, KnownFramesAreTheBitsOfTheTypes) {
  std::uint64_t types = 1;  // PADDING
  types |= frame_bit(FrameType::datagram) | frame_bit(FrameType::fragment) | frame_bit(FrameType::repair) |
           frame_bit(FrameType::numbered) | frame_bit(FrameType::ip) | frame_bit(FrameType::ip_numbered);
  for (const FrameRow& row : rows()) types |= std::uint64_t{1} << row.bytes.front();
  EXPECT_EQ(types, kKnownFrames);
}

TEST(DatagramFrame, TakesTheRestOfThePacket) {
  const Octets packet{5, 9, 1, 0x41, 0x2c, 0x00, 0x06, 0xff};
  FrameReader reader(packet);
  ASSERT_TRUE(std::holds_alternative<FlowCloseFrame>(*reader.next()));
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  const auto& datagram = std::get<DatagramFrame>(*frame);
  EXPECT_EQ(datagram.flow, FlowId{300});
  EXPECT_EQ(datagram.payload.data(), packet.data() + 5) << "a view into the packet";
  EXPECT_EQ(datagram.payload.size(), 3U);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::none);
}

TEST(DatagramFrame, CutShortHasAShorterPayloadOrIsRefused) {
  Octets packet(64 + 3, 'x');
  ByteWriter writer(packet);
  encode_datagram_prefix(FlowId{64}, writer);
  EXPECT_EQ(Octets(packet.begin(), packet.begin() + 3), (Octets{1, 0x40, 0x40}));
  for (std::size_t size = 0; size <= packet.size(); ++size) {
    SCOPED_TRACE(size);
    const ReadAll all = read_all(ConstBytes(packet).first(size));
    if (size < 3) {
      EXPECT_TRUE(all.frames.empty());
      EXPECT_EQ(all.error, size == 0 ? FrameError::none : FrameError::truncated);
    } else {
      ASSERT_EQ(all.frames.size(), 1U);
      EXPECT_EQ(std::get<DatagramFrame>(all.frames.front()).payload.size(), size - 3);
    }
  }
}

TEST(DatagramFrame, MayBeEmpty) {
  const ReadAll all = read_all(Octets{1, 0});
  ASSERT_EQ(all.frames.size(), 1U);
  EXPECT_TRUE(std::get<DatagramFrame>(all.frames.front()).payload.empty());
  EXPECT_EQ(all.error, FrameError::none);
}

TEST(DatagramFrame, OfALengthPastTheEndIsRefused) {
  for (const Octets& packet :
       {Octets{2, 0, 3, 'h', 'i'}, Octets{2, 0, 0x7f, 0xff, 'h', 'i'}, Octets{2, 0, 1}}) {
    const ReadAll all = read_all(packet);
    EXPECT_TRUE(all.frames.empty());
    EXPECT_EQ(all.error, FrameError::truncated);
  }
}

TEST(DatagramFrame, OfTheLongestLengthIsRead) {
  const Octets payload(kMaxVarint, 'y');
  const Octets bytes = encoded(DatagramFrame{FlowId{1}, payload});
  EXPECT_EQ(bytes.size(), 1U + 1 + 2 + kMaxVarint);
  const ReadAll all = read_all(bytes);
  ASSERT_EQ(all.frames.size(), 1U);
  EXPECT_EQ(std::get<DatagramFrame>(all.frames.front()).payload.size(), kMaxVarint);
}

const Octets kRepair{0x13, 1, 2, 3, 4, 5, 6, 7, 0, 1, 'x'};

TEST(RepairFrame, TakesTheRestOfThePacket) {
  const Octets symbol(kRepair.begin() + kRepairPrefixBytes, kRepair.end());
  EXPECT_EQ(encoded(RepairFrame{PacketNumber{0x01020304}, 5, 0x0607, symbol}), kRepair);
  FrameReader reader(kRepair);
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  const auto& repair = std::get<RepairFrame>(*frame);
  EXPECT_EQ(repair.symbol.data(), kRepair.data() + kRepairPrefixBytes) << "a view into the packet";
  EXPECT_EQ(repair.symbol.size(), 3U);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::none);
}

TEST(RepairFrame, CutShortIsRefusedOrHasAShorterSymbol) {
  for (std::size_t size = 1; size < kRepair.size(); ++size) {
    const ReadAll all = read_all(ConstBytes(kRepair).first(size));
    const FrameError expected = size < kRepairPrefixBytes                        ? FrameError::truncated
                                : size < kRepairPrefixBytes + kRepairLengthBytes ? FrameError::invalid
                                                                                 : FrameError::none;
    EXPECT_EQ(all.error, expected) << size;
  }
}

TEST(RepairFrame, OfNoPacketsOrOfNumbersThatNoKeySealsIsRefused) {
  const Octets symbol(2, 0);
  constexpr auto kLast = static_cast<std::uint32_t>(kRejectAfterPackets);
  const auto error_of = [&](std::uint32_t first, std::uint8_t count) {
    return read_all(encoded(RepairFrame{PacketNumber{first}, count, 0, symbol})).error;
  };
  EXPECT_EQ(error_of(0, 0), FrameError::invalid);
  EXPECT_EQ(error_of(0, 1), FrameError::none);
  EXPECT_EQ(error_of(kLast - 7, 7), FrameError::none);
  EXPECT_EQ(error_of(kLast - 7, 8), FrameError::invalid);
  EXPECT_EQ(error_of(0xffffffff, 1), FrameError::invalid);
}

TEST(AckFrame, OfNoOrTooManySamplesOrOfAPacketThatIsNotAckedIsRefused) {
  Octets ack(15 + 9 * (kMaxAckSamples + 1), 0);
  ack[0] = 0x0e;
  for (std::size_t at = 15; at < ack.size(); at += 9) ack[at] = static_cast<std::uint8_t>(PacketType::data);
  const auto error_of = [&](std::uint8_t count) {
    ack[14] = count;
    return read_all(ConstBytes(ack).first(std::min(ack.size(), std::size_t{15} + 9 * count))).error;
  };
  EXPECT_EQ(error_of(0), FrameError::invalid);
  EXPECT_EQ(error_of(1), FrameError::none);
  EXPECT_EQ(error_of(kMaxAckSamples), FrameError::none);
  EXPECT_EQ(error_of(kMaxAckSamples + 1), FrameError::invalid);
  EXPECT_EQ(error_of(0xff), FrameError::invalid);
  for (const PacketType type : {PacketType{}, PacketType::handshake1, PacketType::cookie, PacketType{6}}) {
    ack[15 + 9] = static_cast<std::uint8_t>(type);
    EXPECT_EQ(error_of(1), FrameError::none);
    EXPECT_EQ(error_of(2), FrameError::invalid);
  }
}

TEST(FrameReader, RefusesLengthsOfMoreThanTwoBytes) {
  for (const std::uint8_t first : {std::uint8_t{0x80}, std::uint8_t{0xc0}, std::uint8_t{0xff}})
    EXPECT_EQ(read_all(Octets{2, 0, first, 0, 0, 0, 0, 0, 0, 0}).error, FrameError::truncated);
}

TEST(FrameReader, RefusesFlowIdsOfEightBytes) {
  for (const std::uint8_t first : {std::uint8_t{0xc0}, std::uint8_t{0xff}}) {
    Octets packet(16, 0);
    for (const FrameType type : {FrameType::datagram, FrameType::datagram_len, FrameType::flow_open,
                                 FrameType::flow_opened, FrameType::flow_close, FrameType::numbered}) {
      packet[0] = static_cast<std::uint8_t>(type);
      packet[1] = first;
      const ReadAll all = read_all(packet);
      EXPECT_TRUE(all.frames.empty());
      EXPECT_EQ(all.error, FrameError::truncated) << static_cast<int>(packet[0]);
    }
  }
}

TEST(FrameReader, StopsAtAnUnknownFrame) {
  for (unsigned type = 0x11; type < 256; ++type) {
    if (type >= 0x13 && type <= 0x21) continue;
    Octets packet{5, 1, static_cast<std::uint8_t>(type), 5, 2};
    FrameReader reader(packet);
    EXPECT_TRUE(reader.next());
    EXPECT_EQ(reader.error(), FrameError::none);
    EXPECT_FALSE(reader.next()) << type;
    EXPECT_EQ(reader.error(), FrameError::unknown) << type;
    EXPECT_FALSE(reader.next()) << "and stays there";
    EXPECT_EQ(reader.error(), FrameError::unknown) << type;
  }
}

TEST(FrameReader, RefusesNamesThatAreTooLong) {
  Octets packet(300, 'a');
  for (unsigned length = 0; length < 256; ++length) {
    packet = Octets(3 + length, 'a');
    packet[0] = 0x17;
    packet[2] = static_cast<std::uint8_t>(length);
    const bool is_fine = length <= kMaxNameBytes;
    EXPECT_EQ(read_all(packet).error, is_fine ? FrameError::none : FrameError::invalid) << length;
  }
}

TEST(FrameReader, RefusesAddressesOfNoKnownFamily) {
  for (unsigned family = 0; family < 256; ++family) {
    Octets packet(21, 1);
    packet[0] = 0x18;
    packet[2] = static_cast<std::uint8_t>(family);
    const bool is_fine = family == 4 || family == 6;
    EXPECT_EQ(read_all(packet).error, is_fine ? FrameError::none : FrameError::invalid) << family;
  }
}

TEST(FrameReader, StaysAtATruncatedFrame) {
  // What is left behind the length that runs past the end looks like a frame, but is none.
  const Octets packet{2, 0, 9, 5, 1};
  FrameReader reader(packet);
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::truncated);
}

TEST(FrameReader, RefusesAnAnswerThatIsNeitherYesNorNo) {
  for (unsigned value = 2; value < 256; ++value) {
    const ReadAll all = read_all(Octets{12, static_cast<std::uint8_t>(value)});
    EXPECT_TRUE(all.frames.empty()) << value;
    EXPECT_EQ(all.error, FrameError::invalid) << value;
  }
}

TEST(FrameReader, SkipsPadding) {
  EXPECT_TRUE(read_all({}).frames.empty());
  const ReadAll only = read_all(Octets(1200, 0));
  EXPECT_TRUE(only.frames.empty());
  EXPECT_EQ(only.error, FrameError::none);

  const ReadAll around = read_all(Octets{0, 0, 5, 1, 0, 4, 2, 0, 0});
  EXPECT_EQ(around.error, FrameError::none);
  ASSERT_EQ(around.frames.size(), 2U);
  EXPECT_EQ(std::get<FlowCloseFrame>(around.frames[0]).flow, FlowId{1});
  EXPECT_EQ(std::get<FlowOpenedFrame>(around.frames[1]).flow, FlowId{2});
}

TEST(FrameReader, ReadsARowOfAllFramesAndEachPrefixOfIt) {
  Octets packet;
  std::vector<std::size_t> ends{0};
  for (const FrameRow& row : rows()) {
    packet.insert(packet.end(), row.bytes.begin(), row.bytes.end());
    ends.push_back(packet.size());
  }
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= packet.size(); ++size) {
    SCOPED_TRACE(size);
    if (whole + 1 < ends.size() && size >= ends[whole + 1]) ++whole;
    const ReadAll all = read_all(ConstBytes(packet).first(size));
    EXPECT_EQ(all.frames.size(), whole);
    EXPECT_EQ(all.error, size == ends[whole] ? FrameError::none : FrameError::truncated);
  }
  EXPECT_EQ(whole, rows().size());
}

TEST(FrameReader, ReadsRandomBytesWithoutHarm) {
  test::TestRandom random(20);
  std::array<int, 4> errors{};
  for (int round = 0; round < 50000; ++round) {
    Octets packet(random.below(80));
    random.fill(packet);
    // Mostly small numbers, as types are: else nearly all would be unknown at once.
    for (std::uint8_t& byte : packet) {
      if (random.below(3) != 0) byte %= 0x21;
    }
    const ReadAll all = read_all(packet);
    ++errors.at(static_cast<std::size_t>(all.error));
    for (const Frame& frame : all.frames) {
      const Octets bytes = encoded(frame);
      const ReadAll again = read_all(bytes);
      ASSERT_EQ(again.frames.size(), 1U);
      ASSERT_EQ(encoded(again.frames.front()), bytes);
    }
  }
  for (const int count : errors) EXPECT_GT(count, 0) << "each outcome is among them";
}

TEST(FrameDeathTest, APayloadThatNoLengthCanSayIsABug) {
  // The second size would be 5 in 16 bits.
  for (const std::size_t size : {std::size_t{kMaxVarint} + 1, std::size_t{65541}}) {
    const Octets payload(size);
    Octets bytes(2 * size);
    ByteWriter writer(bytes);
    EXPECT_DEATH(encode_frame(DatagramFrame{FlowId{1}, payload}, writer), "assertion") << size;
  }
  EXPECT_DEATH(encoded(FlowCloseFrame{FlowId{kMaxFlowId + 1}}), "assertion");
}

TEST(CloseReason, HasANameForPeople) {
  EXPECT_STREQ(name_of(CloseReason::shutdown), "the program ended");
  EXPECT_STREQ(name_of(CloseReason::no_room), "no room for another session");
  EXPECT_STREQ(name_of(CloseReason::key_withdrawn), "its key is not accepted any more");
  EXPECT_STREQ(name_of(CloseReason::key_sessions), "its key has as many sessions as it may");
  EXPECT_STREQ(name_of(CloseReason::key_addresses),
               "an address or network that it had is not for its key any more");
  EXPECT_STREQ(name_of(static_cast<CloseReason>(5)), "unknown reason");
}

TEST(FrameReader, RefusesAFlowIdPastTheLimit) {
  const Octets close{5, 0x80, 0x04, 0, 0};
  EXPECT_EQ(read_all(close).error, FrameError::invalid);
  const Octets datagram{1, 0x80, 0x04, 0, 0, 'x'};
  EXPECT_EQ(read_all(datagram).error, FrameError::invalid);
  EXPECT_FALSE(whole_datagram(datagram));
}

TEST(WholeDatagram, ReadsWhatFrameReaderReads) {
  const std::vector<std::vector<std::uint8_t>> rows{
      {0x01, 0x05, 'a', 'b'},
      {0x01, 0x40, 0x41, 'a'},
      {0x01, 0x3f},
      {0x01, 0x7f, 0xff},
      {0x01, 0x80, 0x03, 0xff, 0xff, 'a'},
  };
  for (std::vector<std::uint8_t> row : rows) {
    row[0] = static_cast<std::uint8_t>(FrameType::datagram);
    const auto whole = whole_datagram(row);
    FrameReader reader(row);
    const auto frame = reader.next();
    ASSERT_TRUE(whole && frame);
    EXPECT_EQ(whole->flow, std::get<DatagramFrame>(*frame).flow);
    EXPECT_EQ(whole->payload.data(), std::get<DatagramFrame>(*frame).payload.data());
    EXPECT_EQ(whole->payload.size(), std::get<DatagramFrame>(*frame).payload.size());
  }
}

TEST(WholeDatagram, LeavesEverythingElseToFrameReader) {
  for (int type = 0; type < 256; ++type) {
    if (type == static_cast<int>(FrameType::datagram) || type == static_cast<int>(FrameType::numbered))
      continue;
    const std::vector<std::uint8_t> frames{static_cast<std::uint8_t>(type), 1, 2, 3};
    EXPECT_FALSE(whole_datagram(frames)) << type;
  }
  const auto datagram = static_cast<std::uint8_t>(FrameType::datagram);
  EXPECT_FALSE(whole_datagram({}));
  EXPECT_FALSE(whole_datagram(std::vector<std::uint8_t>{datagram}));
  EXPECT_FALSE(whole_datagram(std::vector<std::uint8_t>{datagram, 0x40})) << "half a flow id";
  EXPECT_FALSE(whole_datagram(std::vector<std::uint8_t>{datagram, 0xc0, 0, 0, 1}))
      << "a form that is refused";
}

}  // namespace
}  // namespace mptunnel
