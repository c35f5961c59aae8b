#include "mptunnel/session/shared_budget.h"

#include <gtest/gtest.h>

#include <memory>

namespace mptunnel {
namespace {

struct SmallBudget : SharedBudget {
  explicit SmallBudget(std::size_t limit) : SharedBudget(limit) {}
};

/// Keeps pieces of 100 bytes, the first `fixed` of them for good.
class Pieces final : public BudgetHolder {
 public:
  explicit Pieces(std::size_t fixed = 0) : fixed_(fixed) {}
  void share(SharedBudget& budget) { join_budget(budget); }
  void add(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      make_room(100);
      take(100);
    }
  }
  void remove() { give_back(100); }
  [[nodiscard]] std::size_t yielded() const { return yielded_; }

 private:
  bool yield() override {
    if (bytes() <= 100 * fixed_) return false;
    give_back(100);
    ++yielded_;
    return true;
  }

  std::size_t fixed_;
  std::size_t yielded_ = 0;
};

TEST(SharedBudget, CountsWhatItsHoldersKeep) {
  SmallBudget budget(1000);
  Pieces one;
  Pieces other;
  other.add(2);
  EXPECT_EQ(budget.bytes(), 0U);
  one.share(budget);
  other.share(budget);
  EXPECT_EQ(budget.bytes(), 200U) << "what was there before counts as well";
  one.add(3);
  one.remove();
  EXPECT_EQ(one.bytes(), 200U);
  EXPECT_EQ(budget.bytes(), 400U);
}

TEST(SharedBudget, NobodyYieldsWhileAllFits) {
  SmallBudget budget(1000);
  Pieces holder;
  holder.share(budget);
  holder.add(10);
  EXPECT_EQ(holder.yielded(), 0U);
  holder.add();
  EXPECT_EQ(holder.yielded(), 5U) << "half of it at once";
  EXPECT_EQ(budget.bytes(), 600U);
}

TEST(SharedBudget, LargestHolderYieldsForAnyOther) {
  SmallBudget budget(1000);
  Pieces modest;
  Pieces greedy;
  Pieces late;
  for (Pieces* holder : {&modest, &greedy, &late}) holder->share(budget);
  modest.add(2);
  greedy.add(50);
  late.add(3);
  EXPECT_EQ(modest.yielded(), 0U);
  EXPECT_EQ(late.yielded(), 0U);
  EXPECT_LE(budget.bytes(), 1000U);
}

TEST(SharedBudget, LargestHolderYieldsABatchAtMost) {
  SmallBudget budget(10 * kYieldBytes);
  Pieces holder;
  holder.share(budget);
  const std::size_t fits = 10 * kYieldBytes / 100;
  holder.add(fits);
  holder.add();
  EXPECT_EQ(holder.yielded(), (kYieldBytes + 99) / 100);
}

TEST(SharedBudget, GivesUpWhenTheLargestHasNothingToYield) {
  SmallBudget budget(250);
  Pieces fixed(4);
  fixed.share(budget);
  fixed.add(4);
  EXPECT_EQ(fixed.yielded(), 0U);
  EXPECT_EQ(budget.bytes(), 400U);
}

TEST(SharedBudget, HoldersThatGoGiveTheirBytesBackInAnyOrder) {
  SmallBudget budget(1000);
  std::vector<std::unique_ptr<Pieces>> holders;
  for (std::size_t i = 0; i < 5; ++i) {
    holders.push_back(std::make_unique<Pieces>());
    holders.back()->share(budget);
    holders.back()->add(i);
  }
  EXPECT_EQ(budget.bytes(), 1000U);
  for (const std::size_t gone : {1U, 3U, 0U}) holders[gone].reset();
  EXPECT_EQ(budget.bytes(), 600U);
  // Those that stay are still found.
  holders[2]->add(5);
  EXPECT_GT(holders[4]->yielded() + holders[2]->yielded(), 0U);
  holders.clear();
  EXPECT_EQ(budget.bytes(), 0U);
}

}  // namespace
}  // namespace mptunnel
