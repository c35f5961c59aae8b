// Which copies are decrypted although they were seen: one in 64, at random, so that who forges copies to make
// a path look better than it is can't tell which.
#pragma once

#include <cstdint>

#include "mptunnel/base/random.h"

namespace mptunnel {

class CopyCheck {
 public:
  /// True for one call in 64. Draws from `random` once in ten calls.
  bool draw(RandomSource& random) {
    if (left_ == 0) {
      bits_ = random.u64();
      left_ = kDrawsPerWord;
    }
    --left_;
    const bool chosen = (bits_ & kMask) == 0;
    bits_ >>= kBits;
    return chosen;
  }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << kBits) - 1;
  static constexpr unsigned kDrawsPerWord = 64 / kBits;

  std::uint64_t bits_ = 0;
  unsigned left_ = 0;
};

}  // namespace mptunnel
