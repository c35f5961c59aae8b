#include "mptunnel/crypto/kdf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "hex.h"
#include "kdf_vectors.h"
#include "numbered_key.h"
#include "support/blake2s.h"

namespace mptunnel {
namespace {

using test::from_hex;
using test::numbered_key;
using test::to_hex;

constexpr std::string_view kMachine = "0123456789abcdef";
constexpr std::string_view kListen = "localhost:3000";
constexpr std::string_view kPath = "/etc/mptunnel/mpclient.conf";

ClientIdentity numbered_identity() {
  ClientIdentity identity{};
  std::iota(identity.begin(), identity.end(), std::uint8_t{0xa0});
  return identity;
}

std::string hex_of(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  return to_hex(bytes);
}

using test::blake2s;

TEST(Hash, GivesTheResultOfRfc7693AppendixB) {
  EXPECT_EQ(to_hex(blake2s(bytes_of("abc"))),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

TEST(Hash, HashesNothing) {
  // hashlib.blake2s().hexdigest() of Python.
  EXPECT_EQ(to_hex(blake2s({})), "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
}

TEST(Hkdf, GivesIndependentlyComputedResults) {
  for (const test::HkdfVector& vector : test::kHkdfVectors) {
    std::vector<std::uint8_t> out(vector.out.size() / 2);
    hkdf(from_hex(vector.secret), from_hex(vector.salt), from_hex(vector.info), out);
    EXPECT_EQ(to_hex(out), vector.out) << vector.name;
  }
}

TEST(Hkdf, FillsItsLongestOutput) {
  std::vector<std::uint8_t> out(std::size_t{255} * 32);
  hkdf(bytes_of("secret"), bytes_of("salt"), bytes_of("info"), out);
  EXPECT_EQ(to_hex(blake2s(out)), test::kLongestHkdfHash);
}

TEST(HkdfDeathTest, AnOutputPastTheLongestIsABug) {
  std::vector<std::uint8_t> out(std::size_t{255} * 32 + 1);
  EXPECT_DEATH(hkdf(bytes_of("secret"), {}, {}, out), "assertion");
}

TEST(DeriveHandshakeKey, GivesTheKnownAnswers) {
  const SecretKey key = numbered_key();
  EXPECT_EQ(to_hex(derive_handshake_key(&key).name), test::kKeyName);
  EXPECT_EQ(derive_handshake_key(&key).mac, siphash_key(test::from_hex(test::kKeyedMacKey)));
  EXPECT_EQ(derive_handshake_key(nullptr).name, KeyName{});
  EXPECT_EQ(derive_handshake_key(nullptr).mac, siphash_key(test::from_hex(test::kKeylessMacKey)));
}

TEST(DeriveHandshakeKey, DiffersByKey) {
  const SecretKey one = numbered_key();
  const SecretKey other;
  EXPECT_NE(derive_handshake_key(&one).name, derive_handshake_key(&other).name);
  EXPECT_FALSE(derive_handshake_key(&one).mac == derive_handshake_key(&other).mac);
}

TEST(HandshakeMac, CoversAllBytesBeforeIt) {
  const HandshakeKey key = derive_handshake_key(nullptr);
  std::vector<std::uint8_t> packet(kHandshake1Bytes, 7);
  write_handshake_mac(key.mac, packet);
  EXPECT_TRUE(verifies_handshake_mac(key.mac, packet));
  for (std::size_t byte = 0; byte < packet.size(); ++byte) {
    packet[byte] ^= static_cast<std::uint8_t>(1U << byte % 8);
    EXPECT_FALSE(verifies_handshake_mac(key.mac, packet)) << byte;
    packet[byte] ^= static_cast<std::uint8_t>(1U << byte % 8);
  }
  EXPECT_TRUE(verifies_handshake_mac(key.mac, packet));
  EXPECT_FALSE(verifies_handshake_mac(SipHashKey{key.mac.k0, ~key.mac.k1}, packet));
}

/// The bytes 20 21 ... 3f.
SecretKey other_secret() {
  SecretKey secret;
  std::iota(secret.bytes.begin(), secret.bytes.end(), std::uint8_t{32});
  return secret;
}

TEST(DeriveClientIdentity, GivesTheKnownAnswers) {
  const SecretKey key = numbered_key();
  EXPECT_EQ(to_hex(derive_client_identity(key, kMachine, kListen, kPath)), test::kKeyedIdentity);
  EXPECT_EQ(to_hex(derive_client_identity(other_secret(), kMachine, kListen, kPath)), test::kOtherIdentity);
  EXPECT_EQ(to_hex(derive_client_identity(key, "garage")), test::kWordIdentity);
}

TEST(DeriveClientIdentity, DiffersByEachPart) {
  const SecretKey key = numbered_key();
  const std::set<ClientIdentity> identities{
      derive_client_identity(key, kMachine, kListen, kPath),
      derive_client_identity(other_secret(), kMachine, kListen, kPath),
      derive_client_identity(key, "other", kListen, kPath),
      derive_client_identity(key, kMachine, "other", kPath),
      derive_client_identity(key, kMachine, kListen, "x"), derive_client_identity(key, ""),
      derive_client_identity(key, "garage"), derive_client_identity(other_secret(), "garage"),
      // The same letters, cut elsewhere.
      derive_client_identity(key, "ab", "c", ""), derive_client_identity(key, "a", "bc", ""),
      derive_client_identity(key, "", "abc", ""), derive_client_identity(key, "", "", "abc")};
  EXPECT_EQ(identities.size(), 12U);
}

TEST(DeriveFlowHash, GivesTheKnownAnswers) {
  const auto ipv4 = parse_numeric_endpoint("192.0.2.7", 40000);
  const auto ipv6 = parse_numeric_endpoint("fe80::abcd%3", 40000);
  ASSERT_TRUE(ipv4 && ipv6);
  EXPECT_EQ(hex_of(derive_flow_hash(numbered_identity(), *ipv4)), test::kIpv4FlowHash);
  EXPECT_EQ(hex_of(derive_flow_hash(numbered_identity(), *ipv6)), test::kIpv6FlowHash);
}

TEST(DeriveFlowHash, DiffersByEachPart) {
  const ClientIdentity identity = numbered_identity();
  const auto hash = [&](const char* address, std::uint16_t port) {
    return derive_flow_hash(identity, *parse_numeric_endpoint(address, port));
  };
  const std::set<std::uint64_t> hashes{
      hash("192.0.2.7", 1),
      hash("192.0.2.7", 2),
      hash("192.0.2.8", 1),
      hash("fe80::1", 1),
      hash("fe80::1%1", 1),
      hash("fe80::1%2", 1),
      hash("c000:207::", 1),  // the bytes of 192.0.2.7
      derive_flow_hash(ClientIdentity{}, *parse_numeric_endpoint("192.0.2.7", 1))};
  EXPECT_EQ(hashes.size(), 8U);
}

TEST(KeyFingerprint, GivesTheKnownAnswer) {
  EXPECT_EQ(key_fingerprint(numbered_key()), test::kFingerprint);
  EXPECT_NE(key_fingerprint(SecretKey{}), test::kFingerprint);
}

TEST(DerivePort, GivesTheKnownAnswer) {
  EXPECT_EQ(derive_port(numbered_identity(), "bridge 192.0.2.1:4000"), test::kPort);
}

TEST(DerivePort, SpreadsOverItsRange) {
  std::uint16_t lowest = 65535;
  std::uint16_t highest = 0;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 4000; ++i) {
    const std::uint16_t port = derive_port(numbered_identity(), std::to_string(i));
    lowest = std::min(lowest, port);
    highest = std::max(highest, port);
    ports.insert(port);
  }
  EXPECT_GE(lowest, 10240);
  EXPECT_LT(highest, 32768);
  EXPECT_LT(lowest, 10240 + 225);  // a hundredth of the range at either end is reached
  EXPECT_GE(highest, 32768 - 225);
  EXPECT_GT(ports.size(), 3500U);
}

TEST(DerivePort, DiffersBySecret) {
  EXPECT_NE(derive_port(numbered_identity(), "a"), derive_port(ClientIdentity{}, "a"));
}

}  // namespace
}  // namespace mptunnel
