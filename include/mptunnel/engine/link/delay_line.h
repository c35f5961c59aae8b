// Copies that leave later than those of other paths, so that what cuts a line for a moment does not take all
// copies of a datagram: each delayed path has a queue of sealed packets, the very bytes that went elsewhere.
// What it is not: a place where datagrams wait for a path, or CONTROL packets.
//
// Only the difference counts: of the paths that a datagram goes to, whole or in fragments, the one with the
// least delay gets it at once. A path that is alone adds no delay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/sealed_packet.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Bounded in bytes for each path, and together with all that waits in queues. A path without a delay costs a
/// pointer.
class DelayLine final : public BudgetHolder {
 public:
  /// `budget` outlives it.
  explicit DelayLine(QueueBudget& budget) { join_budget(budget); }

  /// Copies for `path` leave so much later from now on; zero: at once. What waits keeps its time.
  void set(PathId path, Duration delay);
  /// Whether no path has a delay: then the rest need not be called.
  [[nodiscard]] bool empty() const { return delayed_.empty(); }

  /// The least delay of these paths.
  [[nodiscard]] Duration least_of(PathSet paths) const;
  /// A sealed packet that goes to `to`; `least` is the least delay of all paths that its datagram goes to.
  /// Keeps a copy for each of these that gets it later, and returns the others. Of a copy that finds no room
  /// (kMaxDelayedBytes for each path, and the budget), take_missed() tells.
  PathSet take(ConstBytes packet, PathSet to, Duration least, Marks marks, SessionIndex epoch, TimePoint now);
  /// Sends what is due by the paths of `may`. What is for others, or late by more than kQueueLife, because
  /// the program stood still, is missed too.
  void release(PathSet may, Output& out, SessionHandle session, TimePoint now);
  /// When the first packet is due; kNever if none waits.
  [[nodiscard]] TimePoint deadline() const { return first_due_; }
  /// Packets that were not sent since the last call.
  std::uint64_t take_missed() { return std::exchange(missed_, 0); }

 private:
  struct Line {
    Duration delay{};
    std::deque<SealedPacket> waiting;  ///< in the order of their coming, as they leave; `time`: when
    std::size_t bytes = 0;             ///< of these
  };

  [[nodiscard]] Duration delay_of(PathId path) const {
    return lines_[path.value] ? lines_[path.value]->delay : Duration{};
  }
  void release_line(PathId path, bool may, Output& out, SessionHandle session, TimePoint now);
  void drop_first(Line& line);
  bool yield() override;

  std::array<std::unique_ptr<Line>, kMaxPaths> lines_;  ///< of paths that have or had a delay
  PathSet delayed_;                                     ///< those with a delay
  TimePoint first_due_ = kNever;
  std::uint64_t missed_ = 0;
};

}  // namespace mptunnel
