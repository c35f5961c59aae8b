// Points in time and spans between them. Nothing here reads a clock: time comes into the core as an argument.
#pragma once

#include <chrono>
#include <cstdint>

namespace mptunnel {

/// CLOCK_MONOTONIC, or the virtual time of a simulation. It has no now(): whatever needs the time is given
/// it.
struct MonotonicClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using Duration = MonotonicClock::duration;
using TimePoint = MonotonicClock::time_point;

/// A deadline that never comes.
inline constexpr TimePoint kNever = TimePoint::max();

/// Seconds with fractions, for people.
inline double seconds_of(Duration span) {
  return std::chrono::duration<double>(span).count();
}

/// Milliseconds with fractions, for people.
inline double milliseconds(Duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace mptunnel
