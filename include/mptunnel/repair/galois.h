// Arithmetic in GF(256), the field of the repair code: bytes are polynomials over GF(2) modulo
// x^8 + x^4 + x^3 + x^2 + 1 (0x11D), as in RFC 8681 and in ISA-L. A sum is XOR.
//
// Whole regions are multiplied by the fastest kernel that this processor and build have. All kernels give the
// same bytes: tests/unit/repair/galois_test.cpp.
#pragma once

#include <array>
#include <cstdint>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// The product of two elements.
std::uint8_t galois_product(std::uint8_t left, std::uint8_t right);
/// The element whose product with `value` is 1; `value` is not 0.
std::uint8_t galois_inverse(std::uint8_t value);

/// The kernels, the slowest first. For 1,202 bytes, on one core of an AMD EPYC with GFNI and AVX-512,
/// 2026-11: 635, 49, 24, 24 and 19 ns; for 162 bytes: 93, 8, 8, 5 and 4 ns. So ISA-L gains nothing beside
/// AVX2; it serves where there is none: it has code for ARM.
enum class GaloisKernel : std::uint8_t { portable, ssse3, isal, avx2, gfni, count_ };
const char* name_of(GaloisKernel kernel);
/// Whether it is built in, this processor runs it, and it agrees with the portable one.
bool is_available(GaloisKernel kernel);
/// What multiply_add() and scale() use: the last of those that are available.
GaloisKernel best_galois_kernel();

/// target ^= factor * source. Both have the same size and do not overlap.
void multiply_add(Bytes target, std::uint8_t factor, ConstBytes source);
/// target = factor * target.
void scale(Bytes target, std::uint8_t factor);

/// The same with one kernel, which is available: for tests and benchmarks.
void multiply_add(GaloisKernel kernel, Bytes target, std::uint8_t factor, ConstBytes source);
void scale(GaloisKernel kernel, Bytes target, std::uint8_t factor);

}  // namespace mptunnel
