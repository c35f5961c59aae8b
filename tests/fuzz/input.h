// The bytes of one input as numbers and pieces. At the end every number is 0 and every piece is empty.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mptunnel/base/bytes.h"

namespace mptunnel::fuzz {

class Input {
 public:
  explicit Input(ConstBytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    const ConstBytes one = piece(1);
    return one.empty() ? std::uint8_t{0} : one.front();
  }
  std::uint16_t u16() {
    const std::uint8_t high = u8();
    return static_cast<std::uint16_t>(high << 8U | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16U | u16();
  }
  /// In [0, bound), from one byte; `bound` is 1 to 256.
  std::size_t below(std::size_t bound) { return u8() % bound; }
  /// One of these, by one byte.
  template <typename Value, std::size_t Size>
  Value one_of(const std::array<Value, Size>& values) {
    return values.at(below(Size));
  }
  /// The next bytes, at most so many: a view.
  ConstBytes piece(std::size_t most) {
    const ConstBytes taken = rest_.subspan(0, std::min(most, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  ConstBytes rest() { return piece(rest_.size()); }

 private:
  ConstBytes rest_;
};

inline std::string_view text_of(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace mptunnel::fuzz
