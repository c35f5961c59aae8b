// SipHash-2-4 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012): 64 bits that nobody can compute
// without the key. In the header, because it costs some 20 ns for a packet of the clear mode, where a call of
// OpenSSL's takes 20 times as long.
#pragma once

#include <bit>
#include <cstdint>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/random.h"

namespace mptunnel {

struct SipHashKey {
  std::uint64_t k0 = 0;  ///< the first 8 bytes of the key, little-endian, as the paper has it
  std::uint64_t k1 = 0;

  friend bool operator==(const SipHashKey&, const SipHashKey&) = default;
};

namespace siphash_detail {

struct State {
  std::uint64_t v0, v1, v2, v3;

  constexpr void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  constexpr void take(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
};

/// Up to 8 bytes, little-endian.
constexpr std::uint64_t word_of(ConstBytes bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) word |= std::uint64_t{bytes[i]} << 8U * i;
  return word;
}

}  // namespace siphash_detail

inline SipHashKey random_siphash_key(RandomSource& random) {
  const std::uint64_t k0 = random.u64();
  return {k0, random.u64()};
}
/// From 16 bytes.
constexpr SipHashKey siphash_key(ConstBytes bytes) {
  return {siphash_detail::word_of(bytes.first<8>()), siphash_detail::word_of(bytes.subspan<8, 8>())};
}

constexpr std::uint64_t siphash(const SipHashKey& key, ConstBytes bytes) {
  siphash_detail::State state{key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU,
                              key.k0 ^ 0x6c7967656e657261U, key.k1 ^ 0x7465646279746573U};
  const std::uint64_t length = std::uint64_t{bytes.size()} << 56U;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) state.take(siphash_detail::word_of(bytes.first<8>()));
  state.take(length | siphash_detail::word_of(bytes));
  state.v2 ^= 0xff;
  state.rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace mptunnel
