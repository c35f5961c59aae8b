#include "mptunnel/base/path_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace mptunnel {
namespace {

constexpr PathId id(std::size_t value) {
  return PathId{static_cast<std::uint8_t>(value)};
}

std::vector<std::size_t> members(PathSet set) {
  std::vector<std::size_t> found;
  for (const PathId path : set) found.push_back(path.value);
  return found;
}

PathSet set_of(const std::vector<std::size_t>& paths) {
  PathSet set;
  for (const std::size_t path : paths) set.insert(id(path));
  return set;
}

TEST(PathSet, IsEmptyAtFirst) {
  constexpr PathSet set;
  static_assert(set.empty() && set.size() == 0);
  EXPECT_TRUE(members(set).empty());
}

TEST(PathSet, HoldsEachPathByItself) {
  for (std::size_t one = 0; one < kMaxPaths; ++one) {
    const PathSet set = PathSet::of(id(one));
    EXPECT_EQ(set.size(), 1U);
    EXPECT_EQ(members(set), std::vector{one});
    for (std::size_t other = 0; other < kMaxPaths; ++other) {
      EXPECT_EQ(set.contains(id(other)), one == other) << one << ' ' << other;
    }
  }
}

TEST(PathSet, InsertsAndErasesOncePerPath) {
  PathSet set;
  set.insert(id(31));
  set.insert(id(0));
  set.insert(id(31));
  EXPECT_EQ(members(set), (std::vector<std::size_t>{0, 31}));
  set.erase(id(0));
  set.erase(id(0));
  EXPECT_EQ(members(set), std::vector<std::size_t>{31});
  set.erase(id(31));
  EXPECT_TRUE(set.empty());
}

TEST(PathSet, OfTheFirstPathsEndsAtAnyCount) {
  for (std::size_t count = 0; count <= kMaxPaths; ++count) {
    const PathSet set = PathSet::first(count);
    EXPECT_EQ(set.size(), count);
    EXPECT_EQ(set.empty(), count == 0);
    for (std::size_t path = 0; path < kMaxPaths; ++path) EXPECT_EQ(set.contains(id(path)), path < count);
  }
  EXPECT_EQ(PathSet::all(), PathSet::first(kMaxPaths));
}

TEST(PathSet, JoinsIntersectsAndSubtracts) {
  const PathSet a = set_of({0, 1, 31});
  const PathSet b = set_of({1, 2});
  EXPECT_EQ(a | b, set_of({0, 1, 2, 31}));
  EXPECT_EQ(a & b, set_of({1}));
  EXPECT_EQ(a - b, set_of({0, 31}));
  EXPECT_EQ(b - a, set_of({2}));
  PathSet c = a;
  c |= b;
  EXPECT_EQ(c, a | b);
  c = a;
  c &= b;
  EXPECT_EQ(c, a & b);
  c = a;
  c -= b;
  EXPECT_EQ(c, a - b);
}

TEST(PathSet, IsVisitedInAscendingOrder) {
  EXPECT_EQ(members(set_of({17, 3, 31, 0})), (std::vector<std::size_t>{0, 3, 17, 31}));
  EXPECT_EQ(members(PathSet::all()).size(), kMaxPaths);
}

TEST(PathSet, MayChangeWhileItIsVisited) {
  PathSet set = set_of({1, 2, 3});
  std::size_t visited = 0;
  for (const PathId path : set) {
    set.erase(path);
    ++visited;
  }
  EXPECT_EQ(visited, 3U);
  EXPECT_TRUE(set.empty());
}

TEST(PathSetDeathTest, APathPastTheLastIsABug) {
  PathSet set;
  EXPECT_DEATH((void)PathSet::of(id(kMaxPaths)), "assertion");
  EXPECT_DEATH((void)set.contains(id(kMaxPaths)), "assertion");
  EXPECT_DEATH(set.insert(id(255)), "assertion");
  EXPECT_DEATH(set.erase(id(255)), "assertion");
  EXPECT_DEATH((void)PathSet::first(kMaxPaths + 1), "assertion");
}

}  // namespace
}  // namespace mptunnel
