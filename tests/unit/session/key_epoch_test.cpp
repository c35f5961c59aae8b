#include "mptunnel/session/key_epoch.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "epoch_support.h"

namespace mptunnel {
namespace {

using test::EpochPair;
using test::Kind;
using test::Packet;

/// The epochs that seal a kind of packet: DATA of the clear mode has tests of its own.
struct SealRow {
  const char* name;
  Cipher cipher;
  Kind kind;
};
class KeyEpochSeal : public testing::TestWithParam<SealRow> {
 protected:
  [[nodiscard]] tl::expected<Packet, Drop> seal(KeyEpoch& epoch, std::string_view payload) const {
    return test::seal(epoch, GetParam().kind, payload);
  }
  EpochPair pair_{GetParam().cipher};
};
INSTANTIATE_TEST_SUITE_P(Kinds, KeyEpochSeal,
                         testing::Values(SealRow{"AesData", Cipher::aes_256_gcm, Kind::data},
                                         SealRow{"AesControl", Cipher::aes_256_gcm, Kind::control},
                                         SealRow{"ChaChaData", Cipher::chacha20_poly1305, Kind::data},
                                         SealRow{"ChaChaControl", Cipher::chacha20_poly1305, Kind::control},
                                         SealRow{"ClearControl", Cipher::none, Kind::control}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(KeyEpochSeal, RoundTripsBothWays) {
  for (const std::string payload : {"", "a", "0123456789abcdef", "seventeen bytes.."}) {
    const auto there = seal(pair_.client, payload);
    ASSERT_TRUE(there);
    EXPECT_EQ(there->size(), 8 + 2 + payload.size() + 16);
    EXPECT_EQ(test::open(pair_.server, *there), test::frames_of(payload));
    const auto back = seal(pair_.server, payload);
    ASSERT_TRUE(back);
    EXPECT_EQ(test::open(pair_.client, *back), test::frames_of(payload));
  }
}

TEST_P(KeyEpochSeal, RoundTripsTheLargestPacket) {
  const std::string payload(kMaxPacketBytes - 26, 'x');
  const auto packet = seal(pair_.client, payload);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->size(), kMaxPacketBytes);
  EXPECT_EQ(test::open(pair_.server, *packet), test::frames_of(payload));
}

TEST_P(KeyEpochSeal, HeaderNamesThePeersIndexAndCountsFromZero) {
  for (std::uint32_t number = 0; number < 5; ++number) {
    const auto packet = seal(pair_.client, "x");
    ASSERT_TRUE(packet);
    const auto header = decode_header(*packet);
    EXPECT_EQ(header->type, GetParam().kind == Kind::data ? PacketType::data : PacketType::control);
    EXPECT_EQ(header->index, test::kServerIndex);
    EXPECT_EQ(header->number.value, number);
  }
}

TEST_P(KeyEpochSeal, PayloadIsNotReadable) {
  const std::string payload = "the quick brown fox jumps over the lazy dog";
  const auto packet = seal(pair_.client, payload);
  const std::string bytes(packet->begin(), packet->end());
  EXPECT_EQ(bytes.find("quick"), std::string::npos);
  // The same datagram once more is other bytes.
  const auto again = seal(pair_.client, payload);
  EXPECT_NE(Packet(packet->begin() + 8, packet->end()), Packet(again->begin() + 8, again->end()));
}

TEST_P(KeyEpochSeal, CopyIsNotDecrypted) {
  const auto packet = seal(pair_.client, "once");
  ASSERT_TRUE(test::open(pair_.server, *packet));
  // Decryption works in place: bytes that are still sealed afterwards were not touched.
  Packet copy = *packet;
  EXPECT_EQ(test::open_in_place(pair_.server, copy), tl::unexpected(Drop::copy));
  EXPECT_EQ(copy, *packet);
  // Not even a forged one is looked at.
  copy.back() ^= 1U;
  EXPECT_EQ(test::open(pair_.server, copy), tl::unexpected(Drop::copy));
}

TEST_P(KeyEpochSeal, OpensInAnyOrder) {
  std::vector<Packet> packets;
  for (int i = 0; i < 1500; ++i) packets.push_back(*seal(pair_.client, std::to_string(i)));
  for (std::size_t i = packets.size(); i > 0; --i) {
    ASSERT_EQ(test::open(pair_.server, packets[i - 1]), test::frames_of(std::to_string(i - 1)));
  }
  for (const Packet& packet : packets) {
    ASSERT_EQ(test::open(pair_.server, packet), tl::unexpected(Drop::copy));
  }
}

TEST_P(KeyEpochSeal, EveryFlippedBitIsRefusedAndChangesNothing) {
  const auto genuine = seal(pair_.client, "a payload of some bytes");
  for (std::size_t bit = 0; bit < genuine->size() * 8; ++bit) {
    Packet altered = *genuine;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(test::open(pair_.server, altered)) << "bit " << bit;
  }
  EXPECT_EQ(pair_.server.data_received().received(), 0U);
  EXPECT_EQ(pair_.server.data_received().blocks(), 0U);
  EXPECT_FALSE(pair_.server.wants_rekey(test::kEpochStart));
  EXPECT_EQ(test::open(pair_.server, *genuine), test::frames_of("a payload of some bytes"));
}

TEST_P(KeyEpochSeal, TagCoversTheIndex) {
  // The index is looked up before anything is opened; the tag refuses it as well.
  auto packet = seal(pair_.client, "payload");
  (*packet)[3] ^= 1U;
  PacketHeader header = *decode_header(*packet);
  const auto opened = GetParam().kind == Kind::data
                          ? pair_.server.open_data(header, *packet, test::kEpochStart)
                          : pair_.server.open_control(header, *packet, test::kEpochStart);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Drop::open_failed);
}

TEST_P(KeyEpochSeal, EveryTruncationIsRefusedAndChangesNothing) {
  const auto genuine = seal(pair_.client, "a payload of some bytes");
  for (std::size_t size = 0; size < genuine->size(); ++size) {
    const auto opened = test::open(
        pair_.server, Packet(genuine->begin(), genuine->begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error(), size < 24 ? Drop::truncated : Drop::open_failed) << size;
  }
  Packet longer = *genuine;
  longer.push_back(0);
  EXPECT_EQ(test::open(pair_.server, longer), tl::unexpected(Drop::open_failed));
  EXPECT_TRUE(test::open(pair_.server, *genuine));
}

TEST_P(KeyEpochSeal, PacketSentBackIsNoPacketOfThePeer) {
  const auto packet = seal(pair_.client, "payload");
  PacketHeader header = *decode_header(*packet);
  Packet reflected = *packet;
  const auto opened = GetParam().kind == Kind::data
                          ? pair_.client.open_data(header, reflected, test::kEpochStart)
                          : pair_.client.open_control(header, reflected, test::kEpochStart);
  EXPECT_FALSE(opened);
}

TEST_P(KeyEpochSeal, KeyOfAnotherHandshakeOpensNothing) {
  KeyEpoch other(test::kServerIndex, test::kClientIndex,
                 derive_traffic_keys(test::make_split(2), kProtocolVersion, GetParam().cipher, Role::server),
                 kKnownFrames, test::kEpochStart);
  EXPECT_EQ(test::open(other, *seal(pair_.client, "x")), tl::unexpected(Drop::open_failed));
}

TEST(KeyEpoch, DataIsNoControlAndControlNoData) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    EpochPair pair(cipher);
    for (const Kind kind : {Kind::data, Kind::control}) {
      auto packet = test::seal(pair.client, kind, "payload");
      (*packet)[0] = static_cast<std::uint8_t>(kind == Kind::data ? PacketType::control : PacketType::data);
      EXPECT_EQ(test::open(pair.server, *packet), tl::unexpected(Drop::open_failed));
    }
  }
}

TEST(KeyEpoch, TypesHaveNumbersOfTheirOwn) {
  EpochPair pair(Cipher::aes_256_gcm);
  EXPECT_EQ(test::number_of(*test::seal(pair.client, Kind::data, "x")), 0U);
  EXPECT_EQ(test::number_of(*test::seal(pair.client, Kind::control, "x")), 0U);
  EXPECT_EQ(test::number_of(*test::seal(pair.client, Kind::data, "x")), 1U);
  EXPECT_EQ(pair.client.data_sealed(), 2U);
}

TEST(KeyEpoch, NeverRepeatsANonce) {
  EpochPair pair(Cipher::chacha20_poly1305);
  for (const Kind kind : {Kind::data, Kind::control}) {
    std::set<std::uint32_t> numbers;
    for (int i = 0; i < 50'000; ++i) {
      // A seal that is refused, and one whose packet is thrown away, must not hand a number out again.
      if (i % 100 == 0) {
        ASSERT_FALSE(test::seal(pair.client, kind, "late", test::kEpochStart + kRejectAfter));
      }
      ASSERT_TRUE(numbers.insert(test::number_of(*test::seal(pair.client, kind, "x"))).second);
    }
    EXPECT_EQ(*numbers.rbegin(), 49'999U);
  }
}

TEST(KeyEpoch, GenuineCopyIsToldFromAForgedOne) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305, Cipher::none}) {
    EpochPair pair(cipher);
    const Packet packet = *test::seal(pair.client, Kind::data, "payload");
    const PacketHeader header = *decode_header(packet);
    Packet copy = packet;
    EXPECT_TRUE(pair.server.verifies(header, copy)) << name_of(cipher);
    copy = packet;
    copy[cipher == Cipher::none ? 9 : packet.size() - 1] ^= 1U;
    EXPECT_FALSE(pair.server.verifies(header, copy)) << name_of(cipher);
    for (std::size_t size = 8; size < 16; ++size) {
      copy.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(pair.server.verifies(header, copy)) << size;
    }
    EXPECT_EQ(pair.server.data_received().received(), 0U);
  }
}

