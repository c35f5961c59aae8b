#include "mptunnel/crypto/traffic_keys.h"

#include <algorithm>
#include <vector>

#include "mptunnel/base/cursor.h"
#include "mptunnel/crypto/kdf.h"

namespace mptunnel {
namespace {

enum class Direction : std::uint8_t { to_server = 0, to_client = 1 };
enum class Purpose : std::uint8_t { data = 0, control = 1, clear_token = 2 };

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
  [[nodiscard]] std::uint64_t token(Direction direction) const {
    std::array<std::uint8_t, 8> bytes{};
    fill(direction, Purpose::clear_token, bytes);
    return *ByteReader(bytes).u64();
  }
};

}  // namespace

TrafficKeys derive_traffic_keys(const NoiseSplit& split, std::uint8_t version, Cipher cipher, Role role) {
  const Derivation derive{split, version, cipher};
  const Direction out = role == Role::client ? Direction::to_server : Direction::to_client;
  const Direction in = role == Role::client ? Direction::to_client : Direction::to_server;
  const Cipher control = cipher == Cipher::none ? Cipher::chacha20_poly1305 : cipher;
  TrafficKeys keys{std::nullopt,
                   std::nullopt,
                   Aead(control, derive.key(out, Purpose::control), Aead::Use::seal),
                   Aead(control, derive.key(in, Purpose::control), Aead::Use::open),
                   derive.token(out),
                   derive.token(in),
                   cipher};
  if (cipher != Cipher::none) {
    keys.data_seal.emplace(cipher, derive.key(out, Purpose::data), Aead::Use::seal);
    keys.data_open.emplace(cipher, derive.key(in, Purpose::data), Aead::Use::open);
  }
  return keys;
}

}  // namespace mptunnel
