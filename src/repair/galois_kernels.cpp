#include "galois_kernels.h"

#include <array>
#include <cstring>

#include "galois_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef MPTUNNEL_HAS_ISAL
#include <isa-l/erasure_code.h>

#include <limits>
#endif

namespace mptunnel {
namespace {

/// Adds to target, or overwrites it: then source may be target.
template <bool Adds>
void galois_portable(std::uint8_t* target, std::uint8_t factor, const std::uint8_t* source,
                     std::size_t size) {
  const NibbleTable& table = kGaloisTables.nibbles[factor];
  for (std::size_t i = 0; i < size; ++i) {
    const auto product = static_cast<std::uint8_t>(table[source[i] & 15U] ^ table[16U + (source[i] >> 4U)]);
    target[i] = Adds ? static_cast<std::uint8_t>(target[i] ^ product) : product;
  }
}

}  // namespace

GaloisFunctions portable_galois() {
  return {galois_portable<true>, galois_portable<false>};
}

#if defined(__x86_64__)
namespace {

// The last vector of a region overlaps the one before it. It is made of what stood there at first, so that
// what both write is the same.

template <bool Adds>
__attribute__((target("ssse3"))) void galois_ssse3(std::uint8_t* target, std::uint8_t factor,
                                                   const std::uint8_t* source, std::size_t size) {
  if (size < 16) return galois_portable<Adds>(target, factor, source, size);
  const std::uint8_t* table = kGaloisTables.nibbles[factor].data();
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16));
  const __m128i mask = _mm_set1_epi8(15);
  const auto result = [=](std::size_t at) __attribute__((target("ssse3"))) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + at));
    const __m128i product =
        _mm_xor_si128(_mm_shuffle_epi8(low, _mm_and_si128(bytes, mask)),
                      _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi64(bytes, 4), mask)));
    if (!Adds) return product;
    return _mm_xor_si128(product, _mm_loadu_si128(reinterpret_cast<const __m128i*>(target + at)));
  };
  const __m128i last = result(size - 16);
  for (std::size_t at = 0; at + 16 <= size; at += 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(target + at), result(at));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(target + size - 16), last);
}

template <bool Adds>
__attribute__((target("avx2"))) void galois_avx2(std::uint8_t* target, std::uint8_t factor,
                                                 const std::uint8_t* source, std::size_t size) {
  if (size < 32) return galois_ssse3<Adds>(target, factor, source, size);
  const auto* table = reinterpret_cast<const __m128i*>(kGaloisTables.nibbles[factor].data());
  const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128(table));
  const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128(table + 1));
  const __m256i mask = _mm256_set1_epi8(15);
  const auto result = [=](std::size_t at) __attribute__((target("avx2"))) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + at));
    const __m256i product =
        _mm256_xor_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(bytes, mask)),
                         _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi64(bytes, 4), mask)));
    if (!Adds) return product;
    return _mm256_xor_si256(product, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(target + at)));
  };
  const __m256i last = result(size - 32);
  for (std::size_t at = 0; at + 32 <= size; at += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + at), result(at));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + size - 32), last);
}

template <bool Adds>
__attribute__((target("gfni,avx2"))) void galois_gfni(std::uint8_t* target, std::uint8_t factor,
                                                      const std::uint8_t* source, std::size_t size) {
  if (size < 32) return galois_ssse3<Adds>(target, factor, source, size);
  const __m256i matrix = _mm256_set1_epi64x(static_cast<long long>(kGaloisTables.matrices[factor]));
  const auto result = [=](std::size_t at) __attribute__((target("gfni,avx2"))) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + at));
    const __m256i product = _mm256_gf2p8affine_epi64_epi8(bytes, matrix, 0);
    if (!Adds) return product;
    return _mm256_xor_si256(product, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(target + at)));
  };
  const __m256i last = result(size - 32);
  for (std::size_t at = 0; at + 32 <= size; at += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + at), result(at));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + size - 32), last);
}

}  // namespace

GaloisFunctions ssse3_galois() {
  if (__builtin_cpu_supports("ssse3") == 0) return {};
  return {galois_ssse3<true>, galois_ssse3<false>};
}

GaloisFunctions avx2_galois() {
  if (__builtin_cpu_supports("avx2") == 0) return {};
  return {galois_avx2<true>, galois_avx2<false>};
}

GaloisFunctions gfni_galois() {
  if (__builtin_cpu_supports("avx2") == 0 || __builtin_cpu_supports("gfni") == 0) return {};
  return {galois_gfni<true>, galois_gfni<false>};
}
#else
GaloisFunctions ssse3_galois() {
  return {};
}
GaloisFunctions avx2_galois() {
  return {};
}
GaloisFunctions gfni_galois() {
  return {};
}
#endif

#ifdef MPTUNNEL_HAS_ISAL
namespace {

/// Below this ISA-L's vector code refuses.
constexpr std::size_t kIsalLeast = 64;

// ISA-L takes no const, and does not write to these.
void isal_add(std::uint8_t* target, std::uint8_t factor, const std::uint8_t* source, std::size_t size) {
  if (size < kIsalLeast || size > std::numeric_limits<int>::max()) {
    galois_portable<true>(target, factor, source, size);
    return;
  }
  gf_vect_mad(static_cast<int>(size), 1, 0, const_cast<std::uint8_t*>(kGaloisTables.nibbles[factor].data()),
              const_cast<std::uint8_t*>(source), target);
}

}  // namespace

GaloisFunctions isal_galois() {
  // gf_vect_mul() wants aligned regions, and is seldom needed.
  for (const GaloisFunctions& functions : {avx2_galois(), ssse3_galois()}) {
    if (functions.replace != nullptr) return {isal_add, functions.replace};
  }
  return {isal_add, portable_galois().replace};
}
#else
GaloisFunctions isal_galois() {
  return {};
}
#endif

}  // namespace mptunnel
