// A key whose bytes all differ: 00 01 ... 1f.
#pragma once

#include <cstdint>
#include <numeric>
#include <string_view>

#include "mptunnel/crypto/key.h"

namespace mptunnel::test {

/// By Python's base64.b64encode(bytes(range(32))).
inline constexpr std::string_view kNumberedKeyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
inline constexpr std::string_view kNumberedKeyHex =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

inline SecretKey numbered_key() {
  SecretKey key;
  std::iota(key.bytes.begin(), key.bytes.end(), std::uint8_t{0});
  return key;
}

}  // namespace mptunnel::test
