// What all sessions of one engine share on their data path.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/path/overrun_watch.h"
#include "mptunnel/repair/repair_control.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/session/order_settings.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Which copies are decrypted although they were seen: one in 64, at random, so that whoever forges copies to
/// make a path look better than it is can't know which.
class CopyCheck {
 public:
  /// True for one call in 64. Draws from `random` once in 640 calls: asking the system costs more than a
  /// copy.
  bool draw(RandomSource& random) {
    if (left_ == 0) {
      if (next_ == words_.size()) {
        random.fill({reinterpret_cast<std::uint8_t*>(words_.data()), sizeof words_});
        next_ = 0;
      }
      bits_ = words_[next_++];
      left_ = kDrawsPerWord;
    }
    --left_;
    const bool chosen = (bits_ & kMask) == 0;
    bits_ >>= kBits;
    return chosen;
  }

 private:
  static_assert(std::has_single_bit(kCopiesOfCheck));
  static constexpr unsigned kBits = std::countr_zero(kCopiesOfCheck);
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << kBits) - 1;
  static constexpr unsigned kDrawsPerWord = 64 / kBits;

  std::array<std::uint64_t, 64> words_{};
  std::size_t next_ = words_.size();
  std::uint64_t bits_ = 0;
  unsigned left_ = 0;
};

struct LinkContext {
  /// `source` outlives the context.
  explicit LinkContext(RandomSource& source, const std::optional<RepairSettings>& what = std::nullopt,
                       const OrderSettings& in_order = {}, SchedulerMode which = SchedulerMode::copies)
      : random(source), make_scheduler(maker_of(which)), repair(what), order(in_order), mode(which) {}

  RandomSource& random;
  DropCounters drops;
  CopyCheck copy_checks;
  FragmentBudget fragments;
  ReceivedBudget received;
  QueueBudget waiting;
  RepairBudget repaired;
  OrderBudget held;
  MakeScheduler make_scheduler;
  /// What is repaired of what each session sends; nullopt: nothing.
  std::optional<RepairSettings> repair;
  OrderSettings order;
  SchedulerMode mode;
  OverrunWatch overrun;  ///< of the sockets by which packets come
};

}  // namespace mptunnel
