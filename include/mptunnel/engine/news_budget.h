// How often one thing that keeps happening is worth a line.
#pragma once

#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// A few lines at once, then at a rate; and if it goes on, at another that is far lower. What was quiet for
/// kNewsForgotten is new again.
class NewsBudget {
 public:
  using Rate = NetworkBudget::Rate;
  /// One each 30 s, then one an hour: what becomes of bridges.
  NewsBudget()
      : NewsBudget({1 / std::chrono::duration<double>(kNewsEach).count(), kNewsBurst},
                   {1.0 / 3600, kNewsBeforeHourly}) {}
  NewsBudget(const Rate& at_first, const Rate& in_the_long_run)
      : at_first_(bucket(at_first)), in_the_long_run_(bucket(in_the_long_run)) {}

  /// Whether it may be said now; if so it is charged.
  bool take(TimePoint now) {
    if (last_ && now - *last_ >= kNewsForgotten) {
      at_first_ = full_at_first_;
      in_the_long_run_ = full_in_the_long_run_;
    }
    last_ = now;
    return at_first_.take(now) && in_the_long_run_.take(now);
  }

 private:
  static TokenBucket bucket(const Rate& rate) { return {rate.per_second, rate.burst}; }

  TokenBucket at_first_;
  TokenBucket in_the_long_run_;
  TokenBucket full_at_first_ = at_first_;
  TokenBucket full_in_the_long_run_ = in_the_long_run_;
  std::optional<TimePoint> last_;
};

}  // namespace mptunnel
