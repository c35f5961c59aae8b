// Which path a datagram takes so that all together have arrived as soon as can be: the one by which it will
// have arrived first, given how fast each path may be sent on, how long it takes, and what waits for it. So
// what is taken from the queue in one order arrives in about that order, and a slow path gets something only
// while the faster ones are busy for as long as it takes more.
//
//     queue --> choose(): a path, at once or after what waits for it --> pacer of the path --> leaves
//
// Source: Chebrolu, Rao: Bandwidth Aggregation for Real-Time Applications in Heterogeneous Wireless Networks
// (2006), "Earliest Delivery Path First". What it is not: the rates; these are RateControl's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

class EarliestArrival {
 public:
  /// What a path that has been idle may send at once.
  static constexpr Duration kBurst = std::chrono::milliseconds(2);
  /// Datagrams are given to paths for so long ahead, beyond what the slowest path takes more than the
  /// fastest.
  static constexpr Duration kAhead = std::chrono::milliseconds(2);

  /// What left by a path beyond its rate is forgotten above this.
  static constexpr Duration kMostDebt = std::chrono::milliseconds(100);
  /// A path that takes longer for one packet is of no use beside others.
  static constexpr Duration kMostOfOne = std::chrono::milliseconds(20);

  struct Path {
    double bytes_per_second = 0;  ///< above 0
    Duration delay{};             ///< one way, from anywhere: only differences count
  };
  /// This path may be used, and what is known of it now.
  void set(PathId path, const Path& what, TimePoint now);
  /// The path is away: what it owed is forgotten.
  void forget(PathId path) { own(path) = {}; }
  [[nodiscard]] const Path& of(PathId path) const { return paths_[path.value].what; }
  /// choose() takes none but these, of those that were set. What waits for others is to be chosen for anew.
  void keep(PathSet paths) { usable_ = usable_ & paths; }
  [[nodiscard]] PathSet usable() const { return usable_; }

  struct Choice {
    PathId path;
    bool is_at_once = false;  ///< or after what waits for the path
  };
  /// Of a packet with so many bytes. nullopt: each path has enough to do until retry_at(), or there is none.
  std::optional<Choice> choose(std::size_t bytes, TimePoint now);
  /// The path by which it has arrived first, however long that takes. There is one.
  [[nodiscard]] PathId soonest(std::size_t bytes, TimePoint now) const;
  /// When choose() is to be asked again, after it returned nullopt; kNever if there is no path.
  [[nodiscard]] TimePoint retry_at() const { return retry_at_; }

  /// A packet of so many bytes waits for the path, or does not any more.
  void queue(PathId path, std::size_t bytes) { own(path).queued += bytes; }
  void unqueue(PathId path, std::size_t bytes) { own(path).queued -= bytes; }
  /// When the path may be sent on next.
  [[nodiscard]] TimePoint next(PathId path) const { return paths_[path.value].next; }
  [[nodiscard]] bool may_leave(PathId path, TimePoint now) const { return next(path) <= now; }
  /// So many bytes left by the path, chosen for or not.
  void charge(PathId path, std::size_t bytes, TimePoint now);
  /// They did not leave after all.
  void refund(PathId path, std::size_t bytes) {
    if (own(path).what.bytes_per_second > 0) own(path).next -= time_of(bytes, own(path).what);
  }

 private:
  struct Own {
    Path what;
    TimePoint next{};
    std::size_t queued = 0;
    bool is_known = false;
  };
  [[nodiscard]] static TimePoint arrival_of(const Own& own, std::size_t bytes, TimePoint now) {
    return std::max(now, own.next) + time_of(own.queued + bytes, own.what) + own.what.delay;
  }
  static bool is_idle(const Own& own, TimePoint now) { return own.queued == 0 && own.next <= now; }
  [[nodiscard]] Own& own(PathId path) { return paths_[path.value]; }
  static Duration time_of(std::size_t bytes, const Path& path) {
    const std::chrono::duration<double> seconds(static_cast<double>(bytes) / path.bytes_per_second);
    return std::chrono::duration_cast<Duration>(seconds);
  }

  PathSet usable_;
  std::array<Own, kMaxPaths> paths_{};
  TimePoint retry_at_ = kNever;
};

}  // namespace mptunnel
