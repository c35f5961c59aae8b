// What tests of the Noise handshake share.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "hex.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel::test {

using Octets = std::vector<std::uint8_t>;

/// Gives the bytes it was made with, once: the ephemeral key of a vector.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::string_view digits) : bytes_(from_hex(digits)) {}

  void fill(Bytes out) override {
    MPT_ASSERT(out.size() == bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
    bytes_.clear();
  }

 private:
  Octets bytes_;
};

inline Octets flip_bit(Octets bytes, std::size_t bit) {
  bytes.at(bit / 8) ^= static_cast<std::uint8_t>(1U << bit % 8);
  return bytes;
}

inline Octets prefix_of(const Octets& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace mptunnel::test