TEST(KeyEpoch, OnlyNumbersAboveAllThatCameAreNews) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    EpochPair pair(Cipher::aes_256_gcm);
    const Packet first = *test::seal(pair.client, kind, "x");
    const Packet second = *test::seal(pair.client, kind, "x");
    const Packet third = *test::seal(pair.client, kind, "x");
    EXPECT_TRUE(pair.server.is_news(*decode_header(first)));
    ASSERT_TRUE(test::open(pair.server, second));
    // Held back on its way, or a copy: either says nothing about now.
    EXPECT_FALSE(pair.server.is_news(*decode_header(first)));
    EXPECT_FALSE(pair.server.is_news(*decode_header(second)));
    EXPECT_TRUE(pair.server.is_news(*decode_header(third)));
  }
}

TEST(KeyEpoch, AnnouncedDataIsNoNewsAnyMore) {
  EpochPair pair(Cipher::aes_256_gcm);
  const Packet first = *test::seal(pair.client, Kind::data, "x");
  const Packet second = *test::seal(pair.client, Kind::data, "x");
  pair.server.announce_data(1);
  EXPECT_FALSE(pair.server.is_news(*decode_header(first)));
  EXPECT_TRUE(pair.server.is_news(*decode_header(second)));
}

TEST(KeyEpoch, KnowsWhichFramesThePeerAnnounced) {
  const KeyEpoch epoch(test::kClientIndex, test::kServerIndex,
                       test::make_keys(Cipher::aes_256_gcm, Role::client), 0b1010, test::kEpochStart);
  EXPECT_TRUE(epoch.peer_knows(FrameType{1}));
  EXPECT_FALSE(epoch.peer_knows(FrameType{2}));
  EXPECT_TRUE(epoch.peer_knows(FrameType{3}));
  EXPECT_FALSE(epoch.peer_knows(FrameType{63}));
}

TEST(KeyEpoch, AgeGivesUpWhatLiesBehindInBothSets) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    EpochPair pair(Cipher::aes_256_gcm);
    const Packet first = *test::seal(pair.client, kind, "x");
    const Packet late = *test::seal(pair.client, kind, "late");
    const Packet too_late = *test::seal(pair.client, kind, "too late");
    Packet last;
    for (int i = 0; i < 512; ++i) last = *test::seal(pair.client, kind, "x");
    ASSERT_TRUE(test::open(pair.server, first));
    ASSERT_TRUE(test::open(pair.server, last));
    pair.server.age(test::kEpochStart + kReorderAge - 1ns);
    EXPECT_TRUE(test::open(pair.server, late));
    pair.server.age(test::kEpochStart + kReorderAge);
    EXPECT_EQ(test::open(pair.server, too_late), tl::unexpected(Drop::copy));
  }
}

}  // namespace
}  // namespace mptunnel
