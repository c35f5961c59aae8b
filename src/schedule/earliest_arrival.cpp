#include "mptunnel/schedule/earliest_arrival.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {

void EarliestArrival::set(PathId path, const Path& what, TimePoint now) {
  MPT_ASSERT(what.bytes_per_second > 0);
  Own& own = this->own(path);
  if (!std::exchange(own.is_known, true)) own.next = now;
  usable_.insert(path);
  own.what = what;
}

std::optional<EarliestArrival::Choice> EarliestArrival::choose(std::size_t bytes, TimePoint now) {
  retry_at_ = kNever;
  if (usable_.empty()) return std::nullopt;
  std::optional<PathId> best;
  std::optional<PathId> idle;
  TimePoint soonest = kNever;
  TimePoint soonest_idle = kNever;
  Duration slowest = Duration::min();
  for (const PathId path : usable_) {
    const Own& own = paths_[path.value];
    const TimePoint arrival = arrival_of(own, bytes, now);
    slowest = std::max(slowest, own.what.delay);
    if (is_idle(own, now) && arrival < soonest_idle) {
      soonest_idle = arrival;
      idle = path;
    }
    if (arrival < soonest) {
      soonest = arrival;
      best = path;
    }
  }
  const bool is_at_once = best == idle;
  const TimePoint latest = now + slowest + kAhead;
  if (is_at_once || soonest <= latest) return Choice{*best, is_at_once};
  // The others have enough to do: one packet may take longer where nothing waits, though not for ever.
  if (idle && soonest_idle <= latest + kMostOfOne) return Choice{*idle, true};
  retry_at_ = now + (soonest - latest);
  return std::nullopt;
}

PathId EarliestArrival::soonest(std::size_t bytes, TimePoint now) const {
  MPT_ASSERT(!usable_.empty());
  PathId best;
  TimePoint first = kNever;
  for (const PathId path : usable_) {
    const TimePoint arrival = arrival_of(paths_[path.value], bytes, now);
    if (arrival < first) {
      first = arrival;
      best = path;
    }
  }
  return best;
}

void EarliestArrival::charge(PathId path, std::size_t bytes, TimePoint now) {
  Own& own = this->own(path);
  if (own.what.bytes_per_second <= 0) return;
  const Duration time = time_of(bytes, own.what);
  own.next = std::min(std::max(own.next, now - kBurst) + time, now + std::max(kMostDebt, time));
}

}  // namespace mptunnel
