#include "mptunnel/repair/repair_pacer.h"

#include <algorithm>

namespace mptunnel {

void RepairPacer::follow(const RepairPlan& plan) {
  // A credit is worth as much under the new rate.
  if (plan.is_on()) credit_ = credit_ * plan.rate.sources / plan_.rate.sources;
  plan_ = plan;
  if (!plan.is_on()) forget();
}

void RepairPacer::forget() {
  credit_ = 0;
  due_count_ = 0;
  uncovered_since_ = kNever;
  allowance_ = 0;
  largest_ = 0;
}

std::size_t RepairPacer::on_source(std::size_t bytes, TimePoint now) {
  if (!plan_.is_on()) return 0;
  if (largest_ == 0) allowance_ = kBudgetStart * static_cast<double>(bytes);
  largest_ = std::max(largest_, static_cast<double>(bytes));
  allowance_ = std::min(allowance_ + plan_.budget * static_cast<double>(bytes), kBudgetBurst * largest_);
  if (uncovered_since_ == kNever) uncovered_since_ = now;
  credit_ += plan_.rate.repairs;
  const std::size_t count = credit_ / plan_.rate.sources;
  credit_ %= plan_.rate.sources;
  if (count == 0) return 0;
  const std::size_t at_once = plan_.horizon < kSpreadHorizon ? spread(count, now) : count;
  uncovered_since_ = kNever;
  return at_once;
}

/// Returns how many must leave at once, because too many are due already.
std::size_t RepairPacer::spread(std::size_t count, TimePoint now) {
  const std::size_t later = std::min(count, kMostDue - due_count_);
  const TimePoint cover = latest_cover();
  for (std::size_t i = 1; i <= later; ++i) {
    const TimePoint even =
        now + delay_ * static_cast<Duration::rep>(i) / static_cast<Duration::rep>(count + 1);
    due_.at(due_count_++) = i == 1 ? std::min(even, cover) : even;
  }
  return count - later;
}

TimePoint RepairPacer::latest_cover() const {
  return uncovered_since_ == kNever ? kNever : uncovered_since_ + delay_ / 2;
}

TimePoint RepairPacer::deadline() const {
  return std::min(
      latest_cover(),
      due_count_ == 0
          ? kNever
          : *std::min_element(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(due_count_)));
}

std::size_t RepairPacer::on_deadline(TimePoint now) {
  const auto end = due_.begin() + static_cast<std::ptrdiff_t>(due_count_);
  const auto left = std::remove_if(due_.begin(), end, [now](TimePoint due) { return due <= now; });
  auto count = static_cast<std::size_t>(end - left);
  due_count_ -= count;
  if (count == 0 && latest_cover() <= now) {
    count = 1;
    credit_ = 0;
  }
  if (count > 0) uncovered_since_ = kNever;
  return count;
}

bool RepairPacer::take(std::size_t coded_bytes) {
  // The prefix is free: a copy of a symbol then costs what it has.
  const double cost = static_cast<double>(coded_bytes) - kSymbolPrefixBytes;
  if (cost > allowance_) {
    ++over_budget_;
    return false;
  }
  allowance_ -= cost;
  return true;
}

}  // namespace mptunnel
