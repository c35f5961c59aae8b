#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hex.h"
#include "kdf_vectors.h"
#include "mptunnel/crypto/kdf.h"

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::from_hex;

constexpr std::array kCiphers{Cipher::none, Cipher::aes_256_gcm, Cipher::chacha20_poly1305};
constexpr std::string_view kText = "a datagram";

NoiseSplit split_of(std::uint8_t to_responder = 0x11, std::uint8_t to_initiator = 0x22) {
  NoiseSplit split;
  split.initiator_to_responder.bytes.fill(to_responder);
  split.responder_to_initiator.bytes.fill(to_initiator);
  return split;
}

TrafficKeys keys_of(Cipher cipher, Role role, std::uint8_t version = kProtocolVersion) {
  return derive_traffic_keys(split_of(), version, cipher, role);
}

std::vector<std::uint8_t> seal(Aead& key) {
  std::vector<std::uint8_t> out(kText.size() + kTagBytes);
  key.seal(packet_nonce(PacketNumber{1}), {}, {}, bytes_of(kText), out);
  return out;
}

bool opens(Aead& key, std::vector<std::uint8_t> packet) {
  if (!key.open(packet_nonce(PacketNumber{1}), {}, packet)) return false;
  return std::string(packet.begin(), packet.end() - kTagBytes) == kText;
}

Cipher control_cipher(Cipher cipher) {
  return cipher == Cipher::none ? Cipher::chacha20_poly1305 : cipher;
}

/// What a peer with exactly this key would seal.
std::vector<std::uint8_t> sealed_with(Cipher cipher, std::string_view key) {
  Aead sealer(cipher, SecretKey(array_from_hex<kKeyBytes>(key)), Aead::Use::seal);
  return seal(sealer);
}

SipHashKey clear_key_of(std::string_view digits) {
  return siphash_key(from_hex(digits));
}

TEST(TrafficKeys, AreThoseOfAnIndependentDerivation) {
  for (std::size_t i = 0; i < kCiphers.size(); ++i) {
    const Cipher cipher = kCiphers.at(i);
    const test::TrafficVector& vector = test::kTrafficVectors.at(i);
    SCOPED_TRACE(name_of(cipher));
    TrafficKeys client = keys_of(cipher, Role::client);
    TrafficKeys server = keys_of(cipher, Role::server);
    EXPECT_EQ(seal(client.control_seal), sealed_with(control_cipher(cipher), vector.control_to_server));
    EXPECT_EQ(seal(server.control_seal), sealed_with(control_cipher(cipher), vector.control_to_client));
    EXPECT_EQ(client.clear_send, clear_key_of(vector.clear_to_server));
    EXPECT_EQ(client.clear_receive, clear_key_of(vector.clear_to_client));
    if (cipher == Cipher::none) continue;
    ASSERT_TRUE(client.data_seal && server.data_seal);
    EXPECT_EQ(seal(*client.data_seal), sealed_with(cipher, vector.data_to_server));
    EXPECT_EQ(seal(*server.data_seal), sealed_with(cipher, vector.data_to_client));
  }
}

TEST(TrafficKeys, OpenAtTheOtherEndWhatWasSealed) {
  for (const Cipher cipher : kCiphers) {
    SCOPED_TRACE(name_of(cipher));
    TrafficKeys client = keys_of(cipher, Role::client);
    TrafficKeys server = keys_of(cipher, Role::server);
    EXPECT_TRUE(opens(server.control_open, seal(client.control_seal)));
    EXPECT_TRUE(opens(client.control_open, seal(server.control_seal)));
    EXPECT_EQ(client.clear_send, server.clear_receive);
    EXPECT_EQ(server.clear_send, client.clear_receive);
    EXPECT_EQ(client.cipher, cipher);
    if (cipher == Cipher::none) continue;
    EXPECT_TRUE(opens(*server.data_open, seal(*client.data_seal)));
    EXPECT_TRUE(opens(*client.data_open, seal(*server.data_seal)));
  }
}

TEST(TrafficKeys, HaveNoDataKeyUnderNone) {
  const TrafficKeys keys = keys_of(Cipher::none, Role::client);
  EXPECT_FALSE(keys.data_seal || keys.data_open);
}

TEST(TrafficKeys, DifferByDirectionTypeCipherVersionAndSecret) {
  // A packet sealed with one key; equal keys under one cipher would give equal packets.
  std::set<std::string> packets;
  std::set<std::pair<std::uint64_t, std::uint64_t>> clear_keys;
  std::size_t made = 0;
  std::size_t derivations = 0;
  const auto add = [&](TrafficKeys keys) {
    ++derivations;
    clear_keys.emplace(keys.clear_send.k0, keys.clear_send.k1);
    packets.insert(test::to_hex(seal(keys.control_seal)));
    ++made;
    if (!keys.data_seal) return;
    packets.insert(test::to_hex(seal(*keys.data_seal)));
    ++made;
  };
  for (const Cipher cipher : kCiphers) {
    for (const Role role : {Role::client, Role::server}) {
      for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}})
        add(keys_of(cipher, role, version));
    }
  }
  add(derive_traffic_keys(split_of(0x33, 0x22), kProtocolVersion, Cipher::aes_256_gcm, Role::client));
  add(derive_traffic_keys(split_of(0x11, 0x33), kProtocolVersion, Cipher::aes_256_gcm, Role::server));
  EXPECT_EQ(packets.size(), made);
  EXPECT_EQ(clear_keys.size(), derivations);
}

TEST(TrafficKeys, DoNotOpenTheOtherTypeOrTheOwnDirection) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    TrafficKeys client = keys_of(cipher, Role::client);
    TrafficKeys server = keys_of(cipher, Role::server);
    EXPECT_FALSE(opens(*server.data_open, seal(client.control_seal)));
    EXPECT_FALSE(opens(server.control_open, seal(*client.data_seal)));
    EXPECT_FALSE(opens(client.control_open, seal(client.control_seal)));
    EXPECT_FALSE(opens(*client.data_open, seal(*client.data_seal)));
  }
}

}  // namespace
}  // namespace mptunnel
