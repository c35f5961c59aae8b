// X25519 written down from RFC 7748, section 5, over OpenSSL's big integers: slow, and independent of what it
// is compared with.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "mptunnel/base/bytes.h"

namespace mptunnel::test {

using Coordinate = std::array<std::uint8_t, 32>;

class X25519Reference {
 public:
  X25519Reference();
  X25519Reference(const X25519Reference&) = delete;
  X25519Reference& operator=(const X25519Reference&) = delete;
  ~X25519Reference();

  /// The u-coordinate of scalar * point; all zero if the point has low order.
  [[nodiscard]] Coordinate multiply(const Coordinate& scalar, const Coordinate& point);
  /// p + offset, for p = 2^255 - 19, in 32 little-endian bytes. `offset` is at most 18: above it are no
  /// coordinates.
  [[nodiscard]] static Coordinate prime_plus(int offset);

 private:
  struct Numbers;
  std::unique_ptr<Numbers> numbers_;
};

}  // namespace mptunnel::test
