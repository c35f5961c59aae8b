// When one session acknowledges what comes, and what it says: nothing, until the peer wants it. What it is
// not: the paths' memory of what came; that is ArrivalLog.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/path/arrival_log.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class Acknowledger {
 public:
  /// The peer wants ACKs of what is counted of the session that this epoch is of, or none any more.
  void on_wanted(const AckWantedFrame& wanted, const LinkEpoch& epoch, TimePoint now);
  [[nodiscard]] bool is_on() const { return until_ != TimePoint{}; }
  /// When take() is to be called; kNever if nothing came.
  [[nodiscard]] TimePoint deadline() const;
  /// The ACK of each path that something came by under this key, and begins anew.
  std::vector<Frame> take(const LinkEpoch& epoch, TimePoint now);

 private:
  void stop(PathTable& paths);

  std::array<std::shared_ptr<ArrivalLog>, kMaxPaths> logs_;
  Duration interval_{};
  std::size_t packets_ = 0;
  TimePoint until_{};  ///< it is wanted no more then, if nothing is heard
};

}  // namespace mptunnel
