#include "mptunnel/ports/send_queue.h"

#include <algorithm>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// A rate is first guessed after the one, and known after the other or so many bytes.
constexpr Duration kFirstGuess = 20ms;
constexpr Duration kLongestWindow = 200ms;
constexpr double kWindowBytes = 16384;
/// A queue that is younger is measured from time to time only.
constexpr Duration kYoungQueue = 25ms;
constexpr Duration kMeasureEach = 100ms;
/// While nothing may leave, the kernel is asked this often.
constexpr Duration kAskWhileFull = 1ms;
constexpr Duration kForgetAfter = 5s;

}  // namespace

void SendQueue::before(std::size_t queued, TimePoint now) {
  learn(queued, now);
  if (queued == 0 && was_refused_) {
    // It ran dry although there was more to send: the limit is too low for how the packets come.
    if (rate_) rate_ = *rate_ * 2;
    was_refused_ = false;
  }
  queued_ = queued;
  residue_ = queued;
  if (residue_ >= kFreeQueueBytes) stood_at_ = now;
  if (rate_ && now - stood_at_ > kForgetAfter) {
    rate_.reset();
    is_learnt_ = false;
  }
  mark(queued, now);
  if (room() == 0) next_ = now + kAskWhileFull;
}

void SendQueue::after(std::size_t queued, TimePoint now) {
  queued_ = queued;
  mark(queued, now);
}

void SendQueue::refused(TimePoint now) {
  was_refused_ = true;
  stood_at_ = now;
}

void SendQueue::mark(std::size_t queued, TimePoint now) {
  marked_at_ = now;
  marked_ = queued;
  const auto old = age();
  const bool is_young = is_learnt_ && old && *old < kYoungQueue && now < learn_at_;
  const bool is_watched = was_refused_ || (residue_ >= kFreeQueueBytes && !is_young);
  next_ = is_watched ? now : now + (is_due_after() ? kQueueSampleEach : kEmptySampleEach);
}

void SendQueue::learn(std::size_t queued, TimePoint now) {
  if (!marked_at_ || marked_ == 0) return;
  const Duration span = now - *marked_at_;
  if (queued == 0) {
    // When it ran dry is not known: so fast at least.
    if (rate_ && span > Duration{}) rate_ = std::max(*rate_, static_cast<double>(marked_) / seconds_of(span));
    drained_ = 0;
    watched_ = {};
    return;
  }
  drained_ += static_cast<double>(marked_ - std::min(marked_, queued));
  watched_ += span;
  if (watched_ < kFirstGuess) return;
  const bool is_whole = drained_ >= kWindowBytes || watched_ >= kLongestWindow;
  if (!is_whole) {
    if (!is_learnt_) rate_ = (drained_ + kFreeQueueBytes / 2.0) / seconds_of(watched_);
    return;
  }
  const double measured = std::max(drained_, 1.0) / seconds_of(watched_);
  rate_ = is_learnt_ ? (*rate_ + measured) / 2 : measured;
  is_learnt_ = true;
  drained_ = 0;
  watched_ = {};
  learn_at_ = now + kMeasureEach;
}

double SendQueue::bytes_in(Duration span) const {
  return *rate_ * seconds_of(span);
}

std::size_t SendQueue::room() const {
  if (!rate_ || limit_ == Limit::none) return kNoLimit;
  const double limit = std::max<double>(kFreeQueueBytes, bytes_in(kMaxQueueAge));
  const auto queued = static_cast<double>(queued_);
  return limit > queued ? static_cast<std::size_t>(std::min(limit - queued, 1e12)) : 0;
}

std::optional<Duration> SendQueue::age() const {
  if (!rate_) return std::nullopt;
  const double seconds = static_cast<double>(queued_) / *rate_;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, 3600.0)));
}

}  // namespace mptunnel
