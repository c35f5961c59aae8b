#include "mptunnel/wire/handshake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "mptunnel/wire/frame.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

HandshakePrefix numbered_prefix() {
  HandshakePrefix prefix;
  prefix.type = PacketType::handshake1;
  prefix.index = SessionIndex{0x0a0b0c};
  std::iota(prefix.salt.begin(), prefix.salt.end(), std::uint8_t{0x10});
  std::iota(prefix.key_name.begin(), prefix.key_name.end(), std::uint8_t{0x20});
  std::iota(prefix.cookie.begin(), prefix.cookie.end(), std::uint8_t{0x30});
  return prefix;
}

const Octets kPrefixBytes{0x01, 0x0a, 0x0b, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                          0x16, 0x17, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x30, 0x31, 0x32, 0x33,
                          0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f};

/// A prefix, a mac, and nothing in between.
Octets shortest() {
  Octets bytes = kPrefixBytes;
  bytes.resize(bytes.size() + kHandshakeMacBytes);
  return bytes;
}

Octets octets(ConstBytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(HandshakePrefix, HasTheFrozenLayout) {
  EXPECT_EQ(octets(encode_handshake_prefix(numbered_prefix())), kPrefixBytes);
}

TEST(HandshakePrefix, IsReadAsItWasWritten) {
  EXPECT_EQ(decode_handshake_prefix(shortest()), numbered_prefix());
  EXPECT_TRUE(noise_message_in(shortest()).empty());
  Octets message2 = shortest();
  message2.front() = 2;
  message2.insert(message2.begin() + 40, {0xee, 0xef});
  EXPECT_EQ(octets(noise_message_in(message2)), (Octets{0xee, 0xef}));
  HandshakePrefix wanted = numbered_prefix();
  wanted.type = PacketType::handshake2;
  EXPECT_EQ(decode_handshake_prefix(message2), wanted);
}

TEST(HandshakePrefix, IsNotReadFromAnyPrefixOfItself) {
  const Octets bytes = shortest();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_handshake_prefix(ConstBytes(bytes).first(size))) << size;
  }
}

TEST(HandshakePrefix, IsReadForTheHandshakeTypesOnly) {
  Octets bytes = shortest();
  for (unsigned type = 0; type < 256; ++type) {
    bytes.front() = static_cast<std::uint8_t>(type);
    EXPECT_EQ(decode_handshake_prefix(bytes).has_value(), type >= 1 && type <= 3) << type;
  }
}

