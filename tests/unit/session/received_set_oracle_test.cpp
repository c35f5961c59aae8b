// ReceivedSet against a std::set that forgets nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "mptunnel/session/received_set.h"

namespace mptunnel {
namespace {

struct Arrival {
  TimePoint at;
  std::uint32_t number;
};

/// Numbers 0 to `count` - 1 at `rate` a second over three paths that lose, and delay by up to a second each.
std::vector<Arrival> three_paths(std::uint32_t count, double rate, std::mt19937_64& engine) {
  std::vector<Arrival> arrivals;
  std::uniform_real_distribution<double> chance(0, 1);
  for (int path = 0; path < 3; ++path) {
    const double delay = chance(engine);
    const double jitter = 0.05 * chance(engine);
    const double loss = 0.6 * chance(engine);
    for (std::uint32_t number = 0; number < count; ++number) {
      if (chance(engine) < loss) continue;
      const double at = number / rate + delay + jitter * chance(engine);
      arrivals.push_back({TimePoint{std::chrono::nanoseconds(static_cast<std::int64_t>(at * 1e9))}, number});
      if (chance(engine) < 0.01) arrivals.push_back(arrivals.back());
    }
  }
  std::sort(arrivals.begin(), arrivals.end(),
            [](const Arrival& left, const Arrival& right) { return left.at < right.at; });
  return arrivals;
}

std::uint64_t missing_below(const std::set<std::uint32_t>& oracle, std::uint32_t mark) {
  return mark - static_cast<std::uint64_t>(std::distance(oracle.begin(), oracle.lower_bound(mark)));
}

TEST(ReceivedSetOracle, AgreesOnEveryCopyOfPathsASecondApart) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    ReceivedSet set;
    std::set<std::uint32_t> oracle;
    const double rate = seed % 2 == 0 ? 1000 : 5000;
    for (const Arrival& arrival : three_paths(4000, rate, engine)) {
      ASSERT_EQ(set.contains(PacketNumber{arrival.number}), oracle.contains(arrival.number));
      ASSERT_EQ(set.insert(PacketNumber{arrival.number}, arrival.at), oracle.insert(arrival.number).second);
      ASSERT_TRUE(set.contains(PacketNumber{arrival.number}));
    }
    EXPECT_EQ(set.received(), oracle.size());
    EXPECT_EQ(set.forced(), 0U);
    EXPECT_EQ(set.missing(), missing_below(oracle, set.low_water().value));
    for (std::uint32_t number = 0; number < 4000; ++number) {
      ASSERT_EQ(set.contains(PacketNumber{number}), oracle.contains(number)) << number;
    }
  }
}

TEST(ReceivedSetOracle, HundredThousandASecondASecondApartFitsTheQuota) {
  // 100,000 numbers are under way when the slow path's copies begin to arrive.
  std::mt19937_64 engine(1);
  std::bernoulli_distribution lost(0.2);
  ReceivedSet set;
  std::set<std::uint32_t> oracle;
  for (std::uint32_t number = 0; number < 200'000; ++number) {
    const TimePoint now{std::chrono::microseconds(10) * number};
    if (!lost(engine)) {
      ASSERT_EQ(set.insert(PacketNumber{number}, now), oracle.insert(number).second);
    }
    if (number >= 100'000 && !lost(engine)) {
      const std::uint32_t late = number - 100'000;
      ASSERT_EQ(set.insert(PacketNumber{late}, now), oracle.insert(late).second);
    }
  }
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_LE(set.blocks(), 400U);
  EXPECT_EQ(set.received(), oracle.size());
}

TEST(ReceivedSetOracle, MissingIsTheTruthOnceAllHasAged) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    ReceivedSet set;
    std::set<std::uint32_t> oracle;
    TimePoint now{};
    for (const Arrival& arrival : three_paths(5000, 2000, engine)) {
      set.insert(PacketNumber{arrival.number}, arrival.at);
      oracle.insert(arrival.number);
      now = arrival.at;
    }
    set.insert(PacketNumber{10 * ReceivedSet::kBlockNumbers}, now);
    oracle.insert(10 * ReceivedSet::kBlockNumbers);
    set.age(now + kReorderAge);
    ASSERT_EQ(set.low_water().value, 10 * ReceivedSet::kBlockNumbers);
    EXPECT_EQ(set.missing(), missing_below(oracle, set.low_water().value));
  }
}

/// Numbers far apart, a small quota and long pauses: the set gives up much, and still never takes a number
/// twice.
TEST(ReceivedSetOracle, NeverTakesANumberTwiceWhateverItGivesUp) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    const auto quota = static_cast<std::uint32_t>(1024 << seed % 4);
    ReceivedSet set(quota);
    std::set<std::uint32_t> taken;
    TimePoint now{};
    std::uint32_t middle = 0;
    std::uint32_t mark = 0;
    for (int i = 0; i < 3000; ++i) {
      now += std::chrono::milliseconds(engine() % 20 == 0 ? engine() % 40'000 : engine() % 20);
      if (engine() % 50 == 0) middle += static_cast<std::uint32_t>(engine() % 4096);
      const PacketNumber number{middle + static_cast<std::uint32_t>(engine() % 3000)};
      const bool known = set.contains(number);
      ASSERT_EQ(known, taken.contains(number.value) || number < set.low_water());
      if (set.insert(number, now)) {
        ASSERT_FALSE(known);
        ASSERT_TRUE(taken.insert(number.value).second) << number.value;
      }
      ASSERT_GE(set.low_water().value, mark);
      mark = set.low_water().value;
      ASSERT_LE(set.blocks(), quota / ReceivedSet::kBlockNumbers);
      if (i % 100 == 0) {
        ASSERT_EQ(set.missing(), missing_below(taken, mark));
      }
      ASSERT_EQ(set.received(), taken.size());
    }
    EXPECT_GT(set.missing(), 0U);
  }
}

}  // namespace
}  // namespace mptunnel
