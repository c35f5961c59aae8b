// The clear mode: DATA is not sealed, and its check covers number, flow and length, but not the payload.

#include <gtest/gtest.h>

#include <random>

#include "epoch_support.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::EpochPair;
using test::kEpochStart;
using test::Kind;
using test::Packet;

constexpr std::uint32_t kReach = std::uint32_t{1} << 20U;

/// A clear packet of the client with this number; higher ones only, on each client.
Packet clear_packet(KeyEpoch& client, std::uint32_t number, FlowId flow = FlowId{5},
                    std::string_view payload = "payload") {
  test::wear_out(client, number, 0);
  const Packet packet = *test::seal(client, Kind::data, test::datagram_prefix(flow), bytes_of(payload));
  EXPECT_EQ(test::number_of(packet), number);
  return packet;
}

class KeyEpochClear : public testing::Test {
 protected:
  EpochPair pair_{Cipher::none};
};

TEST_F(KeyEpochClear, RoundTripsBothWaysIn16BytesMore) {
  for (const std::string payload : {"", "x", "some payload"}) {
    const Packet there = *test::seal(pair_.client, Kind::data, payload);
    EXPECT_EQ(there.size(), 16 + 2 + payload.size());
    EXPECT_EQ(test::open(pair_.server, there), test::frames_of(payload));
    EXPECT_EQ(test::open(pair_.client, *test::seal(pair_.server, Kind::data, payload)),
              test::frames_of(payload));
  }
}

TEST_F(KeyEpochClear, CopyIsDropped) {
  const Packet packet = *test::seal(pair_.client, Kind::data, "x");
  ASSERT_TRUE(test::open(pair_.server, packet));
  EXPECT_EQ(test::open(pair_.server, packet), tl::unexpected(Drop::copy));
}

class KeyEpochClearFlow : public testing::TestWithParam<std::uint16_t> {};

TEST_P(KeyEpochClearFlow, EveryFlippedBitBeforeThePayloadIsRefused) {
  // A payload of zeros could pass for the end of a longer flow id.
  for (const std::string& payload :
       {std::string(), std::string("x"), std::string(3, '\0'), std::string("some payload")}) {
    EpochPair pair(Cipher::none);
    const FlowId flow{GetParam()};
    const Packet genuine = clear_packet(pair.client, 77, flow, payload);
    const std::size_t covered = 16 + datagram_prefix_bytes(flow);
    for (std::size_t bit = 0; bit < covered * 8; ++bit) {
      Packet altered = genuine;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      EXPECT_FALSE(test::open(pair.server, altered)) << "bit " << bit << " of byte " << bit / 8;
    }
    EXPECT_EQ(pair.server.data_received().received(), 0U);
    EXPECT_EQ(test::open(pair.server, genuine), test::frames_of(payload, flow));
  }
}

TEST_P(KeyEpochClearFlow, EveryOtherLengthIsRefused) {
  EpochPair pair(Cipher::none);
  const FlowId flow{GetParam()};
  const Packet genuine = clear_packet(pair.client, 77, flow, "payload");
  for (std::size_t size = 0; size < genuine.size(); ++size) {
    const auto opened =
        test::open(pair.server, Packet(genuine.begin(), genuine.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error(), size < 16 ? Drop::truncated : Drop::clear_check) << size;
  }
  Packet longer = genuine;
  longer.push_back('s');
  EXPECT_EQ(test::open(pair.server, longer), tl::unexpected(Drop::clear_check));
  EXPECT_EQ(test::open(pair.server, genuine), test::frames_of("payload", flow));
}

INSTANTIATE_TEST_SUITE_P(Flows, KeyEpochClearFlow,
                         testing::Values(0, 1, 5, 63, 64, 65, 4095, 16383, 16384, 262143),
                         testing::PrintToStringParamName());

TEST_F(KeyEpochClear, FlippedPayloadPasses) {
  // Documented: in this mode nobody vouches for the payload.
  Packet packet = clear_packet(pair_.client, 3);
  packet.back() ^= 1U;
  EXPECT_EQ(test::open(pair_.server, packet), test::frames_of("payloae"));
}

TEST_F(KeyEpochClear, GuessedChecksAreRefused) {
  std::mt19937_64 engine(1);
  Packet packet = clear_packet(pair_.client, 3);
  for (int i = 0; i < 100'000; ++i) {
    for (std::size_t byte = 8; byte < 16; ++byte) packet[byte] = static_cast<std::uint8_t>(engine());
    ASSERT_EQ(test::open(pair_.server, packet), tl::unexpected(Drop::clear_check));
  }
}

TEST_F(KeyEpochClear, KeyIsThatOfItsHandshakeAndDirection) {
  const Packet packet = clear_packet(pair_.client, 3);
  KeyEpoch other(test::kServerIndex, test::kClientIndex,
                 derive_traffic_keys(test::make_split(2), kProtocolVersion, Cipher::none, Role::server),
                 kKnownFrames, kEpochStart);
  EXPECT_EQ(test::open(other, packet), tl::unexpected(Drop::clear_check));
  Packet reflected = packet;
  EXPECT_FALSE(pair_.client.open_data(*decode_header(reflected), reflected, kEpochStart));
}

TEST_F(KeyEpochClear, CheckOfOneNumberDoesNotFitAnother) {
  const Packet first = clear_packet(pair_.client, 10);
  Packet second = clear_packet(pair_.client, 11);
  std::copy(first.begin() + 8, first.begin() + 16, second.begin() + 8);
  EXPECT_EQ(test::open(pair_.server, second), tl::unexpected(Drop::clear_check));
}

TEST_F(KeyEpochClear, OneSeenPacketForgesNoOther) {
  // Were the check a sum of a token and of what depends on number and flow alone, whoever sees one packet
  // could work out the token, and use up each number before its owner does.
  const auto mix = [](std::uint64_t value) {
    value = (value ^ value >> 30U) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27U) * 0x94d049bb133111ebU;
    return value ^ value >> 31U;
  };
  const auto word_at = [](const Packet& packet, std::size_t at) {
    return *ByteReader(ConstBytes(packet).subspan(at)).u64();
  };
  const Packet seen = clear_packet(pair_.client, 10);
  Packet forged = clear_packet(pair_.client, 11);
  ByteWriter(Bytes(forged).subspan(8))
      .u64(word_at(seen, 8) ^ mix(word_at(seen, 0)) ^ mix(word_at(forged, 0)));
  EXPECT_EQ(test::open(pair_.server, forged), tl::unexpected(Drop::clear_check));
}

