// When repair symbols leave. For many source symbols: right behind every so many of them. For few: spread
// over the repair delay, each a late copy that what delayed or lost the others does not meet. In both cases a
// source symbol is covered by half the repair delay, so that the last one of a burst is, too.
//
//     dense     s s s s s s s s R s s s s s s s s R s s s       R
//     sparse    s       R       s       R                       ^ delay / 2 behind the first that none covers
#pragma once

#include <array>
#include <cstdint>

#include "mptunnel/repair/repair_control.h"

namespace mptunnel {

class RepairPacer {
 public:
  /// `delay` is the repair delay.
  explicit RepairPacer(Duration delay) : delay_(delay) {}

  /// Follows this plan from now on.
  void follow(const RepairPlan& plan);
  /// A source symbol of so many bytes was sent. Returns how many repair symbols leave now.
  std::size_t on_source(std::size_t bytes, TimePoint now);
  /// When on_deadline() has something to do; kNever if nothing is due.
  [[nodiscard]] TimePoint deadline() const;
  /// How many repair symbols leave now.
  std::size_t on_deadline(TimePoint now);
  /// Whether the budget has room for a repair symbol with so many coded bytes; takes it if so. To be asked
  /// for each that leaves.
  bool take(std::size_t coded_bytes);
  /// Repair symbols that the budget had no room for.
  [[nodiscard]] std::uint64_t over_budget() const { return over_budget_; }

 private:
  static constexpr std::size_t kMostDue = 8;

  void forget();
  [[nodiscard]] TimePoint latest_cover() const;
  std::size_t spread(std::size_t count, TimePoint now);

  Duration delay_;
  RepairPlan plan_;
  std::uint64_t credit_ = 0;  ///< of plan_.rate.sources for one repair symbol
  std::array<TimePoint, kMostDue> due_{};
  std::size_t due_count_ = 0;
  TimePoint uncovered_since_ = kNever;  ///< the first source symbol that no repair symbol covers
  double allowance_ = 0;                ///< bytes
  double largest_ = 0;                  ///< source symbol, in bytes
  std::uint64_t over_budget_ = 0;
};

}  // namespace mptunnel
