#include "mptunnel/net/receive_age.h"

#include <ctime>

namespace mptunnel {
namespace {

/// Of the coarse clocks, at HZ=100, and of what adjusts them.
constexpr Duration kClockGrain = std::chrono::milliseconds(20);

Duration coarse(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

ClockPair read_clocks() {
  return {coarse(CLOCK_REALTIME_COARSE), coarse(CLOCK_MONOTONIC_COARSE)};
}

bool ReceiveAge::is_possible(Duration age) const {
  return age >= -kClockGrain && age <= longest() + kClockGrain;
}

bool ReceiveAge::is_old(Duration stamp) const {
  if (!may_be_old()) return false;
  const Duration by_now = now_.real - stamp;
  // As the clock went when the buffer was empty, had nobody set it since.
  const Duration by_then = emptied_.real + longest() - stamp;
  if (!is_possible(by_now)) return is_possible(by_then) && by_then > kMaxReceiveAge;
  return by_now > kMaxReceiveAge && (!is_possible(by_then) || by_then > kMaxReceiveAge);
}

}  // namespace mptunnel
