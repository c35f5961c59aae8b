// Where random bytes come from. The core draws none by itself: it is given a source.
#pragma once

#include <array>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;

  /// Fills `out`. It can't fail: a source that can't deliver ends the process.
  virtual void fill(Bytes out) = 0;

  std::uint64_t u64() {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8U | byte;
    return value;
  }

  /// Uniform in [0, bound), bound at least 1; the bias is below 2^-32 for bounds below 2^32.
  std::uint64_t below(std::uint64_t bound) { return u64() % bound; }
};

}  // namespace mptunnel
