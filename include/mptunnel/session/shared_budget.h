// What the holders of one kind, in all sessions of an engine, keep together: fragments, received sets,
// datagrams that wait, what is repaired. Once it is spent, whoever holds most yields, so that whoever holds
// little loses nothing. What it is not: the bound of one session, which each holder keeps by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "mptunnel/wire/limits.h"
#include "mptunnel/wire/order_limits.h"

namespace mptunnel {

class BudgetHolder;

class SharedBudget {
 public:
  SharedBudget(const SharedBudget&) = delete;
  SharedBudget& operator=(const SharedBudget&) = delete;

  /// What all holders keep.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 protected:
  explicit SharedBudget(std::size_t limit) : limit_(limit) {}
  ~SharedBudget() = default;

 private:
  friend class BudgetHolder;

  /// Sees to it that so many more bytes fit, unless nobody has anything left to give up.
  void make_room(std::size_t bytes) {
    if (bytes_ + bytes > limit_) take_back(bytes);
  }
  void take_back(std::size_t bytes);

  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::vector<BudgetHolder*> holders_;
};

/// The budgets are types of their own, so that none is taken for another.
struct FragmentBudget : SharedBudget {
  explicit FragmentBudget(std::size_t limit = kFragmentedBytesOfAll) : SharedBudget(limit) {}
};
struct ReceivedBudget : SharedBudget {
  explicit ReceivedBudget(std::size_t limit = kReceivedBytesOfAll) : SharedBudget(limit) {}
};
struct RepairBudget : SharedBudget {
  explicit RepairBudget(std::size_t limit = kRepairBytesOfAll) : SharedBudget(limit) {}
};
/// Nobody yields: whoever finds no room does not hold.
struct OrderBudget : SharedBudget {
  explicit OrderBudget(std::size_t limit = kHeldBytesOfAll) : SharedBudget(limit) {}
};

struct QueueBudget : SharedBudget {
  explicit QueueBudget(std::size_t limit = kQueueBytesOfAll) : SharedBudget(limit) {}
  /// Datagrams that were dropped for room, in any queue, since the last call: each is to be counted as
  /// Drop::queue_full.
  [[nodiscard]] std::uint64_t take_dropped() { return std::exchange(dropped, 0); }
  std::uint64_t dropped = 0;
};

/// Something that keeps bytes of a budget. Without one it only counts them.
class BudgetHolder {
 public:
  BudgetHolder(const BudgetHolder&) = delete;
  BudgetHolder& operator=(const BudgetHolder&) = delete;

  /// What this one keeps.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 protected:
  BudgetHolder() = default;
  ~BudgetHolder();

  /// Counts against `budget`, which outlives the holder, from now on; so does what is kept already. At most
  /// once.
  void join_budget(SharedBudget& budget);
  /// To be called before so many bytes are kept. The holder itself may have to yield().
  void make_room(std::size_t bytes) {
    if (budget_ != nullptr) budget_->make_room(bytes);
  }
  /// Whether they fit without.
  [[nodiscard]] bool fits(std::size_t bytes) const {
    return budget_ == nullptr || budget_->bytes_ + bytes <= budget_->limit_;
  }
  void take(std::size_t bytes) {
    bytes_ += bytes;
    if (budget_ != nullptr) budget_->bytes_ += bytes;
  }
  void give_back(std::size_t bytes) {
    bytes_ -= bytes;
    if (budget_ != nullptr) budget_->bytes_ -= bytes;
  }

 private:
  friend class SharedBudget;

  /// Gives up the least that can be given up, and gives its bytes back. False if there is nothing.
  virtual bool yield() = 0;

  SharedBudget* budget_ = nullptr;
  std::size_t place_ = 0;  ///< among its holders
  std::size_t bytes_ = 0;
};

}  // namespace mptunnel
