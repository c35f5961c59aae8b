// How long and how often one key may be used.

#include <gtest/gtest.h>

#include "epoch_support.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::EpochPair;
using test::kEpochStart;
using test::Kind;
using test::Packet;

/// A packet of the client with any number, sealed by hand.
Packet craft(PacketType type, std::uint32_t number, std::string_view payload = "x") {
  TrafficKeys keys = test::make_keys(Cipher::aes_256_gcm, Role::client);
  const Packet head = test::datagram_prefix();
  Packet packet(kHeaderBytes + head.size() + payload.size() + kTagBytes);
  encode_header({type, test::kServerIndex, PacketNumber{number}}, packet);
  Aead& key = type == PacketType::data ? *keys.data_seal : keys.control_seal;
  key.seal(packet_nonce(PacketNumber{number}), ConstBytes(packet).first(kHeaderBytes), head,
           bytes_of(payload), Bytes(packet).subspan(kHeaderBytes));
  return packet;
}

class KeyEpochLimits : public testing::Test {
 protected:
  EpochPair pair_{Cipher::aes_256_gcm};
};

TEST_F(KeyEpochLimits, SealsUntil180Seconds) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    EXPECT_TRUE(test::seal(pair_.client, kind, "x", kEpochStart + 180s - 1ns));
    EXPECT_EQ(test::seal(pair_.client, kind, "x", kEpochStart + 180s), tl::unexpected(Drop::key_expired));
  }
  EXPECT_TRUE(pair_.client.is_usable(kEpochStart + 180s - 1ns));
  EXPECT_FALSE(pair_.client.is_usable(kEpochStart + 180s));
}

TEST_F(KeyEpochLimits, OpensUntil180Seconds) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    const Packet in_time = *test::seal(pair_.client, kind, "x");
    const Packet late = *test::seal(pair_.client, kind, "x");
    EXPECT_TRUE(test::open(pair_.server, in_time, kEpochStart + 180s - 1ns));
    EXPECT_EQ(test::open(pair_.server, late, kEpochStart + 180s), tl::unexpected(Drop::key_expired));
  }
}

TEST_F(KeyEpochLimits, ClearPacketsEndAt180SecondsToo) {
  EpochPair clear(Cipher::none);
  const Packet packet = *test::seal(clear.client, Kind::data, "x");
  EXPECT_EQ(test::open(clear.server, packet, kEpochStart + 180s), tl::unexpected(Drop::key_expired));
  EXPECT_EQ(test::seal(clear.client, Kind::data, "x", kEpochStart + 180s), tl::unexpected(Drop::key_expired));
}

TEST_F(KeyEpochLimits, AsksForARekeyAt120Seconds) {
  EXPECT_EQ(pair_.client.rekey_time(), kEpochStart + 120s);
  EXPECT_FALSE(pair_.client.wants_rekey(kEpochStart + 120s - 1ns));
  EXPECT_TRUE(pair_.client.wants_rekey(kEpochStart + 120s));
}

TEST_F(KeyEpochLimits, SealsTheLastNumberAndNoMore) {
  constexpr std::uint32_t kLast = (std::uint32_t{1} << 31U) - 1;
  test::wear_out(pair_.client, kLast, 0);
  const auto last = test::seal(pair_.client, Kind::data, "last");
  ASSERT_TRUE(last);
  EXPECT_EQ(test::number_of(*last), kLast);
  EXPECT_FALSE(pair_.client.is_usable(kEpochStart));
  EXPECT_EQ(test::seal(pair_.client, Kind::data, "x"), tl::unexpected(Drop::number_limit));
  EXPECT_EQ(test::open(pair_.server, *last), test::frames_of("last"));
}

TEST_F(KeyEpochLimits, RefusedSealWritesNothing) {
  test::wear_out(pair_.client, std::uint32_t{1} << 31U, 0);
  Packet packet(pair_.client.data_overhead() + 1, 0xee);
  const std::array<std::uint8_t, 1> head{0};
  EXPECT_FALSE(pair_.client.seal_data(head, {}, packet, kEpochStart));
  EXPECT_EQ(packet, Packet(packet.size(), 0xee));
}

TEST_F(KeyEpochLimits, AsksForARekeyAtItsSealedPackets) {
  test::wear_out(pair_.client, (std::uint32_t{1} << 26U) - 1, 0);
  EXPECT_FALSE(pair_.client.wants_rekey(kEpochStart));
  ASSERT_TRUE(test::seal(pair_.client, Kind::data, "x"));
  EXPECT_TRUE(pair_.client.wants_rekey(kEpochStart));
  EXPECT_TRUE(pair_.client.is_usable(kEpochStart));
}

