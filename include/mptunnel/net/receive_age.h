// How long a datagram has waited in a receive buffer: the kernel stamps it with CLOCK_REALTIME when it comes
// (SO_TIMESTAMPNS), and that clock may be set. What it is not: a clock of the program; the core knows the
// monotonic time alone.
#pragma once

#include "mptunnel/base/time.h"

namespace mptunnel {

/// What waited longer is of no use to anybody: a program that was stopped or starved drops it and goes on
/// with what is new. As kQueueLife, which is for what waits inside.
inline constexpr Duration kMaxReceiveAge = std::chrono::milliseconds(500);

/// Both clocks at one moment, each since its own beginning.
struct ClockPair {
  Duration real{};
  Duration monotonic{};
};

/// To a few milliseconds (CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE), for the price of two loads.
ClockPair read_clocks();

/// Judges the stamps of one receive call. What is in the buffer has come after it was empty last, and that
/// bounds its age whatever the clocks do. A stamp that fits neither the clock of then nor that of now (it is
/// from the future, or older than the wait can be) says nothing, and its datagram counts as new.
class ReceiveAge {
 public:
  ReceiveAge(const ClockPair& now, const ClockPair& emptied) : now_(now), emptied_(emptied) {}

  /// Whether anything can be old: else no stamp needs a look.
  [[nodiscard]] bool may_be_old() const { return longest() > kMaxReceiveAge; }
  [[nodiscard]] bool is_old(Duration stamp) const;

 private:
  [[nodiscard]] Duration longest() const { return now_.monotonic - emptied_.monotonic; }
  [[nodiscard]] bool is_possible(Duration age) const;

  ClockPair now_;
  ClockPair emptied_;
};

}  // namespace mptunnel
