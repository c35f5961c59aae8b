// Hexadecimal digits to bytes and back, for tests that compare with vectors.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/bytes.h"

namespace mptunnel::test {

inline std::uint8_t digit_value(char digit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t value = kDigits.find(digit);
  MPT_ASSERT(value != std::string_view::npos);
  return static_cast<std::uint8_t>(value);
}

inline std::vector<std::uint8_t> from_hex(std::string_view digits) {
  MPT_ASSERT(digits.size() % 2 == 0);
  std::vector<std::uint8_t> bytes(digits.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(digit_value(digits[2 * i]) << 4U | digit_value(digits[2 * i + 1]));
  }
  return bytes;
}

template <std::size_t Count>
std::array<std::uint8_t, Count> array_from_hex(std::string_view digits) {
  const std::vector<std::uint8_t> bytes = from_hex(digits);
  MPT_ASSERT(bytes.size() == Count);
  std::array<std::uint8_t, Count> result{};
  std::copy(bytes.begin(), bytes.end(), result.begin());
  return result;
}

inline std::string to_hex(ConstBytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : bytes) {
    digits.push_back(kDigits[byte >> 4U]);
    digits.push_back(kDigits[byte & 15U]);
  }
  return digits;
}

}  // namespace mptunnel::test
