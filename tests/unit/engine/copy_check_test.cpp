#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "mptunnel/engine/link/link_context.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

std::vector<bool> draws(std::uint64_t seed, std::size_t count) {
  test::TestRandom random(seed);
  CopyCheck check;
  std::vector<bool> drawn(count);
  for (std::size_t i = 0; i < count; ++i) drawn[i] = check.draw(random);
  return drawn;
}

TEST(CopyCheck, DrawsAboutOneIn64) {
  constexpr double kDraws = 640'000;
  const auto drawn = draws(1, static_cast<std::size_t>(kDraws));
  const auto chosen = static_cast<double>(std::count(drawn.begin(), drawn.end(), true));
  const double sigma = std::sqrt(kDraws / 64 * 63 / 64);
  EXPECT_NEAR(chosen, kDraws / 64, 4 * sigma);
}

TEST(CopyCheck, PatternDiffersBySeed) {
  std::set<std::vector<bool>> patterns;
  for (std::uint64_t seed = 0; seed < 20; ++seed) patterns.insert(draws(seed, 10'000));
  EXPECT_EQ(patterns.size(), 20U);
}

TEST(CopyCheck, HasNoPeriodAndNoFavouritePlace) {
  const auto drawn = draws(7, 640'000);
  std::set<std::size_t> gaps;
  std::array<int, 10> by_place{};
  std::size_t last = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    if (!drawn[i]) continue;
    gaps.insert(i - last);
    last = i;
    ++by_place.at(i % by_place.size());
  }
  EXPECT_GT(gaps.size(), 200U);
  // 1,000 each, and a standard deviation of 31.
  for (const int count : by_place) EXPECT_NEAR(count, 1000, 160);
}

TEST(CopyCheck, DrawsFromTheSourceOnceIn640Calls) {
  class CountingRandom final : public RandomSource {
   public:
    void fill(Bytes out) override {
      ++calls;
      for (std::uint8_t& byte : out) byte = 0x5a;
    }
    int calls = 0;
  };
  CountingRandom random;
  CopyCheck check;
  for (int i = 0; i < 6400; ++i) check.draw(random);
  EXPECT_EQ(random.calls, 10);
}

}  // namespace
}  // namespace mptunnel
