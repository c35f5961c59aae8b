// Vectors that others have published, read from where their Debian packages lay them:
// python3-cryptography-vectors and golang-github-flynn-noise-dev. Skipped without them.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "hex.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"
#include "noise_support.h"
#include "support/blake2s.h"
#include "vector_file.h"

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::flip_bit;
using test::from_hex;
using test::Octets;
using test::read_vectors;
using test::to_hex;
using test::VectorRecord;
using HandshakeRole = NoiseHandshake::Role;

/// Skips the test if the vectors under `path` are missing. `path` ends with -NOTFOUND then.
#define MPT_NEEDS_VECTORS(path, package)                            \
  if (!std::filesystem::exists(path))                               \
  GTEST_SKIP() << "NOT CHECKED: no published vectors at " << (path) \
               << "; install " package " and configure again"

const std::filesystem::path kVectors = MPTUNNEL_CRYPTOGRAPHY_VECTORS;

struct Count {
  int valid = 0;
  int invalid = 0;
};

/// One packet of a file, whatever the file calls its parts.
struct AeadVector {
  SecretKey key;
  Nonce nonce{};
  Octets associated;
  Octets plaintext;  ///< empty if the packet is invalid and the file does not say
  Octets packet;     ///< ciphertext and tag
  bool is_valid = true;
};

void refuse_flipped_bits(Cipher cipher, const AeadVector& vector, Aead::Library library) {
  Aead opener(cipher, vector.key, Aead::Use::open, library);
  for (std::size_t bit = 0; bit < 8 * kTagBytes; ++bit) {
    Octets packet = flip_bit(vector.packet, 8 * vector.plaintext.size() + bit);
    EXPECT_FALSE(opener.open(vector.nonce, vector.associated, packet)) << "bit " << bit << " of the tag";
  }
  for (std::size_t bit = 0; bit < 8 * vector.nonce.size(); ++bit) {
    Octets packet = vector.packet;
    Nonce nonce = vector.nonce;
    nonce.at(bit / 8) ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(opener.open(nonce, vector.associated, packet)) << "bit " << bit << " of the nonce";
  }
}

void check_aead(Cipher cipher, const AeadVector& vector, Count& count) {
  for (const auto library : {Aead::Library::fastest, Aead::Library::openssl}) {
    Octets packet = vector.packet;
    EXPECT_EQ(
        Aead(cipher, vector.key, Aead::Use::open, library).open(vector.nonce, vector.associated, packet),
        vector.is_valid);
    Octets sealed(vector.packet.size());
    packet.resize(packet.size() - kTagBytes);
    Aead(cipher, vector.key, Aead::Use::seal, library)
        .seal(vector.nonce, vector.associated, {}, vector.is_valid ? vector.plaintext : packet, sealed);
    if (vector.is_valid) {
      EXPECT_EQ(packet, vector.plaintext);
      EXPECT_EQ(to_hex(sealed), to_hex(vector.packet));
      refuse_flipped_bits(cipher, vector, library);
    } else {
      EXPECT_NE(to_hex(sealed), to_hex(vector.packet));
    }
  }
  ++(vector.is_valid ? count.valid : count.invalid);
}

/// The records with keys, nonces and tags of the lengths that we use.
Count check_gcm(const char* name) {
  Count count;
  for (const VectorRecord& record : read_vectors(kVectors / "ciphers/AES/GCM" / name)) {
    if (record.text("IVlen") != "96" || record.text("Taglen") != "128") continue;
    SCOPED_TRACE(record.describe());
    AeadVector vector{SecretKey(array_from_hex<kKeyBytes>(record.hex("Key"))),
                      array_from_hex<12>(record.hex("IV")),
                      from_hex(record.hex("AAD")),
                      {},
                      from_hex(record.hex("CT") + record.hex("Tag")),
                      !record.has("FAIL")};
    if (vector.is_valid) vector.plaintext = from_hex(record.hex("PT"));
    check_aead(Cipher::aes_256_gcm, vector, count);
  }
  return count;
}

TEST(PublishedVectors, NistAes256GcmDecryption) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  const Count count = check_gcm("gcmDecrypt256.rsp");
  EXPECT_GE(count.valid, 180);
  EXPECT_GE(count.invalid, 180);
  EXPECT_EQ(count.valid + count.invalid, 375);
}

TEST(PublishedVectors, NistAes256GcmEncryption) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  EXPECT_EQ(check_gcm("gcmEncryptExtIV256.rsp").valid, 375);
}

TEST(PublishedVectors, BoringSslChaCha20Poly1305) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  Count count;
  for (const VectorRecord& record : read_vectors(kVectors / "ciphers/ChaCha20Poly1305/boringssl.txt")) {
    SCOPED_TRACE(record.describe());
    check_aead(Cipher::chacha20_poly1305,
               {SecretKey(array_from_hex<kKeyBytes>(record.hex("KEY"))),
                array_from_hex<12>(record.hex("NONCE")), from_hex(record.hex("AD")),
                from_hex(record.hex("IN")), from_hex(record.hex("CT") + record.hex("TAG"))},
               count);
  }
  EXPECT_GE(count.valid, 60);
}

