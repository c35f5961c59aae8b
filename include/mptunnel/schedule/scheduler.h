// Which paths a datagram goes to, and when. A scheduler decides for each datagram by itself, for one
// direction of one session; it sees no bytes, no keys and no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/schedule/path_views.h"

namespace mptunnel {

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

/// Makes the scheduler of one Sender: of a session at the server, of all sessions in turn at the client.
using MakeScheduler = std::function<std::unique_ptr<Scheduler>()>;

}  // namespace mptunnel
