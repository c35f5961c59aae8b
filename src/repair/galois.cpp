#include "mptunnel/repair/galois.h"

#include <algorithm>

#include "galois_kernels.h"
#include "galois_tables.h"
#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

constexpr std::size_t kKernels = static_cast<std::size_t>(GaloisKernel::count_);

/// Whether both functions do as the portable one does, with every factor and with a rest behind the vectors.
bool agrees(const GaloisFunctions& functions) {
  std::array<std::uint8_t, 256 + 7> source{};
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::uint8_t>(i);
  for (unsigned factor = 0; factor < 256; ++factor) {
    std::array<std::uint8_t, source.size()> sum{};
    std::array<std::uint8_t, source.size()> expected{};
    sum.fill(0x5a);
    expected.fill(0x5a);
    const auto by = static_cast<std::uint8_t>(factor);
    functions.add(sum.data(), by, source.data(), source.size());
    portable_galois().add(expected.data(), by, source.data(), source.size());
    if (sum != expected) return false;
    functions.replace(sum.data(), by, sum.data(), sum.size());
    portable_galois().replace(expected.data(), by, expected.data(), expected.size());
    if (sum != expected) return false;
  }
  return true;
}

struct GaloisDispatch {
  std::array<GaloisFunctions, kKernels> kernels{portable_galois(), ssse3_galois(), isal_galois(),
                                                avx2_galois(), gfni_galois()};
  std::size_t best = 0;

  GaloisDispatch() {
    for (std::size_t i = 1; i < kernels.size(); ++i) {
      GaloisFunctions& kernel = kernels.at(i);
      if (kernel.add != nullptr && !agrees(kernel)) kernel = {};
      if (kernel.add != nullptr) best = i;
    }
  }
};

/// Made at the first use: some 100 us.
const GaloisDispatch& galois_dispatch() {
  static const GaloisDispatch dispatch;
  return dispatch;
}

void apply_add(const GaloisFunctions& functions, Bytes target, std::uint8_t factor, ConstBytes source) {
  MPT_ASSERT(target.size() == source.size());
  if (factor != 0) functions.add(target.data(), factor, source.data(), source.size());
}

void apply_scale(const GaloisFunctions& functions, Bytes target, std::uint8_t factor) {
  if (factor != 1) functions.replace(target.data(), factor, target.data(), target.size());
}

const GaloisFunctions& functions_of(GaloisKernel kernel) {
  MPT_ASSERT(is_available(kernel));
  return galois_dispatch().kernels.at(static_cast<std::size_t>(kernel));
}

}  // namespace

std::uint8_t galois_product(std::uint8_t left, std::uint8_t right) {
  const NibbleTable& table = kGaloisTables.nibbles[left];
  return static_cast<std::uint8_t>(table[right & 15U] ^ table[16U + (right >> 4U)]);
}

std::uint8_t galois_inverse(std::uint8_t value) {
  MPT_ASSERT(value != 0);
  return kGaloisTables.inverses[value];
}

const char* name_of(GaloisKernel kernel) {
  static constexpr std::array<const char*, kKernels> kNames{"portable", "ssse3", "isal", "avx2", "gfni"};
  return kNames.at(static_cast<std::size_t>(kernel));
}

bool is_available(GaloisKernel kernel) {
  return galois_dispatch().kernels.at(static_cast<std::size_t>(kernel)).add != nullptr;
}

GaloisKernel best_galois_kernel() {
  return static_cast<GaloisKernel>(galois_dispatch().best);
}

void multiply_add(Bytes target, std::uint8_t factor, ConstBytes source) {
  const GaloisDispatch& dispatch = galois_dispatch();
  apply_add(dispatch.kernels[dispatch.best], target, factor, source);
}

void scale(Bytes target, std::uint8_t factor) {
  const GaloisDispatch& dispatch = galois_dispatch();
  apply_scale(dispatch.kernels[dispatch.best], target, factor);
}

void multiply_add(GaloisKernel kernel, Bytes target, std::uint8_t factor, ConstBytes source) {
  apply_add(functions_of(kernel), target, factor, source);
}

void scale(GaloisKernel kernel, Bytes target, std::uint8_t factor) {
  apply_scale(functions_of(kernel), target, factor);
}

}  // namespace mptunnel
