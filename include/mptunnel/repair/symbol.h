// The symbols of the repair code, a random linear code over GF(256) with a sliding window, in the manner of
// RFC 8681.
//
// A source symbol is a row of bytes with a number; numbers are dense and ascend in the order of sending. Its
// coded form, for a window whose longest symbol has `longest` bytes:
//
//     0              2                  2 + length     2 + longest
//     | length (16)  | bytes            | zeros        |
//
// A repair symbol covers the source symbols first to first + count - 1. Its bytes are the sum, over GF(256),
// of their coded forms, each times the coefficient of its number. So it has 2 + longest bytes.
#pragma once

#include <cstdint>

#include "mptunnel/base/bytes.h"
#include "mptunnel/repair/limits.h"

namespace mptunnel {

/// What a repair packet carries.
struct RepairSymbol {
  std::uint64_t first = 0;
  std::size_t count = 0;   ///< 1 to kMaxRepairWindow
  std::uint16_t seed = 0;  ///< another one for each repair symbol of a window
  ConstBytes coded;        ///< kSymbolPrefixBytes to kMaxCodedBytes
};

/// The coefficient of source symbol `number` in a repair symbol with this seed: 1 to 255, never 0, so that
/// each repair symbol says something of each symbol in its window. All sums and products modulo 2^64:
///
///     x = number + (seed + 1) * 0x9E3779B97F4A7C15
///     x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9
///     x = (x ^ x >> 27) * 0x94D049BB133111EB
///     coefficient = 1 + (x ^ x >> 31) modulo 255
///
/// The mixing is that of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// 2014).
constexpr std::uint8_t repair_coefficient(std::uint16_t seed, std::uint64_t number) {
  std::uint64_t x = number + (std::uint64_t{seed} + 1) * 0x9e3779b97f4a7c15U;
  x = (x ^ x >> 30U) * 0xbf58476d1ce4e5b9U;
  x = (x ^ x >> 27U) * 0x94d049bb133111ebU;
  return static_cast<std::uint8_t>(1 + (x ^ x >> 31U) % 255);
}

/// sum += factor * the coded form of `symbol`. The sum has room for it.
void add_coded(Bytes sum, std::uint8_t factor, ConstBytes symbol);

}  // namespace mptunnel
