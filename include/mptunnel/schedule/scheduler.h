// Which paths a datagram goes to, and when. A scheduler decides for each datagram by itself, for one
// direction of one session; it sees no bytes, no keys and no sockets. What it knows of the paths are
// values, taken once for all datagrams that came together.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// One path that may carry data.
struct PathView {
  PathState state;
  std::size_t mtu;              ///< the largest packet that it carries whole, in bytes of UDP payload
  Duration rtt;                 ///< smoothed; zero before the first sample
  bool is_mtu_doubted = false;  ///< it may carry kBaseMtu alone by now
  bool is_mtu_certain = true;   ///< it was seen to carry that, and not only assumed to
};

/// The paths of a session that may carry data now, whichever a scheduler picks among them. Which these are
/// is the engine's to say: it knows what is down, and which backups rest.
class PathViews {
 public:
  void add(PathId path, const PathView& view) {
    paths_.insert(path);
    views_[path.value] = view;
    smallest_mtu_ = std::min(smallest_mtu_, view.mtu);
    if (view.is_mtu_doubted) doubted_.insert(path);
    if (view.is_mtu_certain) certain_.insert(path);
    if (view.state != PathState::suspect) answering_.insert(path);
  }

  [[nodiscard]] PathSet paths() const { return paths_; }
  [[nodiscard]] bool empty() const { return paths_.empty(); }
  /// Those that do not fail to answer; all, if each does.
  [[nodiscard]] PathSet answering() const { return answering_.empty() ? paths_ : answering_; }
  /// `path` is one of paths().
  [[nodiscard]] const PathView& of(PathId path) const { return views_[path.value]; }
  /// Of `among`, which is not empty, the one with the least round-trip time; one of which none is known only
  /// if none is known of any.
  [[nodiscard]] PathId fastest(PathSet among) const {
    PathId best = *among.begin();
    for (const PathId path : among) {
      const Duration rtt = of(path).rtt;
      if (rtt != Duration::zero() && (of(best).rtt == Duration::zero() || rtt < of(best).rtt)) best = path;
    }
    return best;
  }
  /// The largest packet that all of them carry whole; kMaxPacketBytes if there is none.
  [[nodiscard]] std::size_t smallest_mtu() const { return smallest_mtu_; }
  /// Those of `among` that a packet of `size` bytes is too large for.
  [[nodiscard]] PathSet too_small_for(std::size_t size, PathSet among) const {
    PathSet result;
    if (size <= smallest_mtu_) return result;
    for (const PathId path : among) {
      if (of(path).mtu < size) result.insert(path);
    }
    return result;
  }
  /// Those whose MTU was seen to pass.
  [[nodiscard]] PathSet certain() const { return certain_; }
  /// Those whose MTU is doubted.
  [[nodiscard]] PathSet doubted() const { return doubted_; }
  /// The largest packet that each of `among` carries whole for certain.
  [[nodiscard]] std::size_t certain_mtu(PathSet among) const {
    std::size_t smallest = (among & doubted_).empty() ? kMaxPacketBytes : kBaseMtu;
    for (const PathId path : among) smallest = std::min(smallest, of(path).mtu);
    return smallest;
  }

 private:
  PathSet paths_;
  PathSet doubted_;
  PathSet certain_;
  PathSet answering_;
  std::size_t smallest_mtu_ = kMaxPacketBytes;
  std::array<PathView, kMaxPaths> views_;  ///< those of paths_ alone are initialized: made for each batch
};

/// What a scheduler knows of a datagram.
struct DatagramView {
  std::size_t bytes = 0;  ///< of the payload
  FlowHandle flow;
  std::uint8_t dscp = 0;  ///< 0 to 63
};

/// Where a datagram goes. It waits in the session's queue if `paths` is empty, until the paths change, or if
/// `when` is in the future, until then. What waits is decided again, and expires after kQueueLife.
struct Decision {
  PathSet paths;
  TimePoint when{};  ///< the epoch of the clock: at once

  [[nodiscard]] bool is_to_leave(TimePoint now) const { return !paths.empty() && when <= now; }
};

class Scheduler {
 public:
  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler() = default;

  /// Called once for each datagram, in their order; may keep state of its own. `Decision::paths` is a subset
  /// of `paths.paths()`.
  virtual Decision choose(const PathViews& paths, const DatagramView& datagram, TimePoint now) = 0;
};

/// What a session does with its datagrams. The last two take a peer that acknowledges; to another one,
/// copies.
enum class SchedulerMode : std::uint8_t {
  copies,     ///< each by all paths
  fastest,    ///< each by the path that takes least time
  aggregate,  ///< each by one path, so that all have the sum of them
  automatic,  ///< aggregate of flows that are much, copies of the others
};

/// Makes the scheduler of one Sender: of a session at the server, of all sessions in turn at the client.
using MakeScheduler = std::function<std::unique_ptr<Scheduler>()>;
/// One for what does not go by one path each.
MakeScheduler maker_of(SchedulerMode mode);

}  // namespace mptunnel
