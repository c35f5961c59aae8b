// Copies that leave later than those of other paths, so that what cuts a line for a moment does not take all
// copies of a datagram: each delayed path has a queue of sealed packets, the very bytes that went elsewhere.
// What it is not: a place where datagrams wait for a path, or CONTROL packets.
//
// Only the difference counts: of the paths that a packet goes to, the one with the least delay gets it at
// once. A path that is alone adds no delay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class DelayLine {
 public:
  /// Copies for `path` leave so much later from now on; zero: at once. What waits keeps its time.
  void set(PathId path, Duration delay);
  /// Whether no path has a delay: then the rest need not be called.
  [[nodiscard]] bool empty() const { return delayed_.empty(); }

  /// A sealed packet that goes to `to`. Keeps a copy for each of these that gets it later, and returns the
  /// others. Of a copy that finds no room (kMaxDelayedBytes for each path), take_missed() tells.
  PathSet take(ConstBytes packet, PathSet to, std::uint8_t dscp, SessionIndex epoch, TimePoint now);
  /// Sends what is due. What is late by more than kQueueLife, because the program stood still, is missed too.
  void release(Output& out, SessionHandle session, TimePoint now);
  /// When the first packet is due; kNever if none waits.
  [[nodiscard]] TimePoint deadline() const { return first_due_; }
  /// Packets that were not sent since the last call.
  std::uint64_t take_missed();

 private:
  struct Waiting {
    TimePoint due{};
    std::size_t size = 0;
    SessionIndex epoch;
    std::uint8_t dscp = 0;
  };
  /// The bytes of the waiting packets lie back to back from `begin` on.
  struct Line {
    Duration delay{};
    std::deque<Waiting> waiting;  ///< in the order of their coming, as they leave
    ByteArena bytes;
    std::size_t begin = 0;
  };
  void release_line(PathId path, Output& out, SessionHandle session, TimePoint now);

  std::array<Line, kMaxPaths> lines_;
  PathSet delayed_;  ///< those with a delay
  TimePoint first_due_ = kNever;
  std::uint64_t missed_ = 0;
};

}  // namespace mptunnel
