#include "mptunnel/session/probed_path.h"

#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

constexpr Duration kSuspectAtLeast = 50ms;
constexpr Duration kProbeWhileSuspect = 50ms;
/// While nothing is sent, a dead path is not worth more.
constexpr Duration kProbeWhileDownAndIdle = 5s;
constexpr std::uint32_t kDownAfterProbes = 3;

}  // namespace

const char* name_of(PathState state) {
  switch (state) {
    case PathState::fresh:
      return "new";
    case PathState::up:
      return "up";
    case PathState::suspect:
      return "suspect";
    case PathState::down:
      return "down";
  }
  return "unknown";
}

void ProbedPath::set_available(bool available) {
  if (available_ == available) return;
  const std::uint32_t sequence = next_sequence_;
  *this = ProbedPath{};
  next_sequence_ = sequence;
  available_ = available;
}

TimePoint ProbedPath::next_probe(bool moving) const {
  if (!available_) return kNever;
  if (!last_probe_) return TimePoint::min();
  switch (state_) {
    case PathState::fresh:
      return *last_probe_ + kProbeWhileMoving;
    case PathState::up:
      return *last_probe_ + (moving ? kProbeWhileMoving : kProbeWhileIdle);
    case PathState::suspect:
      return *last_probe_ + kProbeWhileSuspect;
    case PathState::down:
      return *last_probe_ + (moving ? kProbeWhileDown : kProbeWhileDownAndIdle);
  }
  return kNever;
}

std::uint32_t ProbedPath::probe(TimePoint now) {
  last_probe_ = now;
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
  rtt_.add(now - probe.sent);
  last_answer_ = now;
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
  return before;
}

Duration ProbedPath::suspect_after() const {
  return std::max(kSuspectAtLeast, (rtt_.smoothed() + 4 * rtt_.variation()) * 3 / 2);
}

Duration ProbedPath::down_after() const {
  return std::max(kDownAfter, 3 * rtt_.smoothed());
}

TimePoint ProbedPath::next_change() const {
  if (!available_ || !silent_since_) return kNever;
  switch (state_) {
    case PathState::up:
      return *silent_since_ + suspect_after();
    case PathState::fresh:
    case PathState::suspect:
      return unanswered_ < kDownAfterProbes ? kNever : *silent_since_ + down_after();
    case PathState::down:
      break;
  }
  return kNever;
}

bool ProbedPath::update(TimePoint now) {
  if (now < next_change()) return false;
  state_ = state_ == PathState::up ? PathState::suspect : PathState::down;
  return true;
}

}  // namespace mptunnel
