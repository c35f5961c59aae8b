#include "mptunnel/crypto/kdf.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "hash.h"
#include "mptunnel/base/cursor.h"

namespace mptunnel {
namespace {

constexpr std::uint16_t kFirstPort = 10240;
constexpr std::uint16_t kEndPort = 32768;

/// Parts one after the other, each with its length before it, so that no two lists give the same bytes.
std::vector<std::uint8_t> join(std::initializer_list<ConstBytes> parts) {
  std::vector<std::uint8_t> joined;
  for (const ConstBytes part : parts) {
    std::array<std::uint8_t, 4> size{};
    ByteWriter(size).u32(static_cast<std::uint32_t>(part.size()));
    joined.insert(joined.end(), size.begin(), size.end());
    joined.insert(joined.end(), part.begin(), part.end());
  }
  return joined;
}

ClientIdentity identity_of(const SecretKey& secret, std::string_view salt, ConstBytes info) {
  ClientIdentity identity{};
  hkdf(secret.bytes, bytes_of(salt), info, identity);
  return identity;
}

enum class Direction : std::uint8_t { to_server = 0, to_client = 1 };
enum class Purpose : std::uint8_t { data = 0, control = 1, clear_check = 2 };

struct Derivation {
  const NoiseSplit& split;
  std::uint8_t version;
  Cipher cipher;

  void fill(Direction direction, Purpose purpose, Bytes out) const {
    const SecretKey& secret =
        direction == Direction::to_server ? split.initiator_to_responder : split.responder_to_initiator;
    constexpr std::string_view kLabel = "mptunnel traffic";
    std::vector<std::uint8_t> info(kLabel.begin(), kLabel.end());
    info.insert(info.end(), {version, static_cast<std::uint8_t>(cipher), static_cast<std::uint8_t>(direction),
                             static_cast<std::uint8_t>(purpose)});
    hkdf(secret.bytes, {}, info, out);
  }
  [[nodiscard]] SecretKey key(Direction direction, Purpose purpose) const {
    SecretKey key;
    fill(direction, purpose, key.bytes);
    return key;
  }
  [[nodiscard]] SipHashKey clear_key(Direction direction) const {
    std::array<std::uint8_t, 16> bytes{};
    fill(direction, Purpose::clear_check, bytes);
    return siphash_key(bytes);
  }
};

}  // namespace

void hkdf(ConstBytes secret, ConstBytes salt, ConstBytes info, Bytes out) {
  MPT_ASSERT(out.size() <= 255 * kHashBytes);
  const SecretKey key = hmac(salt, {secret});
  SecretKey block;
  std::uint8_t counter = 0;
  for (std::size_t at = 0; at < out.size();) {
    ++counter;
    const ConstBytes previous = ConstBytes(block.bytes).first(counter == 1 ? 0 : kHashBytes);
    block = hmac(key.bytes, {previous, info, ConstBytes(&counter, 1)});
    const std::size_t count = std::min(kHashBytes, out.size() - at);
    std::copy_n(block.bytes.begin(), count, out.begin() + static_cast<std::ptrdiff_t>(at));
    at += count;
  }
}

HandshakeKey derive_handshake_key(const SecretKey* key) {
  const SecretKey none;
  const ConstBytes secret = key == nullptr ? none.bytes : key->bytes;
  HandshakeKey derived;
  if (key != nullptr) hkdf(secret, bytes_of("mptunnel key name"), {}, derived.name);
  std::array<std::uint8_t, 16> mac{};
  hkdf(secret, bytes_of("mptunnel handshake mac"), {}, mac);
  derived.mac = siphash_key(mac);
  return derived;
}

void write_handshake_mac(const SipHashKey& key, Bytes packet) {
  const std::size_t covered = packet.size() - kHandshakeMacBytes;
  ByteWriter(packet.subspan(covered)).u64(siphash(key, packet.first(covered)));
}

std::vector<std::uint8_t> handshake_packet(const SipHashKey& key, const HandshakePrefix& prefix,
                                           ConstBytes noise_message) {
  std::vector<std::uint8_t> packet(kHandshakeAroundBytes + noise_message.size());
  ByteWriter writer(packet);
  writer.bytes(encode_handshake_prefix(prefix));
  writer.bytes(noise_message);
  write_handshake_mac(key, packet);
  return packet;
}

bool verifies_handshake_mac(const SipHashKey& key, ConstBytes packet) {
  const std::size_t covered = packet.size() - kHandshakeMacBytes;
  return *ByteReader(packet.subspan(covered)).u64() == siphash(key, packet.first(covered));
}

ClientIdentity derive_client_identity(const SecretKey& secret, std::string_view machine_id,
                                      std::string_view listen_address, std::string_view configuration_path) {
  return identity_of(secret, "mptunnel client identity",
                     join({bytes_of(machine_id), bytes_of(listen_address), bytes_of(configuration_path)}));
}

ClientIdentity derive_client_identity(const SecretKey& secret, std::string_view word) {
  return identity_of(secret, "mptunnel client id", join({bytes_of(word)}));
}

std::string key_fingerprint(const SecretKey& key) {
  std::array<std::uint8_t, 8> bytes{};
  hkdf(key.bytes, bytes_of("mptunnel fingerprint"), {}, bytes);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i % 2 == 0 && i > 0 ? "-" : "", bytes.at(i));
  return text;
}

std::uint64_t derive_flow_hash(const ClientIdentity& identity, const Endpoint& application) {
  auto info = bytes_of(application);
  info.front() = application.family == Family::ipv4 ? 4 : 6;
  std::array<std::uint8_t, 8> hash{};
  hkdf(identity, bytes_of("mptunnel flow"), info, hash);
  return *ByteReader(hash).u64();
}

std::uint16_t derive_port(ConstBytes secret, std::string_view purpose) {
  std::array<std::uint8_t, 4> bytes{};
  hkdf(secret, bytes_of("mptunnel port"), bytes_of(purpose), bytes);
  return static_cast<std::uint16_t>(kFirstPort + *ByteReader(bytes).u32() % (kEndPort - kFirstPort));
}

TrafficKeys derive_traffic_keys(const NoiseSplit& split, std::uint8_t version, Cipher cipher, Role role) {
  const Derivation derive{split, version, cipher};
  const Direction out = role == Role::client ? Direction::to_server : Direction::to_client;
  const Direction in = role == Role::client ? Direction::to_client : Direction::to_server;
  const Cipher control = cipher == Cipher::none ? Cipher::chacha20_poly1305 : cipher;
  TrafficKeys keys{std::nullopt,
                   std::nullopt,
                   Aead(control, derive.key(out, Purpose::control), Aead::Use::seal),
                   Aead(control, derive.key(in, Purpose::control), Aead::Use::open),
                   derive.clear_key(out),
                   derive.clear_key(in),
                   cipher};
  if (cipher != Cipher::none) {
    keys.data_seal.emplace(cipher, derive.key(out, Purpose::data), Aead::Use::seal);
    keys.data_open.emplace(cipher, derive.key(in, Purpose::data), Aead::Use::open);
  }
  return keys;
}

}  // namespace mptunnel
