// The kernels of galois.h as functions.
#pragma once

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// Adds factor * source to target, or overwrites target with it.
using GaloisFunction = void (*)(std::uint8_t* target, std::uint8_t factor, const std::uint8_t* source,
                                std::size_t size);

struct GaloisFunctions {
  GaloisFunction add = nullptr;      ///< nullptr: not built in, or not for this processor
  GaloisFunction replace = nullptr;  ///< source may be target
};

GaloisFunctions portable_galois();
GaloisFunctions ssse3_galois();
GaloisFunctions avx2_galois();
GaloisFunctions gfni_galois();
GaloisFunctions isal_galois();

}  // namespace mptunnel
