#include "mptunnel/session/received_set.h"

#include <gtest/gtest.h>

#include <string>

#include "allocation_counter.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

constexpr std::uint32_t kLast = (std::uint32_t{1} << 31U) - 1;
constexpr std::uint32_t kBlock = ReceivedSet::kBlockNumbers;

bool insert(ReceivedSet& set, std::uint32_t number, Duration after = {}) {
  return set.insert(PacketNumber{number}, kStart + after);
}
bool contains(const ReceivedSet& set, std::uint32_t number) {
  return set.contains(PacketNumber{number});
}
/// Inserts [first, end) and returns how many were new.
std::uint32_t fill(ReceivedSet& set, std::uint32_t first, std::uint32_t end, Duration after = {}) {
  std::uint32_t taken = 0;
  for (std::uint32_t number = first; number < end; ++number) taken += insert(set, number, after) ? 1 : 0;
  return taken;
}

struct EdgeRow {
  const char* name;
  std::uint32_t number;
};
class ReceivedSetEdge : public testing::TestWithParam<EdgeRow> {};

TEST_P(ReceivedSetEdge, TakesNumberOnceAndNoNeighbour) {
  const std::uint32_t number = GetParam().number;
  ReceivedSet set;
  EXPECT_FALSE(contains(set, number));
  EXPECT_TRUE(insert(set, number));
  EXPECT_TRUE(contains(set, number));
  EXPECT_FALSE(insert(set, number));
  EXPECT_FALSE(contains(set, number + 1));
  if (number > 0) {
    EXPECT_FALSE(contains(set, number - 1));
  }
  EXPECT_EQ(set.received(), 1U);
  EXPECT_EQ(set.missing(), 0U);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
}