TEST(HandshakePrefix, IsRefusedWhereAZeroBitIsSet) {
  for (std::size_t bit = 0; bit < 32; ++bit) {
    Octets bytes = shortest();
    bytes[4 + bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(decode_handshake_prefix(bytes)) << bit;
  }
}

TEST(HandshakePrologue, IsThePrefixWithTheCookieZeroed) {
  Octets wanted = kPrefixBytes;
  std::fill(wanted.begin() + 24, wanted.end(), std::uint8_t{0});
  EXPECT_EQ(octets(handshake_prologue(numbered_prefix())), wanted);
}

HandshakePayload client_payload() {
  HandshakePayload payload;
  payload.versions = {2, 1};
  payload.ciphers = {Cipher::aes_256_gcm, Cipher::chacha20_poly1305, Cipher::none};
  payload.frames = 0x0102030405060708;
  return payload;
}

const Octets kClientBytes{1, 0, 2, 2, 1, 2, 0, 3, 1, 2, 0, 3, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};

HandshakePayload server_payload() {
  HandshakePayload payload;
  payload.versions = {1};
  payload.ciphers = {Cipher::chacha20_poly1305};
  payload.frames = kKnownFrames;
  payload.server_index = SessionIndex{0xfedcba};
  payload.refusal = Refusal::no_room;
  return payload;
}

const Octets kServerBytes{1,    0,    1,    1,    2, 0, 1, 2,    3,    0,    8, 0, 0, 0, 3,
                          0xff, 0xf9, 0xff, 0xff, 4, 0, 3, 0xfe, 0xdc, 0xba, 5, 0, 1, 3};

void expect_equal(const HandshakePayload& one, const HandshakePayload& other) {
  EXPECT_EQ(one.versions, other.versions);
  EXPECT_EQ(one.ciphers, other.ciphers);
  EXPECT_EQ(one.frames, other.frames);
  EXPECT_EQ(one.server_index, other.server_index);
  EXPECT_EQ(one.refusal, other.refusal);
}

TEST(HandshakePayload, HasTheLayoutOfTheProtocol) {
  EXPECT_EQ(encode_handshake_payload(client_payload()), kClientBytes);
  EXPECT_EQ(encode_handshake_payload(server_payload()), kServerBytes);
  EXPECT_EQ(encode_handshake_payload({}), (Octets{1, 0, 0, 2, 0, 0, 3, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(HandshakePayload, IsReadAsItWasWritten) {
  for (const HandshakePayload& payload : {client_payload(), server_payload(), HandshakePayload{}}) {
    const auto decoded = decode_handshake_payload(encode_handshake_payload(payload));
    ASSERT_TRUE(decoded);
    expect_equal(*decoded, payload);
  }
}

TEST(HandshakePayload, IsFilledUpToTheSizeAskedForWithAPaddingField) {
  const std::size_t size = kClientBytes.size();
  for (std::size_t at_least = 0; at_least <= size + 300; ++at_least) {
    const Octets bytes = encode_handshake_payload(client_payload(), at_least);
    // Less room than the 3 bytes of an empty field stays unused.
    ASSERT_EQ(bytes.size(), at_least >= size + 3 ? at_least : size) << at_least;
    const auto decoded = decode_handshake_payload(bytes);
    ASSERT_TRUE(decoded) << at_least;
    expect_equal(*decoded, client_payload());
  }
  const Octets padded = encode_handshake_payload(client_payload(), size + 5);
  EXPECT_EQ(Octets(padded.end() - 5, padded.end()), (Octets{0, 0, 2, 0, 0}));
}

TEST(HandshakePayload, EndsAtAFieldOrIsRefused) {
  const Octets bytes = encode_handshake_payload(server_payload(), kServerBytes.size() + 10);
  const std::array<std::size_t, 7> ends{0, 4, 8, 19, 25, 29, bytes.size()};
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const bool is_end = std::find(ends.begin(), ends.end(), size) != ends.end();
    EXPECT_EQ(decode_handshake_payload(ConstBytes(bytes).first(size)).has_value(), is_end) << size;
  }
}

TEST(HandshakePayload, WithNothingInItIsTheDefault) {
  const auto decoded = decode_handshake_payload({});
  ASSERT_TRUE(decoded);
  expect_equal(*decoded, HandshakePayload{});
}

TEST(HandshakePayload, SkipsFieldsOfLaterVersions) {
  for (unsigned type = 6; type < 256; ++type) {
    Octets bytes{static_cast<std::uint8_t>(type), 0, 3, 0xff, 0xff, 0xff};
    bytes.insert(bytes.end(), kClientBytes.begin(), kClientBytes.end());
    bytes.insert(bytes.end(), {static_cast<std::uint8_t>(type), 0, 0});
    const auto decoded = decode_handshake_payload(bytes);
    ASSERT_TRUE(decoded) << type;
    expect_equal(*decoded, client_payload());
  }
}

TEST(HandshakePayload, LeavesCiphersOfLaterVersionsOut) {
  const auto decoded = decode_handshake_payload(Octets{2, 0, 5, 3, 2, 255, 0, 1});
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->ciphers,
            (std::vector<Cipher>{Cipher::chacha20_poly1305, Cipher::none, Cipher::aes_256_gcm}));
}

TEST(HandshakePayload, KeepsTheLastOfTwoEqualFields) {
  const auto decoded = decode_handshake_payload(Octets{1, 0, 1, 7, 2, 0, 1, 1, 1, 0, 2, 8, 9, 2, 0, 1, 2});
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->versions, (Octets{8, 9}));
  EXPECT_EQ(decoded->ciphers, std::vector<Cipher>{Cipher::chacha20_poly1305});
}

TEST(HandshakePayload, RefusesKnownFieldsOfAnotherSize) {
  struct Row {
    const char* name;
    std::uint8_t type;
    std::size_t size;
  };
  constexpr std::array<Row, 3> kRows{{{"frames", 3, 8}, {"server index", 4, 3}, {"refusal", 5, 1}}};
  for (const Row& row : kRows) {
    for (std::size_t size = 0; size <= 20; ++size) {
      Octets bytes{row.type, 0, static_cast<std::uint8_t>(size)};
      bytes.resize(bytes.size() + size, 1);
      EXPECT_EQ(decode_handshake_payload(bytes).has_value(), size == row.size) << row.name << " " << size;
    }
  }
}

TEST(HandshakePayload, RefusesLengthsThatRunPastTheEnd) {
  for (const Octets& bytes : {Octets{0}, Octets{0, 0}, Octets{0, 0, 1}, Octets{1, 0xff, 0xff, 1},
                              Octets{9, 0x01, 0x00, 1, 1}, Octets{1, 0, 1, 1, 2, 0, 2, 1}}) {
    EXPECT_FALSE(decode_handshake_payload(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(HandshakePayload, ReadsRandomBytesWithoutHarm) {
  test::TestRandom random(21);
  std::array<int, 2> outcomes{};
  for (int round = 0; round < 50000; ++round) {
    Octets bytes(random.below(40));
    random.fill(bytes);
    for (std::uint8_t& byte : bytes) {
      if (random.below(4) != 0) byte %= 5;
    }
    const auto decoded = decode_handshake_payload(bytes);
    ++outcomes.at(decoded ? 1 : 0);
    if (!decoded) continue;
    const auto again = decode_handshake_payload(encode_handshake_payload(*decoded));
    ASSERT_TRUE(again);
    expect_equal(*again, *decoded);
  }
  EXPECT_GT(outcomes[0], 1000);
  EXPECT_GT(outcomes[1], 1000);
}

TEST(Cipher, HasANameForPeople) {
  EXPECT_STREQ(name_of(Cipher::none), "none");
  EXPECT_STREQ(name_of(Cipher::aes_256_gcm), "AES-256-GCM");
  EXPECT_STREQ(name_of(Cipher::chacha20_poly1305), "ChaCha20-Poly1305");
  EXPECT_STREQ(name_of(static_cast<Cipher>(3)), "unknown");
}

}  // namespace
}  // namespace mptunnel
