// GF(256), and the kernels against multiplication by hand.
#include "mptunnel/repair/galois.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "repair_support.h"

namespace mptunnel {
namespace {

/// The school's way: shift and reduce.
std::uint8_t product_by_hand(unsigned left, unsigned right) {
  unsigned product = 0;
  for (; right != 0; right >>= 1U) {
    if ((right & 1U) != 0) product ^= left;
    left <<= 1U;
    if ((left & 0x100U) != 0) left ^= 0x11dU;
  }
  return static_cast<std::uint8_t>(product);
}

using test::some_bytes;

TEST(Galois, ProductIsThatByHand) {
  for (unsigned left = 0; left < 256; ++left) {
    for (unsigned right = 0; right < 256; ++right) {
      ASSERT_EQ(galois_product(static_cast<std::uint8_t>(left), static_cast<std::uint8_t>(right)),
                product_by_hand(left, right))
          << left << " * " << right;
    }
  }
}

TEST(Galois, ProductWithTheInverseIsOne) {
  for (unsigned value = 1; value < 256; ++value) {
    const auto element = static_cast<std::uint8_t>(value);
    ASSERT_EQ(galois_product(element, galois_inverse(element)), 1) << value;
  }
}

TEST(Galois, BestKernelIsTheLastAvailable) {
  EXPECT_TRUE(is_available(GaloisKernel::portable));
  for (std::size_t i = 0; i < static_cast<std::size_t>(GaloisKernel::count_); ++i) {
    const auto kernel = static_cast<GaloisKernel>(i);
    if (is_available(kernel)) {
      EXPECT_GE(best_galois_kernel(), kernel);
    }
  }
  EXPECT_TRUE(is_available(best_galois_kernel()));
}

class GaloisKernels : public testing::TestWithParam<GaloisKernel> {
 protected:
  void SetUp() override {
    if (!is_available(GetParam())) GTEST_SKIP() << "not in this build, or not on this processor";
  }
};

TEST_P(GaloisKernels, MultipliesByEachFactor) {
  for (unsigned factor = 0; factor < 256; ++factor) {
    const auto by = static_cast<std::uint8_t>(factor);
    const auto source = some_bytes(200, factor);
    const auto before = some_bytes(200, 1000 + factor);
    auto sum = before;
    auto scaled = source;
    multiply_add(GetParam(), sum, by, source);
    scale(GetParam(), scaled, by);
    for (std::size_t i = 0; i < source.size(); ++i) {
      const std::uint8_t product = product_by_hand(factor, source[i]);
      ASSERT_EQ(sum[i], before[i] ^ product) << factor << " at " << i;
      ASSERT_EQ(scaled[i], product) << factor << " at " << i;
    }
  }
}

/// Sizes around those of vectors, at any alignment; what lies around stays.
TEST_P(GaloisKernels, TouchesNothingOutside) {
  constexpr std::size_t kAround = 40;
  std::mt19937_64 engine(7);
  for (std::size_t size = 0; size < 300; ++size) {
    const std::size_t shift = engine() % 32;
    const auto by = static_cast<std::uint8_t>(2 + engine() % 254);
    const auto source = some_bytes(size + 32, size);
    const auto before = some_bytes(size + 2 * kAround, 1000 + size);
    auto sum = before;
    auto scaled = before;
    multiply_add(GetParam(), Bytes(sum).subspan(shift, size), by,
                 ConstBytes(source).subspan(31 - shift, size));
    scale(GetParam(), Bytes(scaled).subspan(shift, size), by);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const bool inside = i >= shift && i < shift + size;
      ASSERT_EQ(sum[i], inside ? before[i] ^ product_by_hand(by, source[31 - shift + i - shift]) : before[i]);
      ASSERT_EQ(scaled[i], inside ? product_by_hand(by, before[i]) : before[i]) << size;
    }
  }
}

TEST_P(GaloisKernels, GivesTheBytesOfThePortableOne) {
  for (const std::size_t size : {std::size_t{1200}, std::size_t{65537}}) {
    const auto source = some_bytes(size, size);
    auto sum = some_bytes(size, 1);
    auto expected = sum;
    multiply_add(GetParam(), sum, 0x8e, source);
    multiply_add(GaloisKernel::portable, expected, 0x8e, source);
    ASSERT_EQ(sum, expected);
    scale(GetParam(), sum, 0x35);
    scale(GaloisKernel::portable, expected, 0x35);
    ASSERT_EQ(sum, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, GaloisKernels,
                         testing::Values(GaloisKernel::portable, GaloisKernel::ssse3, GaloisKernel::avx2,
                                         GaloisKernel::isal, GaloisKernel::gfni),
                         [](const auto& row) { return std::string(name_of(row.param)); });

}  // namespace
}  // namespace mptunnel
