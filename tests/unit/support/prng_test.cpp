#include "support/common/prng.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace mptunnel::test {
namespace {

TEST(Prng, SplitMix64GivesThePublishedNumbers) {
  // The first outputs for state 1234567, as listed for SplitMix64 on rosettacode.org.
  std::uint64_t state = 1234567;
  EXPECT_EQ(split_mix64(state), 6457827717110365317U);
  EXPECT_EQ(split_mix64(state), 3203168211198807973U);
  EXPECT_EQ(split_mix64(state), 9817491932198370423U);
}

TEST(Prng, RepeatsItselfForTheSameSeedAndStream) {
  Prng first(7, 3);
  Prng second(7, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first.u64(), second.u64());
}

TEST(Prng, DiffersBetweenSeedsAndStreams) {
  Prng base(7, 3);
  Prng other_seed(8, 3);
  Prng other_stream(7, 4);
  const std::uint64_t first = base.u64();
  EXPECT_NE(first, other_seed.u64());
  EXPECT_NE(first, other_stream.u64());
}

TEST(Prng, DrawsEachValueBelowABoundEquallyOften) {
  Prng random(1);
  std::array<int, 10> counts{};
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) ++counts.at(random.below(counts.size()));
  // Binomial: mean 10,000, standard deviation 95; 5 of them.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 475);
}

TEST(Prng, UniformStaysBelowOne) {
  Prng random(2);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);
}

TEST(Prng, FillsOddLengthsToTheLastByte) {
  for (std::size_t length = 0; length < 20; ++length) {
    bool last_changes = length == 0;
    for (std::uint64_t seed = 0; seed < 20 && !last_changes; ++seed) {
      std::array<std::uint8_t, 20> bytes{};
      Prng(seed).fill(Bytes(bytes).first(length));
      last_changes = bytes.at(length - 1) != 0;
    }
    EXPECT_TRUE(last_changes) << length;
  }
}

}  // namespace
}  // namespace mptunnel::test
