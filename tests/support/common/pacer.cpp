#include "support/common/pacer.h"

#include <algorithm>

namespace mptunnel::test {

TimePoint Pacer::due_at(std::uint64_t number) const {
  return origin_ + Duration(static_cast<Duration::rep>(static_cast<double>(number) * period_ns_));
}

std::size_t Pacer::take_due(TimePoint now) {
  if (period_ns_ <= 0) return kMaxBurst;
  const TimePoint first = due_at(taken_);
  if (now < first || now < earliest_) return 0;
  const Duration behind = now - first;
  if (behind > kMaxBehind) {
    origin_ += behind;
    slipped_ += behind;
  }
  std::size_t count = 1;
  while (count < kMaxBurst && due_at(taken_ + count) <= now) ++count;
  taken_ += count;
  earliest_ = now + kMinInterval;
  return count;
}

TimePoint Pacer::next() const {
  if (period_ns_ <= 0) return TimePoint::min();
  return std::max(due_at(taken_), earliest_);
}

}  // namespace mptunnel::test
