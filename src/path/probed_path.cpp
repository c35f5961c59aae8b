#include "mptunnel/path/probed_path.h"

#include <utility>

#include "mptunnel/wire/limits.h"

namespace mptunnel {

void ProbedPath::set_available(bool available) {
  if (available_ == available) return;
  const std::uint32_t sequence = next_sequence_;
  const PathTraits traits = traits_;
  *this = ProbedPath{};
  traits_ = traits;
  next_sequence_ = next_to_answer_ = sequence;
  available_ = available;
}

void ProbedPath::readdress() {
  last_probe_.reset();
  first_timed_ = next_to_answer_ = next_sequence_;
  for (Probe& probe : probes_) probe.open = false;
  rtt_ = RttEstimator{};
  one_way_ = OneWay::no;
  outage_since_.reset();
  last_out_.reset();
  last_in_.reset();
  if (state_ != PathState::up && state_ != PathState::suspect) return;
  state_ = PathState::fresh;
  silent_since_.reset();
  unanswered_ = 0;
}

Duration ProbedPath::interval(bool moving) const {
  if (!moving || is_spared()) return traits_.keepalive;
  if (standby_) return kProbeWhileStandby;
  return backed_ ? kProbeWhileBacked : kProbeWhileMoving;
}

TimePoint ProbedPath::due_after(Duration wait, Duration gap, std::optional<TimePoint> sent) const {
  const TimePoint due = *last_probe_ + wait;
  if (!sent || *sent <= *last_probe_ || standby_) return due;
  return std::min(due, std::max(*sent, *last_probe_ + gap));
}

TimePoint ProbedPath::next_probe(bool moving, std::optional<TimePoint> sent) const {
  if (!available_) return kNever;
  if (!last_probe_) return TimePoint::min();
  switch (state_) {
    case PathState::fresh:
      return *last_probe_ + kProbeWhileMoving;
    case PathState::up: {
      // The peer expects the next PING within the interval announced last, even if a longer one is due now.
      const Duration wait = std::min(interval(moving), announced_);
      return due_after(silent_since_ ? std::min(wait, suspect_after()) : wait, kProbeWhileSparse, sent);
    }
    case PathState::suspect:
      if (one_way_ != OneWay::no) return due_after(interval(moving), kProbeWhileSparse, sent);
      return *last_probe_ + suspect_interval();
    case PathState::down: {
      const Duration longest = traits_.metered ? traits_.keepalive : kProbeWhileDownAndIdle;
      const bool is_wanted = moving && !is_spared();
      const Duration wait = is_wanted ? Duration{kProbeWhileDown} : std::min(traits_.keepalive, longest);
      return due_after(wait, kProbeWhileDown, sent);
    }
  }
  return kNever;
}

std::uint32_t ProbedPath::probe(bool moving, TimePoint now) {
  last_probe_ = now;
  announced_ = interval(moving);
  if (!silent_since_) silent_since_ = now;
  ++unanswered_;
  const std::uint32_t sequence = next_sequence_++;
  probes_[sequence % kRemembered] = {sequence, now, true};
  return sequence;
}

std::optional<PathState> ProbedPath::answered(std::uint32_t sequence, TimePoint now) {
  Probe& probe = probes_[sequence % kRemembered];
  if (!available_ || !probe.open || probe.sequence != sequence) return std::nullopt;
  probe.open = false;
  time(sequence, now - probe.sent, now);
  last_answer_ = now;
  if (const auto ahead = static_cast<std::int32_t>(sequence - next_to_answer_); ahead >= 0) {
    const auto missed = std::min<std::int32_t>(ahead, kRemembered);
    for (std::int32_t i = 0; i < missed; ++i) answer_share_ -= kAnswerShareStep * answer_share_;
    next_to_answer_ = sequence + 1;
    last_took_ = now - probe.sent;
  }
  answer_share_ += kAnswerShareStep * (1 - answer_share_);
  // What was sent before the answered PING is lost or overtaken; what was sent after it may still be
  // answered.
  silent_since_.reset();
  unanswered_ = 0;
  for (std::uint32_t later = sequence + 1; later != next_sequence_; ++later) {
    const Probe& open = probes_[later % kRemembered];
    if (!open.open || open.sequence != later) continue;
    if (!silent_since_) silent_since_ = open.sent;
    ++unanswered_;
  }
  const PathState before = state_;
  state_ = PathState::up;
  one_way_ = OneWay::no;
  judged_again_ = TimePoint::min();
  outage_since_.reset();
  if (before == PathState::down) first_timed_ = next_sequence_;
  return before;
}

void ProbedPath::time(std::uint32_t sequence, Duration sample, TimePoint now) {
  if (!rtt_.has_sample()) {
    rtt_.add(sample);
    return;
  }
  if (static_cast<std::int32_t>(sequence - first_timed_) < 0) return;
  if (sample <= down_after_learnt()) {
    untimely_ = 0;
    rtt_.add(sample);
    return;
  }
  // What a program that was stopped answers comes all at once.
  if (untimely_ > 0 && now == last_untimely_) return;
  last_untimely_ = now;
  if (++untimely_ < kLateAnswersBelieved) return;
  untimely_ = 0;
  rtt_.start_over(sample);
}

bool ProbedPath::passed_out(std::uint32_t sequence, TimePoint now) {
  const Probe& probe = probes_[sequence % kRemembered];
  if (!available_ || !probe.open || probe.sequence != sequence) return false;
  last_out_ = now;
  out_took_ = now - probe.sent;
  return revive(now);
}

bool ProbedPath::passed_in(TimePoint now) {
  if (!available_) return false;
  last_in_ = now;
  return revive(now);
}

bool ProbedPath::revive(TimePoint now) {
  if (state_ != PathState::down) return false;
  state_ = PathState::suspect;
  judged_again_ = TimePoint::min();
  if (!outage_since_) outage_since_ = silent_since_;
  silent_since_ = now;
  return true;
}

ProbedPath::OneWay ProbedPath::shown_one_way(TimePoint now) const {
  if (last_out_ && now - *last_out_ < one_way_lasts()) return OneWay::out;
  // What was under way when the path failed shows nothing.
  const bool came_since = last_in_ && silent_since_ && *last_in_ > *silent_since_ + suspect_after();
  return came_since && now - *last_in_ < one_way_lasts() ? OneWay::in : OneWay::no;
}

TimePoint ProbedPath::shown_until(OneWay way) const {
  return *(way == OneWay::out ? last_out_ : last_in_) + one_way_lasts();
}

void ProbedPath::forgive_silence(TimePoint now) {
  if (silent_since_) silent_since_ = now;
  outage_since_.reset();
  unanswered_ = 0;
}

Duration ProbedPath::queue_patience() const {
  const bool was_under_way = silent_since_ && last_answer_ && *silent_since_ < *last_answer_;
  return was_under_way ? last_took_ * 3 / 2 : Duration{};
}

Duration ProbedPath::suspect_after() const {
  return std::max({Duration{kSuspectAfter}, rtt_.late_after(), queue_patience()});
}

Duration ProbedPath::down_after_learnt() const {
  return std::max<Duration>(kDownAfter, 3 * rtt_.smoothed());
}

Duration ProbedPath::down_after() const {
  const Duration patience = 2 * queue_patience();
  const bool is_queue_filling = patience > Duration{} && rtt_.shows_queue(last_took_);
  return std::max({down_after_learnt(), patience, is_queue_filling ? Duration{kDownAfterQueue} : Duration{}});
}

Duration ProbedPath::suspect_interval() const {
  return std::clamp<Duration>(down_after() / kProbesWhileSuspect, kProbeWhileSuspect, kProbeWhileMoving);
}

TimePoint ProbedPath::next_change() const {
  if (!available_ || !silent_since_) return kNever;
  switch (state_) {
    case PathState::up:
      return unanswered_ < kSuspectAfterProbes ? kNever : *silent_since_ + suspect_after();
    case PathState::fresh:
      return unanswered_ < kDownAfterProbes ? kNever : *silent_since_ + down_after();
    case PathState::suspect:
      if (unanswered_ < kDownAfterProbes) return kNever;
      if (one_way_ == OneWay::no) return std::max(*silent_since_ + down_after(), judged_again_);
      return shown_until(one_way_);
    case PathState::down:
      break;
  }
  return kNever;
}

bool ProbedPath::update(TimePoint now) {
  if (now < next_change()) return false;
  if (state_ != PathState::suspect) {
    state_ = state_ == PathState::up ? PathState::suspect : PathState::down;
    return true;
  }
  const OneWay shown = shown_one_way(now);
  // The way back may have a queue as long as the way out.
  const Duration claimed_after =
      std::max({Duration{kOneWayAfter}, down_after(), shown == OneWay::out ? 3 * out_took_ : Duration{}});
  if (shown != OneWay::no && one_way_ == OneWay::no && silence(now) < claimed_after) {
    judged_again_ = std::min(shown_until(shown), now + claimed_after - silence(now));
    return false;
  }
  const OneWay before = std::exchange(one_way_, shown);
  if (one_way_ == OneWay::no) state_ = PathState::down;
  return one_way_ == OneWay::no || one_way_ != before;
}

}  // namespace mptunnel
