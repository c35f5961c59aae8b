// Vectors that others have published, read from the folder MPTUNNEL_VECTORS; skipped where it is absent.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "hex.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/noise.h"
#include "noise_support.h"

namespace mptunnel {
namespace {

using nlohmann::json;
using test::array_from_hex;
using test::from_hex;
using test::Octets;
using test::to_hex;

class PublishedVectors : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(MPTUNNEL_VECTORS)) {
      GTEST_SKIP()
          << "NOT CHECKED: no published vectors. Their folder is named by -DMPTUNNEL_VECTORS=FOLDER, now \""
          << MPTUNNEL_VECTORS << '"';
    }
  }
  static json read(const std::string& name) {
    std::ifstream file(std::filesystem::path(MPTUNNEL_VECTORS) / name);
    EXPECT_TRUE(file) << name;
    return json::parse(file);
  }
};

struct Count {
  int valid = 0;
  int invalid = 0;
};

/// Runs one case of Project Wycheproof against both directions.
void check_aead(Cipher cipher, const json& one, Count& count) {
  SCOPED_TRACE("tcId " + std::to_string(one.at("tcId").get<int>()) + " " +
               one.at("comment").get<std::string>());
  const auto text_of = [&](const char* field) { return one.at(field).get<std::string>(); };
  const SecretKey key(array_from_hex<kKeyBytes>(text_of("key")));
  const auto nonce = array_from_hex<12>(text_of("iv"));
  const auto associated = from_hex(text_of("aad"));
  const auto plaintext = from_hex(text_of("msg"));
  const std::string wanted = text_of("ct") + text_of("tag");
  const bool is_valid = text_of("result") == "valid";

  Octets packet = from_hex(wanted);
  auto copy = packet;
  EXPECT_EQ(Aead(cipher, key, Aead::Use::open, Aead::Library::openssl).open(nonce, associated, copy),
            is_valid);
  EXPECT_EQ(Aead(cipher, key, Aead::Use::open).open(nonce, associated, packet), is_valid);
  Octets sealed(plaintext.size() + kTagBytes);
  Aead(cipher, key, Aead::Use::seal).seal(nonce, associated, {}, plaintext, sealed);
  if (is_valid) {
    ++count.valid;
    packet.resize(plaintext.size());
    EXPECT_EQ(packet, plaintext);
    EXPECT_EQ(to_hex(sealed), wanted);
  } else {
    ++count.invalid;
    EXPECT_NE(to_hex(sealed), wanted);
  }
}

Count check_all(Cipher cipher, const json& file) {
  Count count;
  for (const json& group : file.at("testGroups")) {
    if (group.at("keySize") != 256 || group.at("ivSize") != 96 || group.at("tagSize") != 128) continue;
    for (const json& one : group.at("tests")) check_aead(cipher, one, count);
  }
  return count;
}

TEST_F(PublishedVectors, WycheproofAes256Gcm) {
  const Count count = check_all(Cipher::aes_256_gcm, read("wycheproof_aes_gcm.json"));
  EXPECT_GE(count.valid, 39);
  EXPECT_GE(count.invalid, 27);
}

TEST_F(PublishedVectors, WycheproofChaCha20Poly1305) {
  const Count count = check_all(Cipher::chacha20_poly1305, read("wycheproof_chacha20_poly1305.json"));
  EXPECT_GE(count.valid, 256);
  EXPECT_GE(count.invalid, 60);
}

TEST_F(PublishedVectors, WycheproofX25519) {
  Count count;
  const json file = read("wycheproof_x25519.json");
  for (const json& group : file.at("testGroups")) {
    for (const json& one : group.at("tests")) {
      SCOPED_TRACE("tcId " + std::to_string(one.at("tcId").get<int>()) + " " +
                   one.at("comment").get<std::string>());
      const auto public_key = from_hex(one.at("public").get<std::string>());
      const SecretKey private_key(array_from_hex<kKeyBytes>(one.at("private").get<std::string>()));
      const std::string wanted = one.at("shared").get<std::string>();
      const auto shared = x25519(private_key, public_key);
      // "acceptable" here means points that one may refuse; we refuse those alone that give zeros.
      const bool is_zero = wanted.find_first_not_of('0') == std::string::npos;
      EXPECT_EQ(shared.has_value(), !is_zero);
      if (shared) {
        EXPECT_EQ(to_hex(shared->bytes), wanted);
      }
      ++(is_zero ? count.invalid : count.valid);
    }
  }
  EXPECT_GE(count.valid, 487);
  EXPECT_GE(count.invalid, 31);
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

void check_noise(const json& vector) {
  const auto text_of = [&](const char* field) { return vector.value(field, std::string()); };
  const json psks = vector.value("init_psks", json::array());
  const bool keyed = !psks.empty();
  const SecretKey psk =
      keyed ? SecretKey(array_from_hex<kKeyBytes>(psks.at(0).get<std::string>())) : SecretKey();
  test::FixedRandom initiator_random(text_of("init_ephemeral"));
  test::FixedRandom responder_random(text_of("resp_ephemeral"));
  using HandshakeRole = NoiseHandshake::Role;
  NoiseHandshake initiator(HandshakeRole::initiator, from_hex(text_of("init_prologue")),
                           keyed ? &psk : nullptr, initiator_random);
  NoiseHandshake responder(HandshakeRole::responder, from_hex(text_of("resp_prologue")),
                           keyed ? &psk : nullptr, responder_random);

  const json& messages = vector.at("messages");
  const auto pass = [&](NoiseHandshake& from, NoiseHandshake& to, const json& message) {
    const auto payload = from_hex(message.at("payload").get<std::string>());
    const auto written = from.write_message(payload);
    ASSERT_TRUE(written);
    EXPECT_EQ(to_hex(*written), message.at("ciphertext").get<std::string>());
    const auto read = to.read_message(*written);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, payload);
  };
  ASSERT_NO_FATAL_FAILURE(pass(initiator, responder, messages.at(0)));
  ASSERT_NO_FATAL_FAILURE(pass(responder, initiator, messages.at(1)));

  const NoiseSplit split = initiator.split();
  if (vector.contains("handshake_hash")) {
    EXPECT_EQ(to_hex(split.handshake_hash), text_of("handshake_hash"));
  }
  for (std::size_t i = 2; i < messages.size(); ++i) {
    const bool from_initiator = i % 2 == 0;
    EXPECT_EQ(transport_message(from_initiator ? split.initiator_to_responder : split.responder_to_initiator,
                                static_cast<std::uint8_t>((i - 2) / 2),
                                from_hex(messages[i].at("payload").get<std::string>())),
              messages[i].at("ciphertext").get<std::string>())
        << i;
  }
}

TEST_F(PublishedVectors, NoiseNnAndNnPsk0) {
  int checked_nn = 0;
  int checked_psk = 0;
  const json file = read("noise.json");
  for (const json& vector : file.at("vectors")) {
    const std::string name = vector.at("protocol_name").get<std::string>();
    const bool is_nn = name == "Noise_NN_25519_ChaChaPoly_BLAKE2s";
    const bool is_psk = name == "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
    if (!is_nn && !is_psk) continue;
    SCOPED_TRACE(name + " of " + vector.value("source", std::string("?")));
    check_noise(vector);
    ++(is_nn ? checked_nn : checked_psk);
  }
  EXPECT_GE(checked_nn, 2);
  EXPECT_GE(checked_psk, 1);
}

}  // namespace
}  // namespace mptunnel
