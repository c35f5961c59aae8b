// The frames of TUN devices: inner packets, and who has which address.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "mptunnel/wire/frame.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

/// Nothing if FrameReader finds no inner packet, or anything behind it, or an error.
std::optional<IpFrame> read_packet(ConstBytes frames, FrameError* error = nullptr) {
  FrameReader reader(frames);
  const auto frame = reader.next();
  const bool is_alone = !reader.next();
  if (error != nullptr) *error = reader.error();
  if (!frame || !is_alone || !std::holds_alternative<IpFrame>(*frame)) return std::nullopt;
  return std::get<IpFrame>(*frame);
}
void expect_same(const std::optional<IpFrame>& one, const std::optional<IpFrame>& other) {
  ASSERT_EQ(one.has_value(), other.has_value());
  if (!one) return;
  EXPECT_EQ(one->number, other->number);
  EXPECT_EQ(one->packet.data(), other->packet.data());
  EXPECT_EQ(one->packet.size(), other->packet.size());
}
Octets written(const Frame& frame) {
  Octets bytes(600);
  ByteWriter writer(bytes);
  encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

const Octets kPacket{0x45, 'i', 'p'};
const Octets kPlain{0x0f, 0x45, 'i', 'p'};
const Octets kNumbered{0x10, 0x81, 2, 0xff, 0xfe, 0x45, 'i', 'p'};

TEST(IpFrame, HasTheLayoutOfTheProtocol) {
  EXPECT_EQ(written(IpFrame{kPacket}), kPlain);
  EXPECT_EQ(written(IpFrame{kPacket, InnerNumber{0x8102, 0xfffe}}), kNumbered);
  EXPECT_EQ(written(IpFrame{}).size(), kIpPrefixBytes);
  EXPECT_EQ(written(IpFrame{{}, InnerNumber{}}).size(), kIpPrefixBytes + kInnerNumberBytes);
}

TEST(IpFrame, IsReadAsItWasWrittenAndIsAView) {
  const auto plain = read_packet(kPlain);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->number, std::nullopt);
  EXPECT_EQ(plain->packet.data(), kPlain.data() + 1);
  EXPECT_EQ(plain->packet.size(), 3U);
  const auto numbered = read_packet(kNumbered);
  ASSERT_TRUE(numbered);
  EXPECT_EQ(numbered->number, (InnerNumber{0x8102, 0xfffe}));
  EXPECT_EQ(numbered->packet.data(), kNumbered.data() + 5);
  EXPECT_EQ(numbered->packet.size(), 3U);
}

TEST(IpFrame, CutShortIsRefusedOrHasAShorterPacket) {
  for (const Octets& bytes : {kPlain, kNumbered}) {
    const std::size_t prefix = bytes.size() - kPacket.size();
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
      SCOPED_TRACE(size);
      const ConstBytes part = ConstBytes(bytes).first(size);
      FrameError error{};
      const auto ip = read_packet(part, &error);
      EXPECT_EQ(error, size < prefix ? FrameError::truncated : FrameError::none);
      ASSERT_EQ(ip.has_value(), size >= prefix);
      if (ip) {
        EXPECT_EQ(ip->packet.size(), size - prefix);
      }
      expect_same(whole_ip(part), ip);
    }
  }
}

TEST(WholeIp, AgreesWithFrameReaderWhateverComes) {
  test::TestRandom random(31);
  int found = 0;
  for (int round = 0; round < 100'000; ++round) {
    Octets packet(random.below(12));
    random.fill(packet);
    if (!packet.empty()) packet[0] = random.below(2) == 0 ? 0x0f : 0x10;
    const auto whole = whole_ip(packet);
    expect_same(whole, read_packet(packet));
    if (whole) ++found;
  }
  EXPECT_GT(found, 10'000);
  EXPECT_LT(found, 90'000);
}

TEST(WholeIp, LeavesEverythingElseToFrameReader) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool is_ip = type == 0x0f || type == 0x10;
    EXPECT_EQ(whole_ip(Octets{static_cast<std::uint8_t>(type), 1, 2, 3, 4}).has_value(), is_ip) << type;
  }
  EXPECT_FALSE(whole_ip({}));
}

/// One entry, whose bytes are the arguments, in a frame of this type.
FrameError error_of(std::uint8_t type, const Octets& entry) {
  Octets packet{type, 7, 1};
  packet.insert(packet.end(), entry.begin(), entry.end());
  FrameReader reader(packet);
  while (reader.next()) {
  }
  return reader.error();
}