INSTANTIATE_TEST_SUITE_P(Numbers, ReceivedSetEdge,
                         testing::Values(EdgeRow{"Zero", 0}, EdgeRow{"One", 1}, EdgeRow{"LastOfWord", 63},
                                         EdgeRow{"FirstOfSecondWord", 64}, EdgeRow{"LastOfBlock", 511},
                                         EdgeRow{"FirstOfSecondBlock", 512},
                                         EdgeRow{"QuotaLess1", kReceivedSetNumbers - 1},
                                         EdgeRow{"Quota", kReceivedSetNumbers}, EdgeRow{"LastOfAKey", kLast}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReceivedSet, FullBottomBlockRaisesMark) {
  ReceivedSet set;
  EXPECT_EQ(fill(set, 0, kBlock - 1), kBlock - 1);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
  EXPECT_TRUE(insert(set, kBlock - 1));
  EXPECT_EQ(set.low_water(), PacketNumber{kBlock});
  EXPECT_EQ(set.missing(), 0U);
  EXPECT_EQ(set.blocks(), 0U);
  for (std::uint32_t number = 0; number < kBlock; ++number) EXPECT_TRUE(contains(set, number)) << number;
  EXPECT_FALSE(contains(set, kBlock));
}

TEST(ReceivedSet, DropsCopyOfNumberBelowLowWater) {
  ReceivedSet set;
  fill(set, 0, kBlock);
  EXPECT_FALSE(insert(set, 0));
  EXPECT_FALSE(insert(set, kBlock - 1));
  EXPECT_EQ(set.received(), kBlock);
}

TEST(ReceivedSet, LateNumberClosesAllFullBlocksAboveIt) {
  ReceivedSet set;
  fill(set, 0, 7);
  fill(set, 8, 3 * kBlock + 1);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
  EXPECT_EQ(set.blocks(), 4U);
  EXPECT_TRUE(insert(set, 7));
  EXPECT_EQ(set.low_water(), PacketNumber{3 * kBlock});
  EXPECT_EQ(set.blocks(), 1U);
  EXPECT_EQ(set.missing(), 0U);
}

TEST(ReceivedSet, ReachesLastNumberOfAKey) {
  ReceivedSet set;
  EXPECT_TRUE(insert(set, kLast - kBlock));
  EXPECT_TRUE(insert(set, kLast));
  set.age(kStart + kReorderAge);
  EXPECT_EQ(set.low_water(), PacketNumber{kLast + 1 - kBlock});
  EXPECT_EQ(set.missing(), kLast - kBlock);
  EXPECT_EQ(fill(set, kLast + 1 - kBlock, kLast), kBlock - 1);
  EXPECT_EQ(set.low_water(), PacketNumber{kLast + 1});
  EXPECT_TRUE(contains(set, kLast));
  EXPECT_FALSE(insert(set, kLast));
  EXPECT_EQ(set.missing(), kLast - kBlock);
  EXPECT_EQ(set.received(), kBlock + 1);
}

TEST(ReceivedSet, ForcedClosingIsCounted) {
  ReceivedSet set(2 * kBlock);
  EXPECT_TRUE(insert(set, 0));
  EXPECT_TRUE(insert(set, kBlock));
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_TRUE(insert(set, 2 * kBlock));
  EXPECT_EQ(set.forced(), 1U);
  EXPECT_EQ(set.blocks(), 2U);
  EXPECT_EQ(set.low_water(), PacketNumber{kBlock});
  EXPECT_EQ(set.missing(), kBlock - 1);
  EXPECT_TRUE(contains(set, 1));
  EXPECT_FALSE(insert(set, 1));
  EXPECT_FALSE(contains(set, kBlock + 1));
}

TEST(ReceivedSet, LastNumberWithinQuotaForcesNothing) {
  ReceivedSet set(2 * kBlock);
  insert(set, 1);
  EXPECT_TRUE(insert(set, 2 * kBlock - 1));
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_TRUE(insert(set, 0));
}

TEST(ReceivedSet, QuotaIsRoundedUpToBlocksAndIsAtLeastTwo) {
  for (const std::uint32_t quota : {0U, 1U, kBlock + 1, 2 * kBlock}) {
    ReceivedSet set(quota);
    insert(set, 1);
    insert(set, kBlock + 1);
    EXPECT_EQ(set.forced(), 0U) << quota;
    insert(set, 2 * kBlock + 1);
    EXPECT_EQ(set.forced(), 1U) << quota;
  }
}

TEST(ReceivedSet, NumberBelowAllBlocksIsRefusedWhenFullAndCounted) {
  ReceivedSet set(2 * kBlock);
  insert(set, 5 * kBlock);
  insert(set, 7 * kBlock);
  EXPECT_FALSE(insert(set, 3 * kBlock));
  EXPECT_EQ(set.forced(), 1U);
  EXPECT_EQ(set.received(), 2U);
  EXPECT_TRUE(insert(set, 6 * kBlock));
  EXPECT_EQ(set.forced(), 2U);
  EXPECT_EQ(set.low_water(), PacketNumber{6 * kBlock});
  EXPECT_EQ(set.missing(), 6 * kBlock - 1);
}

TEST(ReceivedSet, JumpOfTheHighestNumberForgetsNothingOfTheTop) {
  ReceivedSet set(2 * kBlock);
  insert(set, 3);
  EXPECT_TRUE(insert(set, kLast));
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_TRUE(insert(set, 4));
  EXPECT_TRUE(contains(set, kLast));
}

TEST(ReceivedSet, AgeRaisesMarkOnlyPastBlocksLeftBehind) {
  ReceivedSet set;
  insert(set, 0);
  insert(set, kBlock, 1s);
  set.age(kStart + 1s + kReorderAge - 1ns);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
  EXPECT_TRUE(insert(set, 1, 1s + kReorderAge - 1ns));
  set.age(kStart + 1s + kReorderAge);
  EXPECT_EQ(set.low_water(), PacketNumber{kBlock});
  EXPECT_EQ(set.missing(), kBlock - 2);
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_FALSE(insert(set, 2, 1s + kReorderAge));
}

TEST(ReceivedSet, AgeNeverClosesTopBlock) {
  ReceivedSet set;
  insert(set, 17);
  set.age(kStart + 24h);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
  EXPECT_TRUE(insert(set, 16, 24h));
  EXPECT_FALSE(insert(set, 17, 24h));
}

TEST(ReceivedSet, LateBlockHasItsOwnTime) {
  ReceivedSet set;
  insert(set, kBlock);
  insert(set, 2 * kBlock);
  insert(set, 0, 10s);
  set.age(kStart + 10s + kReorderAge - 1ns);
  EXPECT_EQ(set.low_water(), PacketNumber{0});
  set.age(kStart + 10s + kReorderAge);
  EXPECT_EQ(set.low_water(), PacketNumber{2 * kBlock});
}

TEST(ReceivedSet, InsertAgesWithoutACallOfAge) {
  ReceivedSet set;
  insert(set, 0);
  insert(set, kBlock);
  EXPECT_TRUE(insert(set, 2 * kBlock, kReorderAge));
  EXPECT_EQ(set.low_water(), PacketNumber{kBlock});
}

TEST(ReceivedSet, NumberOfABlockThatAgedAtThisMomentIsRefused) {
  ReceivedSet set;
  insert(set, 2 * kBlock);
  insert(set, 3 * kBlock);
  EXPECT_FALSE(contains(set, kBlock));
  EXPECT_FALSE(insert(set, kBlock, kReorderAge));
  EXPECT_EQ(set.received(), 2U);
  EXPECT_TRUE(contains(set, kBlock));
}

TEST(ReceivedSet, SlowTrafficStaysExact) {
  // One number a second, and a copy of each 29 s later; each 10th number comes only that late.
  ReceivedSet set;
  constexpr std::uint32_t kNumbers = 3000;
  for (std::uint32_t second = 0; second < kNumbers + 29; ++second) {
    const Duration now = std::chrono::seconds(second);
    if (second < kNumbers && second % 10 != 0) {
      ASSERT_TRUE(insert(set, second, now)) << second;
    }
    if (second >= 29) {
      const std::uint32_t copy = second - 29;
      ASSERT_EQ(insert(set, copy, now), copy % 10 == 0) << copy;
    }
    set.age(kStart + now);
  }
  EXPECT_EQ(set.received(), kNumbers);
  EXPECT_EQ(set.missing(), 0U);
}

TEST(ReceivedSet, LongLateNumberOfTheTopBlockIsStillTaken) {
  ReceivedSet set;
  for (std::uint32_t second = 0; second < 500; ++second) {
    if (second != 1) insert(set, second, std::chrono::seconds(second));
    set.age(kStart + std::chrono::seconds(second));
  }
  EXPECT_TRUE(insert(set, 1, 500s));
}

TEST(ReceivedSet, InOrderHoldsOneBlockAndAllocatesNothing) {
  ReceivedSet set;
  fill(set, 0, 2 * kBlock);
  const std::uint64_t before = test::allocations();
  std::size_t most = 0;
  for (std::uint32_t number = 2 * kBlock; number < 200 * kBlock; ++number) {
    insert(set, number);
    most = std::max(most, set.blocks());
  }
  EXPECT_EQ(test::allocations() - before, 0U);
  EXPECT_EQ(most, 1U);
  EXPECT_EQ(set.received(), 200 * kBlock);
}

TEST(ReceivedSet, ReorderedOverSomeBlocksAllocatesNothingOnceWarm) {
  ReceivedSet set;
  const auto pass = [&set](std::uint32_t first) {
    // Each run of 2048 numbers comes backwards.
    for (std::uint32_t i = 2048; i > 0; --i) insert(set, first + i - 1);
  };
  pass(0);
  const std::uint64_t before = test::allocations();
  for (std::uint32_t run = 1; run < 50; ++run) pass(run * 2048);
  EXPECT_EQ(test::allocations() - before, 0U);
  EXPECT_EQ(set.low_water(), PacketNumber{50 * 2048});
}

TEST(ReceivedSet, AllocationsAreCounted) {
  const std::uint64_t before = test::allocations();
  ReceivedSet set;
  insert(set, 0);
  EXPECT_GT(test::allocations(), before);
}

TEST(ReceivedBudget, LargestSetYieldsItsLowestBlocksAndTheOthersStayExact) {
  constexpr std::size_t kBlocks = 1000;
  ReceivedBudget budget(kBlocks * kReceivedBlockBytes);
  ReceivedSet modest;
  ReceivedSet greedy;
  ReceivedSet late;
  for (ReceivedSet* set : {&modest, &greedy, &late}) set->share(budget);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(insert(modest, i * kBlock + 1));
  for (std::uint32_t i = 0; i < 5000; ++i) {
    EXPECT_TRUE(insert(greedy, i * kBlock));
    ASSERT_LE(budget.bytes(), kBlocks * kReceivedBlockBytes);
  }
  EXPECT_GE(greedy.blocks(), kBlocks / 4);
  EXPECT_GE(greedy.forced(), 5000 - kBlocks);
  // Whoever comes to a full house gets a place, too.
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(insert(late, i * kBlock + 1));
  for (ReceivedSet* set : {&modest, &late}) {
    EXPECT_EQ(set->forced(), 0U);
    for (std::uint32_t i = 0; i < 100; ++i) {
      EXPECT_FALSE(insert(*set, i * kBlock + 1)) << "a copy";
      EXPECT_TRUE(insert(*set, i * kBlock)) << "late, and no copy";
    }
  }
}

TEST(ReceivedBudget, TwoHighestBlocksAreNeverYielded) {
  ReceivedBudget budget(1);
  ReceivedSet set;
  set.share(budget);
  for (std::uint32_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(insert(set, i * kBlock));
    EXPECT_LE(budget.bytes(), 3 * kReceivedBlockBytes);
  }
  EXPECT_EQ(set.forced(), 7U) << "three blocks are there once one more is asked for";
  EXPECT_TRUE(insert(set, 8 * kBlock + 1));
  EXPECT_TRUE(insert(set, 9 * kBlock + 1));
  EXPECT_FALSE(insert(set, 6 * kBlock + 1));
}

TEST(ReceivedBudget, BlockBelowThoseThatHadToGoForItIsRefused) {
  ReceivedBudget budget(4 * kReceivedBlockBytes);
  ReceivedSet set;
  set.share(budget);
  for (std::uint32_t i = 1; i < 5; ++i) EXPECT_TRUE(insert(set, i * 2 * kBlock));
  EXPECT_FALSE(insert(set, kBlock));
  EXPECT_GT(set.forced(), 0U);
  EXPECT_FALSE(insert(set, kBlock)) << "it is a copy for good";
  EXPECT_LE(budget.bytes(), 4 * kReceivedBlockBytes);
}

TEST(ReceivedBudget, CountsWhatASetHeldBeforeAndGetsItBack) {
  ReceivedBudget budget;
  ReceivedSet stays;
  stays.share(budget);
  {
    ReceivedSet goes;
    for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(insert(goes, i * kBlock));
    goes.share(budget);
    EXPECT_EQ(budget.bytes(), 10 * kReceivedBlockBytes);
    EXPECT_TRUE(insert(stays, 0));
    EXPECT_EQ(budget.bytes(), 11 * kReceivedBlockBytes);
  }
  EXPECT_EQ(budget.bytes(), kReceivedBlockBytes);
}

TEST(ReceivedBudget, ClosedBlocksThatAreKeptForUseStillCount) {
  ReceivedBudget budget;
  ReceivedSet set;
  set.share(budget);
  for (std::uint32_t i = 0; i < 200; ++i) EXPECT_TRUE(insert(set, i * kBlock));
  set.age(kStart + kReorderAge);
  EXPECT_EQ(set.blocks(), 1U);
  EXPECT_EQ(budget.bytes(), 65 * kReceivedBlockBytes) << "64 of 199 are kept";
  for (std::uint32_t i = 200; i < 264; ++i) EXPECT_TRUE(insert(set, i * kBlock, kReorderAge));
  EXPECT_EQ(budget.bytes(), 65 * kReceivedBlockBytes) << "and used again at no cost";
}

TEST(ReceivedSet, HundredThousandNumbersWithHolesTakeTwoHundredBlocks) {
  ReceivedSet set;
  for (std::uint32_t number = 0; number < 100'000; ++number) {
    if (number % 5 != 3) {
      ASSERT_TRUE(insert(set, number));
    }
  }
  EXPECT_EQ(set.blocks(), 196U);
  EXPECT_EQ(set.forced(), 0U);
  EXPECT_EQ(set.received(), 80'000U);
}

}  // namespace
}  // namespace mptunnel
