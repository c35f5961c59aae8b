// The keys of one key epoch: what a finished handshake turns into.
#pragma once

#include <optional>

#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel {

enum class Role : std::uint8_t { client, server };

/// A key per direction and packet type: HKDF(Noise split output of the direction, salt = none, info =
/// "mptunnel traffic" | version 1 | cipher 1 | direction 1 (0: client to server, 1: back) | purpose 1 (0:
/// DATA, 1: CONTROL, 2: clear token)).
struct TrafficKeys {
  /// Absent if `cipher` is none: DATA then carries a clear check made from the tokens.
  std::optional<Aead> data_seal;
  std::optional<Aead> data_open;
  Aead control_seal;  ///< ChaCha20-Poly1305 if `cipher` is none, else `cipher`
  Aead control_open;
  std::uint64_t clear_token_send = 0;
  std::uint64_t clear_token_receive = 0;
  Cipher cipher = Cipher::none;
};

TrafficKeys derive_traffic_keys(const NoiseSplit& split, std::uint8_t version, Cipher cipher, Role role);

}  // namespace mptunnel