TEST_F(KeyEpochLimits, AsksForARekeyAtItsSealedBlocks) {
  // 27 bytes count as two blocks.
  test::wear_out(pair_.client, 0, (std::uint64_t{1} << 33U) - 2);
  EXPECT_FALSE(pair_.client.wants_rekey(kEpochStart));
  ASSERT_TRUE(test::seal(pair_.client, Kind::data, "x"));
  EXPECT_TRUE(pair_.client.wants_rekey(kEpochStart));
}

TEST_F(KeyEpochLimits, BlocksAreNeverCountedShort) {
  // 1024 bytes, of which 1,000 are encrypted, and a tag: at least 64 blocks.
  test::wear_out(pair_.client, 0, (std::uint64_t{1} << 33U) - 64);
  ASSERT_TRUE(test::seal(pair_.client, Kind::data, std::string(998, 'x')));
  EXPECT_TRUE(pair_.client.wants_rekey(kEpochStart));
}

TEST_F(KeyEpochLimits, SealsNoMoreAtItsLastBlock) {
  test::wear_out(pair_.client, 0, (std::uint64_t{1} << 35U) - 1);
  ASSERT_TRUE(test::seal(pair_.client, Kind::data, "x"));
  EXPECT_EQ(test::seal(pair_.client, Kind::data, "x"), tl::unexpected(Drop::number_limit));
  EXPECT_FALSE(pair_.client.is_usable(kEpochStart));
}

TEST_F(KeyEpochLimits, PretendingNeverGoesBack) {
  test::wear_out(pair_.client, 1000, 0);
  ASSERT_EQ(test::number_of(*test::seal(pair_.client, Kind::data, "x")), 1000U);
  test::wear_out(pair_.client, 5, 0);
  EXPECT_EQ(test::number_of(*test::seal(pair_.client, Kind::data, "x")), 1001U);
}

TEST_F(KeyEpochLimits, OpensTheLastNumberAndNoMore) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    EXPECT_TRUE(test::open(pair_.server, craft(type, (std::uint32_t{1} << 31U) - 1)));
    EXPECT_EQ(test::open(pair_.server, craft(type, std::uint32_t{1} << 31U)),
              tl::unexpected(Drop::number_limit));
    EXPECT_EQ(test::open(pair_.server, craft(type, 0xffffffff)), tl::unexpected(Drop::number_limit));
  }
}

TEST_F(KeyEpochLimits, NumbersOfThePeerAskForARekey) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    EpochPair pair(Cipher::aes_256_gcm);
    ASSERT_TRUE(test::open(pair.server, craft(type, (std::uint32_t{1} << 26U) - 2)));
    EXPECT_FALSE(pair.server.wants_rekey(kEpochStart));
    ASSERT_TRUE(test::open(pair.server, craft(type, (std::uint32_t{1} << 26U) - 1)));
    EXPECT_TRUE(pair.server.wants_rekey(kEpochStart));
  }
}

TEST_F(KeyEpochLimits, ForgedNumberAsksForNothing) {
  Packet forged = craft(PacketType::data, (std::uint32_t{1} << 31U) - 1);
  forged.back() ^= 1U;
  EXPECT_EQ(test::open(pair_.server, forged), tl::unexpected(Drop::open_failed));
  EXPECT_FALSE(pair_.server.wants_rekey(kEpochStart));
}

TEST_F(KeyEpochLimits, WhatThePeerAnnouncesAsksForARekey) {
  pair_.client.announce_data((std::uint32_t{1} << 26U) - 1);
  EXPECT_FALSE(pair_.client.wants_rekey(kEpochStart));
  pair_.client.announce_data(std::uint32_t{1} << 26U);
  EXPECT_TRUE(pair_.client.wants_rekey(kEpochStart));
}

TEST_F(KeyEpochLimits, CountsWhatTheQuotaOfNumbersClosesEarly) {
  const auto arrives = [&](PacketType type, std::uint32_t block) {
    const Packet packet = craft(type, block * ReceivedSet::kBlockNumbers);
    ASSERT_TRUE(test::open(pair_.server, packet)) << block;
  };
  constexpr std::uint32_t kBlocks = kReceivedSetNumbers / ReceivedSet::kBlockNumbers;
  for (std::uint32_t block = 0; block < kBlocks; ++block) arrives(PacketType::data, block);
  EXPECT_EQ(pair_.server.forced_closings(), 0U);
  EXPECT_EQ(pair_.server.data_received().missing(), 0U);
  arrives(PacketType::data, kBlocks);
  EXPECT_EQ(pair_.server.forced_closings(), 1U);
  EXPECT_EQ(pair_.server.data_received().missing(), ReceivedSet::kBlockNumbers - 1);
  for (std::uint32_t block = 0; block <= kBlocks; ++block) arrives(PacketType::control, block);
  EXPECT_EQ(pair_.server.forced_closings(), 2U);
}

}  // namespace
}  // namespace mptunnel
