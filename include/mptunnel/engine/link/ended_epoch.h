// What is counted of DATA under a key that seals no more. Reports speak of the key that they are sealed with,
// so what was on its way when the keys changed is in none of them: the ends tell each other of it by
// EPOCH_COUNTS, under the keys that they have by then. It outlives its key.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/wire/epoch_counts_frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

struct EndedEpoch {
  SessionIndex local;           ///< what the peer calls the epoch by
  SessionIndex remote;          ///< what this end calls it by towards the peer
  std::uint64_t sealed = 0;     ///< DATA packets that this end made
  std::uint64_t received = 0;   ///< different ones of the peer that came so far, or were recovered
  std::uint64_t recovered = 0;  ///< of these, what REPAIR alone brought
  Arrivals reported_in;         ///< as the last report under the key says
  Arrivals reported_out;
  struct Told {
    std::uint64_t sealed = 0;
    std::uint64_t opened = 0;     ///< of ours
    std::uint64_t recovered = 0;  ///< of these
  };
  std::optional<Told> told;   ///< what the peer has said since
  TimePoint ask_at = kNever;  ///< client: when to ask for that, again
  Duration wait{};            ///< the pause before

  /// Not the last report but what the peer said later, once it has: what came after the report counts, and
  /// so does what still comes.
  [[nodiscard]] Arrivals data_in() const {
    return told ? Arrivals{told->sealed, std::min(received, told->sealed), recovered} : reported_in;
  }
  [[nodiscard]] Arrivals data_out() const {
    return told ? Arrivals{sealed, std::min(told->opened, sealed), told->recovered} : reported_out;
  }
  /// Nothing is missing that could still come.
  [[nodiscard]] bool is_whole() const { return told && data_in().lost() == 0 && data_out().lost() == 0; }

  /// Overtaken frames change nothing.
  void on_counts(const EpochCountsFrame& frame) {
    const Told before = told.value_or(Told{});
    told = {std::max<std::uint64_t>(before.sealed, frame.sealed),
            std::max<std::uint64_t>(before.opened, frame.opened),
            // A copy that comes late makes one less of what was recovered.
            frame.opened >= before.opened ? frame.recovered : before.recovered};
  }
  [[nodiscard]] EpochCountsFrame counts() const {
    return {remote, static_cast<std::uint32_t>(sealed), static_cast<std::uint32_t>(received),
            static_cast<std::uint32_t>(recovered)};
  }
  /// The peer is asked from now on, as if it never had been.
  void begin_asking(TimePoint now) {
    wait = kEpochCountsAfter;
    ask_at = now + wait;
  }
  /// Whether it is to be asked now; if so the next time is set.
  bool take_ask(TimePoint now) {
    if (now < ask_at || is_whole()) return false;
    wait *= 2;
    ask_at = wait <= kEpochCountsMostWait ? now + wait : kNever;
    return true;
  }
};

}  // namespace mptunnel