TEST_F(KeyEpochClear, CheckIsTheDocumentedOne) {
  const Packet packet = clear_packet(pair_.client, 10, FlowId{300}, "payload");
  std::array<std::uint8_t, 17> covered{};
  ByteWriter writer(covered);
  writer.bytes(ConstBytes(packet).first(kHeaderBytes));
  writer.u8(0x01);
  writer.u32(300);
  writer.u32(static_cast<std::uint32_t>(packet.size()));
  const TrafficKeys keys =
      derive_traffic_keys(test::make_split(1), kProtocolVersion, Cipher::none, Role::client);
  EXPECT_EQ(*ByteReader(ConstBytes(packet).subspan(8)).u64(), siphash(keys.clear_send, covered));
}

struct ReachRow {
  const char* name;
  std::uint32_t announced;
  std::uint32_t number;
  bool believed;
};
class KeyEpochClearReach : public testing::TestWithParam<ReachRow> {};

TEST_P(KeyEpochClearReach, IsOfTheLastAnnouncedNumber) {
  const ReachRow& row = GetParam();
  EpochPair pair(Cipher::none);
  pair.server.announce_data(row.announced);
  const auto opened = test::open(pair.server, clear_packet(pair.client, row.number));
  EXPECT_EQ(opened.has_value(), row.believed);
  if (!opened) {
    EXPECT_EQ(opened.error(), Drop::clear_reach);
  }
}
INSTANTIATE_TEST_SUITE_P(Numbers, KeyEpochClearReach,
                         testing::Values(ReachRow{"FirstOfAll", 0, 0, true},
                                         ReachRow{"AheadOfNothing", 0, kReach, true},
                                         ReachRow{"TooFarAheadOfNothing", 0, kReach + 1, false},
                                         ReachRow{"Ahead", 5'000'000, 5'000'000 + kReach, true},
                                         ReachRow{"TooFarAhead", 5'000'000, 5'000'001 + kReach, false},
                                         ReachRow{"Behind", 5'000'000, 5'000'000 - kReach, true},
                                         ReachRow{"TooFarBehind", 5'000'000, 4'999'999 - kReach, false},
                                         ReachRow{"LastOfAKey", 2'147'483'000, 2'147'483'647, true}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(KeyEpochClear, AnnouncementNeverGoesBack) {
  pair_.server.announce_data(5'000'000);
  pair_.server.announce_data(10);
  EXPECT_EQ(test::open(pair_.server, clear_packet(pair_.client, 100)), tl::unexpected(Drop::clear_reach));
  EXPECT_TRUE(test::open(pair_.server, clear_packet(pair_.client, 5'000'000)));
}

TEST_F(KeyEpochClear, NumberPastTheLastOfAKeyIsNotBelieved) {
  pair_.server.announce_data(0xffffffff);
  Packet packet = clear_packet(pair_.client, 0);
  packet[4] = packet[5] = packet[6] = 0xff;
  EXPECT_EQ(test::open(pair_.server, packet), tl::unexpected(Drop::clear_reach));
}

TEST_F(KeyEpochClear, ReceivedClearPacketsAreNoUsageOfTheKey) {
  constexpr std::uint32_t kRekey = std::uint32_t{1} << 26U;
  pair_.server.announce_data(kRekey - 1);
  ASSERT_TRUE(test::open(pair_.server, clear_packet(pair_.client, kRekey + 1000)));
  EXPECT_FALSE(pair_.server.wants_rekey(kEpochStart));
  EXPECT_TRUE(pair_.server.is_usable(kEpochStart));
  // Nor do they move the reach.
  EXPECT_EQ(test::open(pair_.server, clear_packet(pair_.client, kRekey + 1000 + kReach)),
            tl::unexpected(Drop::clear_reach));
  // What a sealed packet announces does both.
  pair_.server.announce_data(kRekey + 1000);
  EXPECT_TRUE(pair_.server.wants_rekey(kEpochStart));
}

TEST_F(KeyEpochClear, ControlIsSealedStill) {
  const Packet packet = *test::seal(pair_.client, Kind::control, "secret of control");
  const std::string bytes(packet.begin(), packet.end());
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  EXPECT_EQ(packet.size(), 8 + 2 + 17 + 16U);
}

}  // namespace
}  // namespace mptunnel
