// x25519() against RFC 7748 over big integers, at random points and where arithmetic modulo 2^255 - 19 has
// its edges.
#include "x25519_reference.h"

#include <gtest/gtest.h>

#include "hex.h"
#include "mptunnel/crypto/noise.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::Coordinate;
using test::to_hex;
using test::X25519Reference;

Coordinate small_number(std::uint8_t value) {
  Coordinate bytes{};
  bytes[0] = value;
  return bytes;
}

Coordinate random_number(test::TestRandom& random) {
  Coordinate bytes{};
  random.fill(bytes);
  return bytes;
}

/// 2^exponent, or 2^exponent - 1.
Coordinate power_of_two(std::size_t exponent, bool less_one) {
  Coordinate bytes{};
  if (!less_one) {
    bytes.at(exponent / 8) = static_cast<std::uint8_t>(1U << exponent % 8);
    return bytes;
  }
  for (std::size_t bit = 0; bit < exponent; ++bit) {
    bytes.at(bit / 8) |= static_cast<std::uint8_t>(1U << bit % 8);
  }
  return bytes;
}

class X25519AgainstReference : public testing::Test {
 protected:
  void compare(const Coordinate& scalar, const Coordinate& point) {
    const Coordinate wanted = reference_.multiply(scalar, point);
    const bool is_zero = wanted == Coordinate{};
    const auto shared = x25519(SecretKey(scalar), point);
    ASSERT_EQ(shared.has_value(), !is_zero) << to_hex(scalar) << " * " << to_hex(point);
    if (shared) {
      ASSERT_EQ(to_hex(shared->bytes), to_hex(wanted)) << to_hex(scalar) << " * " << to_hex(point);
    }
    ++(is_zero ? refused_ : given_);
  }
  /// With scalars at the edges and one at random, with and without the point's unused top bit.
  void compare_around(Coordinate point) {
    for (const Coordinate& scalar : {Coordinate{}, power_of_two(255, true), random_number(random_)}) {
      compare(scalar, point);
      point.back() ^= 0x80U;
      compare(scalar, point);
      point.back() ^= 0x80U;
    }
  }

  X25519Reference reference_;
  test::TestRandom random_{7748};
  int given_ = 0;
  int refused_ = 0;
};

TEST_F(X25519AgainstReference, TheReferenceGivesTheResultsOfRfc7748) {
  EXPECT_EQ(to_hex(reference_.multiply(
                array_from_hex<32>("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                array_from_hex<32>("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(to_hex(reference_.multiply(small_number(9), small_number(9))),
            "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
}

// Half of all coordinates lie on the curve, the other half on its twist.
TEST_F(X25519AgainstReference, AgreesAtRandom) {
  for (int i = 0; i < 300; ++i) compare(random_number(random_), random_number(random_));
  EXPECT_EQ(given_, 300);
}

TEST_F(X25519AgainstReference, AgreesAroundZeroAndThePrime) {
  for (std::uint8_t value = 0; value < 20; ++value) compare_around(small_number(value));
  for (int offset = -20; offset <= 18; ++offset) compare_around(X25519Reference::prime_plus(offset));
  // 0, 1, p - 1, p and p + 1 have low order.
  EXPECT_EQ(refused_, 5 * 6);
  EXPECT_EQ(given_, (20 + 39 - 5) * 6);
}

TEST_F(X25519AgainstReference, RefusesPointsOfOrderEight) {
  compare_around(array_from_hex<32>("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"));
  compare_around(array_from_hex<32>("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"));
  EXPECT_EQ(refused_, 2 * 6);
}

TEST_F(X25519AgainstReference, AgreesWhereCarriesRunThroughTheLimbs) {
  for (std::size_t exponent = 1; exponent < 255; ++exponent) {
    compare(random_number(random_), power_of_two(exponent, false));
    compare(random_number(random_), power_of_two(exponent, true));
  }
  EXPECT_EQ(refused_, 1);  // 2^1 - 1
}

}  // namespace
}  // namespace mptunnel
