#include "mptunnel/session/shared_budget.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {

void SharedBudget::take_back(std::size_t bytes) {
  while (bytes_ + bytes > limit_ && !holders_.empty()) {
    BudgetHolder& largest = **std::max_element(
        holders_.begin(), holders_.end(),
        [](const BudgetHolder* one, const BudgetHolder* other) { return one->bytes_ < other->bytes_; });
    // Many holders may have little each: then whoever is the largest keeps half of it.
    const std::size_t left = largest.bytes_ - std::min(kYieldBytes, largest.bytes_ / 2);
    do {
      if (!largest.yield()) return;
    } while (largest.bytes_ > left);
  }
}

void BudgetHolder::join_budget(SharedBudget& budget) {
  MPT_ASSERT(budget_ == nullptr);
  budget_ = &budget;
  place_ = budget.holders_.size();
  budget.holders_.push_back(this);
  budget.bytes_ += bytes_;
}

BudgetHolder::~BudgetHolder() {
  if (budget_ == nullptr) return;
  budget_->bytes_ -= bytes_;
  BudgetHolder* const last = budget_->holders_.back();
  budget_->holders_[place_] = last;
  last->place_ = place_;
  budget_->holders_.pop_back();
}

}  // namespace mptunnel
