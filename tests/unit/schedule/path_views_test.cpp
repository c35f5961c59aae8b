#include <gtest/gtest.h>

#include "mptunnel/schedule/scheduler.h"

namespace mptunnel {
namespace {

PathView with_mtu(std::size_t mtu) {
  return {PathState::up, mtu, {}};
}

TEST(PathViews, EmptyOnesHaveNoPath) {
  const PathViews views{};
  EXPECT_TRUE(views.empty());
  EXPECT_TRUE(views.paths().empty());
  EXPECT_EQ(views.smallest_mtu(), kMaxPacketBytes);
  EXPECT_TRUE(views.too_small_for(kMaxSealedBytes, {}).empty());
}

TEST(PathViews, HoldWhatWasAdded) {
  PathViews views;
  views.add(PathId{31}, {PathState::suspect, 1300, 20ms});
  views.add(PathId{2}, {PathState::up, 1472, 5ms});
  EXPECT_EQ(views.paths(), PathSet::of(PathId{2}, PathId{31}));
  EXPECT_FALSE(views.empty());
  EXPECT_EQ(views.of(PathId{31}).state, PathState::suspect);
  EXPECT_EQ(views.of(PathId{31}).rtt, 20ms);
  EXPECT_EQ(views.of(PathId{2}).mtu, 1472U);
  EXPECT_EQ(views.smallest_mtu(), 1300U);
}

TEST(PathViews, NameThePathsThatAreTooSmallAndTheSmallestOfThem) {
  PathViews views;
  const std::array<std::size_t, 4> mtus{1472, 1372, 1252, 1460};
  for (std::uint8_t i = 0; i < 4; ++i) views.add(PathId{i}, with_mtu(mtus.at(i)));
  const PathSet without = PathSet::first(4) - PathSet::of(PathId{2});
  EXPECT_EQ(views.too_small_for(1460, without), PathSet::of(PathId{1})) << "path 3 is just large enough";
  EXPECT_EQ(views.too_small_for(1460, PathSet::first(4)), PathSet::of(PathId{1}, PathId{2}));
  EXPECT_EQ(views.too_small_for(1473, PathSet::first(4)), PathSet::first(4));
  EXPECT_TRUE(views.too_small_for(1252, PathSet::first(4)).empty());
  EXPECT_EQ(views.certain_mtu(PathSet::of(PathId{1}, PathId{3})), 1372U);
  EXPECT_EQ(views.certain_mtu(PathSet::first(4)), 1252U);
  EXPECT_EQ(views.certain_mtu({}), kMaxPacketBytes);
}

TEST(PathViews, WhoseMtuIsDoubtedCarriesTheBaseForCertain) {
  PathViews views;
  views.add(PathId{1}, {PathState::up, 1472, Duration{}, true});
  views.add(PathId{2}, with_mtu(900));
  views.add(PathId{3}, with_mtu(1372));
  EXPECT_EQ(views.doubted(), PathSet::of(PathId{1}));
  EXPECT_EQ(views.certain_mtu(PathSet::of(PathId{1}, PathId{3})), kBaseMtu);
  EXPECT_EQ(views.certain_mtu(PathSet::of(PathId{1}, PathId{2})), 900U);
  EXPECT_EQ(views.certain_mtu(PathSet::of(PathId{3})), 1372U);
  EXPECT_TRUE(views.too_small_for(1472, PathSet::of(PathId{1})).empty()) << "it gets it whole all the same";
}

}  // namespace
}  // namespace mptunnel