TEST(InnerEntries, OfNoKnownKindFamilyOrLengthAreRefused) {
  for (unsigned value = 0; value < 256; ++value) {
    const auto byte = static_cast<std::uint8_t>(value);
    const Octets of_kind{byte, 4, 24, 10, 0, 0, 0};
    Octets with_verdict = of_kind;
    with_verdict.push_back(0);
    const bool is_wanted = value >= 1 && value <= 3;
    EXPECT_EQ(error_of(0x1f, of_kind), is_wanted ? FrameError::none : FrameError::invalid) << value;
    EXPECT_EQ(error_of(0x20, with_verdict), is_wanted || value == 4 ? FrameError::none : FrameError::invalid)
        << value;
    Octets of_family{1, byte, 24};
    of_family.resize(3 + (value == 6 ? 16U : 4U));
    EXPECT_EQ(error_of(0x1f, of_family), value == 4 || value == 6 ? FrameError::none : FrameError::invalid)
        << value;
    EXPECT_EQ(error_of(0x1f, {1, 4, byte, 10, 0, 0, 0}), value <= 32 ? FrameError::none : FrameError::invalid)
        << value;
    Octets of_length{1, 6, byte};
    of_length.resize(3 + 16);
    EXPECT_EQ(error_of(0x1f, of_length), value <= 128 ? FrameError::none : FrameError::invalid) << value;
  }
}

TEST(InnerEntries, AreAsManyAsTheLimitSays) {
  for (const bool is_answer : {false, true}) {
    const std::size_t most = is_answer ? kMaxInnerEntries : kMaxInnerWanted;
    for (unsigned count = 0; count < 256; ++count) {
      Octets packet{static_cast<std::uint8_t>(is_answer ? 0x20 : 0x1f), 7, static_cast<std::uint8_t>(count)};
      for (unsigned i = 0; i < count; ++i) {
        packet.insert(packet.end(), {2, 4, 24, 10, 0, 0, static_cast<std::uint8_t>(i)});
        if (is_answer) packet.push_back(static_cast<std::uint8_t>(i % 5));
      }
      FrameReader reader(packet);
      const auto frame = reader.next();
      EXPECT_EQ(frame.has_value(), count <= most) << count;
      EXPECT_EQ(reader.error(), count <= most ? FrameError::none : FrameError::invalid) << count;
    }
  }
}

TEST(InnerEntries, AreReadAsTheyWereWritten) {
  test::TestRandom random(32);
  for (int round = 0; round < 2'000; ++round) {
    const bool is_answer = random.below(2) == 0;
    std::vector<InnerEntry> entries(random.below((is_answer ? kMaxInnerEntries : kMaxInnerWanted) + 1));
    for (InnerEntry& entry : entries) {
      entry.kind = static_cast<InnerKind>(1 + random.below(is_answer ? 4 : 3));
      const bool is_ipv4 = random.below(2) == 0;
      entry.prefix.family = is_ipv4 ? Family::ipv4 : Family::ipv6;
      entry.prefix.length = static_cast<std::uint8_t>(random.below(is_ipv4 ? 33 : 129));
      random.fill(Bytes(entry.prefix.octets).first(is_ipv4 ? 4 : 16));
      if (is_answer) entry.verdict = static_cast<InnerVerdict>(random.below(5));
    }
    const Octets bytes = inner_entry_bytes(entries, is_answer);
    const auto count = static_cast<std::uint8_t>(entries.size());
    const Octets packet = is_answer ? written(AddressesGivenFrame{3, count, bytes})
                                    : written(AddressesWantedFrame{3, count, bytes});
    FrameReader reader(packet);
    const auto frame = reader.next();
    ASSERT_TRUE(frame);
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.error(), FrameError::none);
    if (is_answer) {
      EXPECT_EQ(std::get<AddressesGivenFrame>(*frame).sequence, 3);
      EXPECT_EQ(entries_of(std::get<AddressesGivenFrame>(*frame)), entries);
    } else {
      EXPECT_EQ(std::get<AddressesWantedFrame>(*frame).sequence, 3);
      EXPECT_EQ(entries_of(std::get<AddressesWantedFrame>(*frame)), entries);
    }
  }
}

TEST(InnerVerdict, HasANameForPeople) {
  EXPECT_STREQ(name_of(InnerVerdict::given), "given");
  EXPECT_STREQ(name_of(InnerVerdict::taken), "taken by another client");
  EXPECT_STREQ(name_of(InnerVerdict::not_allowed), "not allowed");
  EXPECT_STREQ(name_of(InnerVerdict::no_room), "no address is left");
  EXPECT_STREQ(name_of(InnerVerdict::no_device), "mpserver has no device for it");
  EXPECT_STREQ(name_of(static_cast<InnerVerdict>(5)), "refused");
}

}  // namespace
}  // namespace mptunnel
