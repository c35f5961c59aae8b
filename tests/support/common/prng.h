// A small, fast generator whose numbers are the same on every machine and standard library, for impairments
// and payloads. It is no source of keys.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "mptunnel/base/bytes.h"

namespace mptunnel::test {

/// One step of SplitMix64 (Steele, Lea, Flood 2014): moves `state` and returns its next number.
inline std::uint64_t split_mix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111ebU;
  return mixed ^ mixed >> 31U;
}

/// xoshiro256** 1.0 (Blackman, Vigna 2018), seeded through SplitMix64.
class Prng {
 public:
  /// Different `stream`s of one seed are independent of one another.
  explicit Prng(std::uint64_t seed, std::uint64_t stream = 0) {
    std::uint64_t state = stream;
    state = split_mix64(state) ^ seed;
    for (std::uint64_t& word : state_) word = split_mix64(state);
  }

  std::uint64_t u64() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(u64() >> 11U) * 0x1.0p-53; }

  /// Uniform in [0, bound); bound is 1 to 2^32.
  std::uint64_t below(std::uint64_t bound) { return (u64() >> 32U) * bound >> 32U; }

  void fill(Bytes out) {
    std::size_t at = 0;
    while (at < out.size()) {
      std::uint64_t word = u64();
      for (unsigned i = 0; i < 8 && at < out.size(); ++i, word >>= 8U)
        out[at++] = static_cast<std::uint8_t>(word);
    }
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace mptunnel::test
