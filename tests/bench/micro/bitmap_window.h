// The sliding window of RFC 6479, to be measured beside ReceivedSet: a ring of words that is not shifted but
// overwritten as the highest number moves on. It knows the last kBits - 64 numbers; what lies further back
// counts as seen, whether it was or not. The programs do not use it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "mptunnel/base/ids.h"

namespace mptunnel::bench {

template <std::uint32_t kBits>
class BitmapWindow {
 public:
  static constexpr std::uint32_t kWords = kBits / 64;
  static_assert(kWords >= 2 && (kWords & (kWords - 1)) == 0, "the ring is indexed by a mask");
  /// One word less than the ring: it is the one that is being filled (RFC 6479, section 2.1).
  static constexpr std::uint32_t kWindow = kBits - 64;

  [[nodiscard]] bool contains(PacketNumber number) const {
    if (number.value >= end_) return false;
    if (end_ - number.value > kWindow) return true;
    return (words_[word_of(number)] & bit_of(number)) != 0;
  }

  /// False if contains() would have said true.
  bool insert(PacketNumber number) {
    if (contains(number)) return false;
    if (number.value >= end_) {
      const std::uint32_t last = end_ == 0 ? 0 : (end_ - 1) / 64;
      const std::uint32_t cleared = std::min(number.value / 64 - last, kWords);
      for (std::uint32_t i = 1; i <= cleared; ++i) words_[(last + i) % kWords] = 0;
      end_ = number.value + 1;
    }
    words_[word_of(number)] |= bit_of(number);
    return true;
  }

 private:
  static std::size_t word_of(PacketNumber number) { return number.value / 64 % kWords; }
  static std::uint64_t bit_of(PacketNumber number) { return std::uint64_t{1} << number.value % 64; }

  std::array<std::uint64_t, kWords> words_{};
  std::uint32_t end_ = 0;  ///< one past the highest number
};

}  // namespace mptunnel::bench
