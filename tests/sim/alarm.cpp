#include "sim/alarm.h"

#include <algorithm>
#include <utility>

namespace mptunnel::sim {
namespace {

/// Calls that follow one another at one instant because the first made the second due.
constexpr int kCallsAtOnce = 3;
/// Calls a second: 8 suspect paths probed each 25 ms, their MTU probes, hellos, handshakes and changes of
/// state are less.
constexpr std::size_t kCallsPerSecond = 600;

}  // namespace

Alarm::Alarm(Engine engine, Duration lateness, std::uint64_t seed, EventQueue& events, Journal& journal)
    : engine_(std::move(engine)), lateness_(lateness), random_(seed, 7), events_(events), journal_(journal) {}

void Alarm::rearm() {
  const TimePoint due = engine_.deadline();
  if (due == kNever) return;
  TimePoint when = std::max({due, events_.now(), stalled_until_});
  if (lateness_ > Duration{} && random_.below(4) == 0) {
    when += Duration(static_cast<Duration::rep>(random_.uniform() * static_cast<double>(lateness_.count())));
  }
  if (set_for_ <= when) return;
  set_for_ = when;
  events_.at(when, [this, when, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) ring(when);
  });
}

void Alarm::ring(TimePoint when) {
  if (set_for_ != when) return;
  set_for_ = kNever;
  const TimePoint now = events_.now();
  if (now < stalled_until_) {
    rearm();
    return;
  }
  for (int i = 0; engine_.deadline() <= now; ++i) {
    if (i == kCallsAtOnce) {
      journal_.fail("deadline() stays in the past after {} calls of on_deadline()", i);
      return;
    }
    count_call();
    engine_.on_deadline();
  }
  rearm();
}

void Alarm::count_call() {
  ++calls_;
  if (events_.now() - second_ >= 1s) {
    second_ = events_.now();
    in_second_ = 0;
    // What was offered a moment ago may still expire now.
    allowance_ = std::exchange(fresh_allowance_, 0);
  }
  if (++in_second_ == kCallsPerSecond + allowance_ + fresh_allowance_) {
    journal_.fail("on_deadline() was due {} times within a second", in_second_);
  }
}

}  // namespace mptunnel::sim