TEST(PublishedVectors, OpenSslChaCha20Poly1305) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  Count count;
  for (const VectorRecord& record : read_vectors(kVectors / "ciphers/ChaCha20Poly1305/openssl.txt")) {
    SCOPED_TRACE(record.describe());
    check_aead(Cipher::chacha20_poly1305,
               {SecretKey(array_from_hex<kKeyBytes>(record.hex("Key"))), array_from_hex<12>(record.hex("IV")),
                from_hex(record.hex("AAD")), from_hex(record.hex("Plaintext")),
                from_hex(record.hex("Ciphertext") + record.hex("Tag")), !record.has("Result")},
               count);
  }
  EXPECT_EQ(count.valid, 4);
  EXPECT_EQ(count.invalid, 1);
}

TEST(PublishedVectors, Rfc7748X25519) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  const auto records = read_vectors(kVectors / "asymmetric/X25519/rfc7748.txt");
  EXPECT_EQ(records.size(), 3U);
  for (const VectorRecord& record : records) {
    SCOPED_TRACE(record.describe());
    const auto shared = x25519(SecretKey(array_from_hex<kKeyBytes>(record.hex("INPUT_SCALAR"))),
                               from_hex(record.hex("INPUT_U")));
    ASSERT_TRUE(shared);
    EXPECT_EQ(to_hex(shared->bytes), record.hex("OUTPUT_U"));
  }
}

TEST(PublishedVectors, Blake2s) {
  MPT_NEEDS_VECTORS(kVectors, "python3-cryptography-vectors");
  const auto records = read_vectors(kVectors / "hashes/blake2/blake2s.txt");
  EXPECT_GE(records.size(), 7U);
  for (const VectorRecord& record : records) {
    SCOPED_TRACE(record.describe());
    // An empty message stands in the file as one zero byte of length 0.
    const Octets message = record.text("Len") == "0" ? Octets() : from_hex(record.hex("Msg"));
    EXPECT_EQ(to_hex(test::blake2s(message)), record.hex("MD"));
  }
}

/// A message after the handshake: ChaChaPoly under a Split() key, the counter little-endian (Noise,
/// section 12.3).
std::string transport_message(const SecretKey& key, std::uint8_t counter, const Octets& payload) {
  Octets sealed(payload.size() + kTagBytes);
  Nonce nonce{};
  nonce[4] = counter;
  Aead(Cipher::chacha20_poly1305, key, Aead::Use::seal).seal(nonce, {}, {}, payload, sealed);
  return to_hex(sealed);
}

void pass_message(NoiseHandshake& from, NoiseHandshake& to, const VectorRecord& record,
                  const std::string& name) {
  const Octets payload = from_hex(record.hex(name + "_payload"));
  const auto written = from.write_message(payload);
  ASSERT_TRUE(written);
  EXPECT_EQ(to_hex(*written), record.hex(name + "_ciphertext"));
  const auto read = to.read_message(*written);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, payload);
}

void check_noise(const VectorRecord& record) {
  const bool is_keyed = record.has("preshared_key");
  const SecretKey psk =
      is_keyed ? SecretKey(array_from_hex<kKeyBytes>(record.hex("preshared_key"))) : SecretKey();
  const Octets prologue = record.has("prologue") ? from_hex(record.hex("prologue")) : Octets();
  test::FixedRandom initiator_random(record.hex("gen_init_ephemeral"));
  test::FixedRandom responder_random(record.hex("gen_resp_ephemeral"));
  NoiseHandshake initiator(HandshakeRole::initiator, prologue, is_keyed ? &psk : nullptr, initiator_random);
  NoiseHandshake responder(HandshakeRole::responder, prologue, is_keyed ? &psk : nullptr, responder_random);
  ASSERT_NO_FATAL_FAILURE(pass_message(initiator, responder, record, "msg_0"));
  ASSERT_NO_FATAL_FAILURE(pass_message(responder, initiator, record, "msg_1"));

  const NoiseSplit split = initiator.split();
  EXPECT_EQ(split.handshake_hash, responder.split().handshake_hash);
  EXPECT_TRUE(record.has("msg_2_payload") && record.has("msg_3_payload"));
  for (std::uint8_t i = 2; record.has("msg_" + std::to_string(i) + "_payload"); ++i) {
    const std::string name = "msg_" + std::to_string(i);
    const SecretKey& key = i % 2 == 0 ? split.initiator_to_responder : split.responder_to_initiator;
    EXPECT_EQ(transport_message(key, static_cast<std::uint8_t>((i - 2) / 2),
                                from_hex(record.hex(name + "_payload"))),
              record.hex(name + "_ciphertext"))
        << name;
  }
}

TEST(PublishedVectors, NoiseNnAndNnPsk0OfFlynn) {
  const std::filesystem::path file = MPTUNNEL_NOISE_VECTORS;
  MPT_NEEDS_VECTORS(file, "golang-github-flynn-noise-dev");
  int checked_nn = 0;
  int checked_psk = 0;
  int with_prologue = 0;
  for (const VectorRecord& record : read_vectors(file)) {
    const std::string name = record.text("handshake");
    const bool is_nn = name == "Noise_NN_25519_ChaChaPoly_BLAKE2s";
    const bool is_psk = name == "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
    if (!is_nn && !is_psk) continue;
    SCOPED_TRACE(record.describe());
    check_noise(record);
    ++(is_nn ? checked_nn : checked_psk);
    with_prologue += record.has("prologue") ? 1 : 0;
  }
  EXPECT_EQ(checked_nn, 4);
  EXPECT_EQ(checked_psk, 4);
  EXPECT_EQ(with_prologue, 4);
}

}  // namespace
}  // namespace mptunnel
