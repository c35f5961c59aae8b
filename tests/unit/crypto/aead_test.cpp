#include "mptunnel/crypto/aead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hex.h"
#include "numbered_key.h"

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::from_hex;
using test::numbered_key;
using test::to_hex;

constexpr std::array kAeadCiphers{Cipher::aes_256_gcm, Cipher::chacha20_poly1305};

std::vector<std::uint8_t> numbered_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

/// Ciphertext and tag of `text`, with a context of its own.
std::vector<std::uint8_t> sealed(Cipher cipher, const SecretKey& key, const Nonce& nonce,
                                 ConstBytes associated, ConstBytes text,
                                 Aead::Library library = Aead::Library::fastest) {
  std::vector<std::uint8_t> out(text.size() + kTagBytes);
  Aead(cipher, key, Aead::Use::seal, library).seal(nonce, associated, {}, text, out);
  return out;
}

struct KnownAnswer {
  std::string_view name;
  Cipher cipher;
  std::string_view key;
  std::string_view nonce;
  std::string_view associated;
  std::string_view text;
  std::string_view ciphertext;
  std::string_view tag;
};

// The GCM cases are those of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, with
// 256-bit keys and 96-bit nonces.
constexpr std::array<KnownAnswer, 5> kKnownAnswers{{
    {"Rfc8439Section282", Cipher::chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f"
     "756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e736372"
     "65656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a"
     "71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4"
     "def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    {"GcmCase13", Cipher::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GcmCase14", Cipher::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"GcmCase15", Cipher::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
     "b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"GcmCase16", Cipher::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
     "b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
}};

class AeadLibrary : public testing::TestWithParam<Aead::Library> {};

INSTANTIATE_TEST_SUITE_P(Both, AeadLibrary, testing::Values(Aead::Library::fastest, Aead::Library::openssl),
                         [](const auto& library) {
                           return library.param == Aead::Library::fastest ? "Fastest" : "OpenSsl";
                         });

TEST(SecretKey, MovedFromIsWiped) {
  SecretKey key;
  key.bytes.fill(7);
  const auto bytes = key.bytes;
  SecretKey taken = std::move(key);
  EXPECT_EQ(taken.bytes, bytes);
  EXPECT_EQ(key.bytes, SecretKey{}.bytes);
  key = std::move(taken);
  EXPECT_EQ(key.bytes, bytes);
  EXPECT_EQ(taken.bytes, SecretKey{}.bytes);
}

TEST_P(AeadLibrary, SealsAndOpensKnownAnswers) {
  for (const KnownAnswer& answer : kKnownAnswers) {
    SCOPED_TRACE(answer.name);
    const SecretKey key(array_from_hex<kKeyBytes>(answer.key));
    const auto nonce = array_from_hex<12>(answer.nonce);
    const auto associated = from_hex(answer.associated);
    std::vector<std::uint8_t> packet =
        sealed(answer.cipher, key, nonce, associated, from_hex(answer.text), GetParam());
    EXPECT_EQ(to_hex(packet), std::string(answer.ciphertext) + std::string(answer.tag));

    Aead opener(answer.cipher, key, Aead::Use::open, GetParam());
    auto altered = packet;
    altered.back() ^= 1U;
    EXPECT_FALSE(opener.open(nonce, associated, altered));
    ASSERT_TRUE(opener.open(nonce, associated, packet));
    EXPECT_EQ(to_hex(ConstBytes(packet).first(packet.size() - kTagBytes)), answer.text);
  }
}

// Around a cipher's block, around ChaCha20's block, and around what seal() assembles before it encrypts.
constexpr std::array<std::size_t, 18> kSizes{0,    1,    2,    15,   16,   17,   63,   64,   65,
                                             1400, 2045, 2046, 2047, 2048, 2049, 2112, 9001, 65480};

TEST(Aead, SplitsAndPlacesOfThePlaintextGiveTheSamePacket) {
  const auto associated = numbered_bytes(8);
  for (const Cipher cipher : kAeadCiphers) {
    Aead sealer(cipher, numbered_key(), Aead::Use::seal);
    for (const std::size_t size : kSizes) {
      const auto text = numbered_bytes(size);
      const auto wanted = sealed(cipher, numbered_key(), Nonce{1}, associated, text);
      for (const std::size_t head_bytes : {std::size_t{0}, std::size_t{2}, std::size_t{3}, std::size_t{64},
                                           std::size_t{2048}, std::size_t{2050}, size}) {
        if (head_bytes > size) continue;
        SCOPED_TRACE(std::string(name_of(cipher)) + " " + std::to_string(head_bytes) + " of " +
                     std::to_string(size));
        const ConstBytes head = ConstBytes(text).first(head_bytes);
        const ConstBytes body = ConstBytes(text).subspan(head_bytes);
        std::vector<std::uint8_t> apart(size + kTagBytes);
        sealer.seal(Nonce{1}, associated, head, body, apart);
        EXPECT_EQ(apart, wanted);

        std::vector<std::uint8_t> in_place(size + kTagBytes);
        const Bytes behind = Bytes(in_place).subspan(head_bytes, body.size());
        std::copy(body.begin(), body.end(), behind.begin());
        sealer.seal(Nonce{1}, associated, head, behind, in_place);
        EXPECT_EQ(in_place, wanted);
      }
    }
  }
}

TEST(Aead, RefusesEveryFlippedBit) {
  const auto associated = numbered_bytes(8);
  for (const Cipher cipher : kAeadCiphers) {
    Aead opener(cipher, numbered_key(), Aead::Use::open);
    const auto packet = sealed(cipher, numbered_key(), Nonce{}, associated, numbered_bytes(40));
    for (std::size_t bit = 0; bit < packet.size() * 8; ++bit) {
      auto altered = packet;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      EXPECT_FALSE(opener.open(Nonce{}, associated, altered)) << name_of(cipher) << " bit " << bit;
    }
    for (std::size_t bit = 0; bit < associated.size() * 8; ++bit) {
      auto altered = associated;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      auto copy = packet;
      EXPECT_FALSE(opener.open(Nonce{}, altered, copy)) << name_of(cipher) << " associated bit " << bit;
    }
    // A context that has refused all of these still opens what is genuine.
    auto genuine = packet;
    EXPECT_TRUE(opener.open(Nonce{}, associated, genuine));
  }
}

TEST(Aead, RefusesEveryTruncation) {
  for (const Cipher cipher : kAeadCiphers) {
    Aead opener(cipher, numbered_key(), Aead::Use::open);
    const auto packet = sealed(cipher, numbered_key(), Nonce{}, {}, numbered_bytes(40));
    for (std::size_t size = 0; size < packet.size(); ++size) {
      std::vector<std::uint8_t> prefix(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(opener.open(Nonce{}, {}, prefix)) << name_of(cipher) << " " << size;
    }
  }
}

TEST(Aead, RefusesAnotherNonceOrKey) {
  for (const Cipher cipher : kAeadCiphers) {
    const auto packet = sealed(cipher, numbered_key(), packet_nonce(PacketNumber{7}), {}, numbered_bytes(40));
    Aead opener(cipher, numbered_key(), Aead::Use::open);
    auto copy = packet;
    EXPECT_FALSE(opener.open(packet_nonce(PacketNumber{8}), {}, copy));
    SecretKey other = numbered_key();
    other.bytes.back() ^= 1U;
    copy = packet;
    EXPECT_FALSE(Aead(cipher, other, Aead::Use::open).open(packet_nonce(PacketNumber{7}), {}, copy));
  }
}

TEST(Aead, OneContextSealsManyPacketsLikeAFreshOneEach) {
  for (const Cipher cipher : kAeadCiphers) {
    Aead sealer(cipher, numbered_key(), Aead::Use::seal);
    for (std::uint32_t number = 0; number < 50; ++number) {
      const Nonce nonce = packet_nonce(PacketNumber{number});
      const auto associated = numbered_bytes(number % 9);
      const auto text = numbered_bytes(std::size_t{number} * 13);
      std::vector<std::uint8_t> out(text.size() + kTagBytes);
      sealer.seal(nonce, associated, {}, text, out);
      EXPECT_EQ(out, sealed(cipher, numbered_key(), nonce, associated, text))
          << name_of(cipher) << " " << number;
    }
  }
}

void expect_same_packets(Cipher cipher) {
  Aead fast_sealer(cipher, numbered_key(), Aead::Use::seal);
  Aead fast_opener(cipher, numbered_key(), Aead::Use::open);
  Aead plain_sealer(cipher, numbered_key(), Aead::Use::seal, Aead::Library::openssl);
  Aead plain_opener(cipher, numbered_key(), Aead::Use::open, Aead::Library::openssl);
  for (std::uint32_t number = 0; number < 3000; ++number) {
    const std::size_t size = number < 2000 ? number : 65480 - number;
    const Nonce nonce = packet_nonce(PacketNumber{number});
    const auto associated = numbered_bytes(number % 21);
    const auto text = numbered_bytes(size);
    std::vector<std::uint8_t> fast(size + kTagBytes);
    std::vector<std::uint8_t> plain(size + kTagBytes);
    fast_sealer.seal(nonce, associated, {}, text, fast);
    plain_sealer.seal(nonce, associated, {}, text, plain);
    ASSERT_EQ(fast, plain) << size;
    ASSERT_TRUE(fast_opener.open(nonce, associated, plain)) << size;
    ASSERT_TRUE(plain_opener.open(nonce, associated, fast)) << size;
    ASSERT_EQ(fast, plain) << size;
  }
}

TEST(Aead, BothLibrariesGiveTheSamePackets) {
  if (std::none_of(kAeadCiphers.begin(), kAeadCiphers.end(), has_ipsec_mb))
    GTEST_SKIP() << "built without ipsec-mb, or this processor can't run it";
  for (const Cipher cipher : kAeadCiphers) {
    SCOPED_TRACE(name_of(cipher));
    if (has_ipsec_mb(cipher)) expect_same_packets(cipher);
  }
}

TEST(Aead, MovesWithItsKey) {
  Aead first(Cipher::aes_256_gcm, numbered_key(), Aead::Use::open);
  Aead second = std::move(first);
  auto packet = sealed(Cipher::aes_256_gcm, numbered_key(), Nonce{}, {}, numbered_bytes(10));
  EXPECT_TRUE(second.open(Nonce{}, {}, packet));
}

TEST(AeadDeathTest, SealingWithAnOpeningKeyIsABug) {
  Aead opener(Cipher::aes_256_gcm, numbered_key(), Aead::Use::open);
  std::vector<std::uint8_t> out(kTagBytes);
  EXPECT_DEATH(opener.seal(Nonce{}, {}, {}, {}, out), "assertion");
}

TEST(AeadDeathTest, CipherNoneIsABug) {
  EXPECT_DEATH(Aead(Cipher::none, numbered_key(), Aead::Use::seal), "assertion");
}

TEST(PacketNonce, IsTheNumberBigEndianBehindZeros) {
  EXPECT_EQ(to_hex(packet_nonce(PacketNumber{0})), "000000000000000000000000");
  EXPECT_EQ(to_hex(packet_nonce(PacketNumber{0x01020304})), "000000000000000001020304");
  EXPECT_EQ(to_hex(packet_nonce(PacketNumber{0xffffffff})), "0000000000000000ffffffff");
}

}  // namespace
}  // namespace mptunnel
