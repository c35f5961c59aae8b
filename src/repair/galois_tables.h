// What the kernels look up. Made when the program is compiled; 10 KiB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mptunnel {

/// Multiplication, bit by bit.
constexpr std::uint8_t galois_multiply_slowly(std::uint8_t left, std::uint8_t right) {
  unsigned product = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if ((right >> bit & 1U) != 0) product ^= unsigned{left} << bit;
  }
  for (unsigned bit = 14; bit >= 8; --bit) {
    if ((product >> bit & 1U) != 0) product ^= 0x11dU << (bit - 8);
  }
  return static_cast<std::uint8_t>(product);
}

/// For each factor its products with 0 to 15, and with 0x00, 0x10 to 0xf0: ISA-L's layout.
using NibbleTable = std::array<std::uint8_t, 32>;

struct GaloisTables {
  alignas(32) std::array<NibbleTable, 256> nibbles{};
  /// For each factor the 8x8 matrix of bits that GF2P8AFFINEQB takes: bit j of byte 7 - i says whether bit j
  /// of the argument counts for bit i of the product.
  std::array<std::uint64_t, 256> matrices{};
  std::array<std::uint8_t, 256> inverses{};
};

constexpr GaloisTables make_galois_tables() {
  GaloisTables tables;
  for (unsigned factor = 0; factor < 256; ++factor) {
    const auto by = static_cast<std::uint8_t>(factor);
    for (unsigned i = 0; i < 16; ++i) {
      tables.nibbles[factor][i] = galois_multiply_slowly(by, static_cast<std::uint8_t>(i));
      tables.nibbles[factor][16 + i] = galois_multiply_slowly(by, static_cast<std::uint8_t>(i << 4U));
    }
    for (unsigned j = 0; j < 8; ++j) {
      const unsigned column = galois_multiply_slowly(by, static_cast<std::uint8_t>(1U << j));
      for (unsigned i = 0; i < 8; ++i) {
        if ((column >> i & 1U) != 0) tables.matrices[factor] |= std::uint64_t{1} << ((7 - i) * 8 + j);
      }
    }
  }
  // 2 generates all elements but 0; its 255th power is 1.
  std::array<std::uint8_t, 255> powers{};
  std::uint8_t power = 1;
  for (std::uint8_t& place : powers) {
    place = power;
    power = galois_multiply_slowly(power, 2);
  }
  for (std::size_t i = 0; i < powers.size(); ++i) {
    tables.inverses[powers[i]] = powers[(powers.size() - i) % powers.size()];
  }
  return tables;
}

inline constexpr GaloisTables kGaloisTables = make_galois_tables();

}  // namespace mptunnel
