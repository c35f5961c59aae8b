#include <gtest/gtest.h>

#include <set>

#include "mptunnel/engine/server_session.h"
#include "mptunnel/engine/session_table.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::TestRandom;

TEST(EpochTable, FindsWhatWasAddedUntilItIsErased) {
  EpochTable table(4);
  TestRandom random{1};
  LinkContext context(random);
  KeyAccount account(nullptr);
  ServerSession session(SessionHandle{1}, {ClientHelloFrame{}, account}, Route{}, context, TimePoint{});
  LinkEpoch epoch(nullptr, 7, nullptr);
  EXPECT_EQ(table.find(SessionIndex{5}), nullptr);
  table.add(SessionIndex{5}, {&session, &epoch});
  ASSERT_NE(table.find(SessionIndex{5}), nullptr);
  EXPECT_EQ(table.find(SessionIndex{5})->session, &session);
  EXPECT_EQ(table.find(SessionIndex{5})->epoch->order(), 7U);
  EXPECT_EQ(table.find(SessionIndex{9}), nullptr);
  table.erase(SessionIndex{5});
  table.erase(SessionIndex{5});
  EXPECT_EQ(table.find(SessionIndex{5}), nullptr);
}

TEST(EpochTable, IndexIsFreeInItsLaneOnly) {
  EpochTable table(4);
  table.add(SessionIndex{5}, {});
  EXPECT_FALSE(table.is_free(SessionIndex{5}, 1));
  EXPECT_TRUE(table.is_free(SessionIndex{9}, 1));
  EXPECT_FALSE(table.is_free(SessionIndex{9}, 2));
}

TEST(EpochTable, LanesTakeTurnsWhileAllAreEqual) {
  EpochTable table(8);
  std::set<std::size_t> lanes;
  for (int i = 0; i < 8; ++i) lanes.insert(table.next_lane());
  EXPECT_EQ(lanes.size(), 8U);
}

TEST(EpochTable, NextLaneIsAmongTheEmptiest) {
  EpochTable table(4);
  for (const std::uint32_t index : {0U, 1U, 4U, 5U, 7U, 11U}) table.add(SessionIndex{index}, {});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(table.next_lane(), 2U);
  table.erase(SessionIndex{1});
  table.erase(SessionIndex{5});
  std::set<std::size_t> lanes;
  for (int i = 0; i < 8; ++i) lanes.insert(table.next_lane());
  EXPECT_EQ(lanes, (std::set<std::size_t>{1, 2}));
}

TEST(EpochTable, OneLaneTakesAll) {
  EpochTable table(1);
  EXPECT_EQ(table.next_lane(), 0U);
  EXPECT_TRUE(table.is_free(SessionIndex{0xffffff}, 0));
}

}  // namespace
}  // namespace mptunnel
