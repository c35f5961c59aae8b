// NUMBERED: a datagram with its number in its flow, to the end of the packet.
#include <gtest/gtest.h>

#include <vector>

#include "mptunnel/wire/frame.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

/// Nothing if FrameReader finds no datagram, or anything behind it, or an error.
std::optional<DatagramFrame> read_datagram(ConstBytes frames, FrameError* error = nullptr) {
  FrameReader reader(frames);
  const auto frame = reader.next();
  const bool is_alone = !reader.next();
  if (error != nullptr) *error = reader.error();
  if (!frame || !is_alone || !std::holds_alternative<DatagramFrame>(*frame)) return std::nullopt;
  return std::get<DatagramFrame>(*frame);
}
void expect_same(const std::optional<DatagramFrame>& one, const std::optional<DatagramFrame>& other) {
  ASSERT_EQ(one.has_value(), other.has_value());
  if (!one) return;
  EXPECT_EQ(one->flow, other->flow);
  EXPECT_EQ(one->number, other->number);
  EXPECT_EQ(one->payload.data(), other->payload.data());
  EXPECT_EQ(one->payload.size(), other->payload.size());
}
Octets numbered(FlowId flow, std::uint16_t number, const Octets& payload) {
  Octets bytes(8);
  ByteWriter writer(bytes);
  encode_numbered_prefix(flow, number, writer);
  bytes.resize(writer.written());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

struct NumberedRow {
  FlowId flow;
  std::uint16_t number;
  Octets bytes;
};
const std::vector<NumberedRow> kNumberedRows{
    {FlowId{5}, 0x0102, {0x1e, 5, 1, 2, 'h', 'i'}},
    {FlowId{63}, 0, {0x1e, 0x3f, 0, 0, 'h', 'i'}},
    {FlowId{64}, 0xffff, {0x1e, 0x40, 0x40, 0xff, 0xff, 'h', 'i'}},
    {FlowId{16383}, 0xfffe, {0x1e, 0x7f, 0xff, 0xff, 0xfe, 'h', 'i'}},
    {FlowId{16384}, 0x8000, {0x1e, 0x80, 0, 0x40, 0, 0x80, 0, 'h', 'i'}},
    {FlowId{kMaxFlowId}, 7, {0x1e, 0x80, 3, 0xff, 0xff, 0, 7, 'h', 'i'}},
};

TEST(NumberedFrame, HasTheLayoutOfTheProtocol) {
  for (const NumberedRow& row : kNumberedRows) {
    EXPECT_EQ(numbered(row.flow, row.number, {'h', 'i'}), row.bytes) << row.flow.value;
    EXPECT_EQ(numbered(row.flow, row.number, {}).size(), datagram_prefix_bytes(row.flow) + kNumberBytes);
  }
}

TEST(NumberedFrame, IsReadAsItWasWrittenAndIsAView) {
  for (const NumberedRow& row : kNumberedRows) {
    const auto datagram = read_datagram(row.bytes);
    ASSERT_TRUE(datagram) << row.flow.value;
    EXPECT_EQ(datagram->flow, row.flow);
    EXPECT_EQ(datagram->number, row.number);
    EXPECT_EQ(datagram->payload.data(), row.bytes.data() + row.bytes.size() - 2);
    EXPECT_EQ(datagram->payload.size(), 2U);
  }
}

TEST(NumberedFrame, CutShortIsRefusedOrHasAShorterPayload) {
  for (const NumberedRow& row : kNumberedRows) {
    const std::size_t prefix = row.bytes.size() - 2;
    for (std::size_t size = 1; size <= row.bytes.size(); ++size) {
      SCOPED_TRACE(size);
      const ConstBytes part = ConstBytes(row.bytes).first(size);
      FrameError error{};
      const auto datagram = read_datagram(part, &error);
      EXPECT_EQ(error, size < prefix ? FrameError::truncated : FrameError::none);
      ASSERT_EQ(datagram.has_value(), size >= prefix);
      if (datagram) {
        EXPECT_EQ(datagram->payload.size(), size - prefix);
      }
      expect_same(whole_datagram(part), datagram);
    }
  }
}

TEST(NumberedFrame, OfAFlowPastTheLimitIsRefused) {
  const Octets past{0x1e, 0x80, 4, 0, 0, 0, 1, 'x'};
  FrameError error{};
  EXPECT_FALSE(read_datagram(past, &error));
  EXPECT_EQ(error, FrameError::invalid);
  EXPECT_FALSE(whole_datagram(past));
  const Octets eight_bytes{0x1e, 0xc0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'x'};
  EXPECT_FALSE(read_datagram(eight_bytes, &error));
  EXPECT_EQ(error, FrameError::truncated);
  EXPECT_FALSE(whole_datagram(eight_bytes));
}

TEST(NumberedFrame, IsReadBehindOtherFrames) {
  const Octets packet{5, 9, 0, 0x1e, 5, 1, 2, 'x', 0x1e};
  FrameReader reader(packet);
  ASSERT_TRUE(std::holds_alternative<FlowCloseFrame>(*reader.next()));
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(std::get<DatagramFrame>(*frame).number, std::optional<std::uint16_t>{0x0102});
  EXPECT_EQ(std::get<DatagramFrame>(*frame).payload.size(), 2U);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::none);
}

TEST(NumberedFrame, OnlyItHasANumber) {
  EXPECT_EQ(read_datagram(Octets{1, 5, 1, 2})->number, std::nullopt);
  EXPECT_EQ(read_datagram(Octets{2, 5, 2, 1, 2})->number, std::nullopt);
  EXPECT_EQ(whole_datagram(Octets{1, 5, 1, 2})->number, std::nullopt);
  Octets bytes(8);
  ByteWriter writer(bytes);
  encode_frame(DatagramFrame{FlowId{5}, {}, 7}, writer);
  bytes.resize(writer.written());
  EXPECT_EQ(bytes, (Octets{0x1e, 5, 0, 7}));
}

TEST(WholeDatagram, AgreesWithFrameReaderWhateverComes) {
  test::TestRandom random(30);
  int found = 0;
  for (int round = 0; round < 100'000; ++round) {
    Octets packet(random.below(12));
    random.fill(packet);
    if (!packet.empty()) packet[0] = random.below(2) == 0 ? 0x1e : 0x01;
    const auto whole = whole_datagram(packet);
    expect_same(whole, read_datagram(packet));
    if (whole) ++found;
  }
  EXPECT_GT(found, 10'000);
  EXPECT_LT(found, 90'000);
}

}  // namespace
}  // namespace mptunnel
