// FRAGMENT: the one frame whose fields must fit each other.

#include <gtest/gtest.h>

#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

FragmentFrame fragment(std::uint32_t total, std::uint32_t offset, ConstBytes bytes) {
  return {PacketType::data, PacketNumber{0x01020304}, total, offset, bytes};
}
Octets encoded_fragment(const FragmentFrame& frame) {
  Octets bytes(kFragmentPrefixBytes + frame.bytes.size());
  ByteWriter writer(bytes);
  encode_frame(frame, writer);
  EXPECT_EQ(writer.written(), bytes.size());
  return bytes;
}
/// The only frame of a packet, or the error.
tl::expected<FragmentFrame, FrameError> read(ConstBytes packet) {
  FrameReader reader(packet);
  const auto frame = reader.next();
  EXPECT_FALSE(reader.next());
  if (!frame) return tl::unexpected(reader.error());
  return std::get<FragmentFrame>(*frame);
}

TEST(FragmentFrame, HasTheLayoutOfTheProtocol) {
  const Octets part{'a', 'b', 'c'};
  FragmentFrame frame = fragment(0x9192, 0x0102, part);
  const Octets expected{
      0x0d, static_cast<std::uint8_t>(PacketType::data), 1, 2, 3, 4, 0, 0, 0x91, 0x92, 0, 0, 1, 2, 'a', 'b',
      'c'};
  EXPECT_EQ(encoded_fragment(frame), expected);
  frame.type = PacketType::control;
  EXPECT_EQ(encoded_fragment(frame)[1], static_cast<std::uint8_t>(PacketType::control));
  Octets prefix(kFragmentPrefixBytes);
  ByteWriter writer(prefix);
  encode_fragment_prefix(fragment(0x9192, 0x0102, {}), writer);
  EXPECT_EQ(prefix, Octets(expected.begin(), expected.begin() + kFragmentPrefixBytes));
}

TEST(FragmentFrame, IsReadAsItWasWrittenAndTakesTheRestOfThePacket) {
  const Octets part{0, 5, 1, 0};
  const Octets packet = encoded_fragment(fragment(100, 96, part));
  const auto frame = read(packet);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, PacketType::data);
  EXPECT_EQ(frame->number, PacketNumber{0x01020304});
  EXPECT_EQ(frame->total, 100U);
  EXPECT_EQ(frame->offset, 96U);
  EXPECT_EQ(frame->bytes.data(), packet.data() + kFragmentPrefixBytes) << "a view into the packet";
  EXPECT_EQ(frame->bytes.size(), part.size());
}

TEST(FragmentFrame, StandsBehindOthers) {
  const Octets part{7};
  Octets packet{5, 1, 0, 0};
  const Octets frame = encoded_fragment(fragment(1, 0, part));
  packet.insert(packet.end(), frame.begin(), frame.end());
  FrameReader reader(packet);
  ASSERT_TRUE(std::holds_alternative<FlowCloseFrame>(*reader.next()));
  ASSERT_TRUE(std::holds_alternative<FragmentFrame>(*reader.next()));
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::none);
}

TEST(FragmentFrame, CutShortIsTruncatedInItsPrefixAndEmptyBehindIt) {
  const Octets part(20, 'x');
  const Octets packet = encoded_fragment(fragment(20, 0, part));
  for (std::size_t size = 1; size < packet.size(); ++size) {
    const auto frame = read(ConstBytes(packet).first(size));
    if (size < kFragmentPrefixBytes) {
      EXPECT_EQ(frame.error(), FrameError::truncated) << size;
    } else if (size == kFragmentPrefixBytes) {
      EXPECT_EQ(frame.error(), FrameError::invalid);
    } else {
      ASSERT_TRUE(frame) << size;
      EXPECT_EQ(frame->bytes.size(), size - kFragmentPrefixBytes);
    }
  }
}

TEST(FragmentFrame, ThatCanBePartOfNoPacketIsRefused) {
  struct Row {
    const char* name;
    std::uint32_t total;
    std::uint32_t offset;
    std::size_t bytes;
    bool possible;
  };
  constexpr auto kMost = static_cast<std::uint32_t>(kMaxSealedBytes - kHeaderBytes);
  for (const Row& row : {Row{"whole", 10, 0, 10, true}, Row{"last byte", 10, 9, 1, true},
                         Row{"nothing", 0, 0, 1, false}, Row{"one too many", 10, 0, 11, false},
                         Row{"past the end", 10, 9, 2, false}, Row{"at the end", 10, 10, 1, false},
                         Row{"behind it", 10, 11, 1, false}, Row{"sum that wraps", 10, 0xffffffff, 2, false},
                         Row{"largest", kMost, kMost - 1, 1, true}, Row{"too large", kMost + 1, 0, 1, false},
                         Row{"far too large", 0xffffffff, 0, 1, false}, Row{"no bytes", 10, 0, 0, false}}) {
    const Octets part(row.bytes, 'x');
    const auto frame = read(encoded_fragment(fragment(row.total, row.offset, part)));
    EXPECT_EQ(frame.has_value(), row.possible) << row.name;
    if (!frame) {
      EXPECT_EQ(frame.error(), FrameError::invalid) << row.name;
    }
  }
}

TEST(FragmentFrame, OfAnyOtherPacketTypeIsRefused) {
  const Octets part{1};
  Octets packet = encoded_fragment(fragment(1, 0, part));
  for (unsigned type = 0; type < 256; ++type) {
    packet[1] = static_cast<std::uint8_t>(type);
    const bool known =
        type == static_cast<unsigned>(PacketType::data) || type == static_cast<unsigned>(PacketType::control);
    EXPECT_EQ(read(packet).has_value(), known) << type;
  }
}

}  // namespace
}  // namespace mptunnel
