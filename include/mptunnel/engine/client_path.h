// One path at the client, with all that is known of it. Plain state; ClientEngine acts on it.
#pragma once

#include "mptunnel/session/mtu_search.h"
#include "mptunnel/session/path_traffic.h"
#include "mptunnel/session/probed_path.h"

namespace mptunnel {

struct ClientPath {
  ProbedPath probed;
  MtuSearch mtu;  ///< of what is sent to the server
  PathHistory history;

  /// When the next MTU probe is due; kNever where the path is in no state for any.
  [[nodiscard]] TimePoint next_mtu_probe(bool moving) const {
    const bool is_spared = probed.is_standby() && probed.traits().metered;
    if (!probed.is_available() || probed.state() != PathState::up || is_spared) return kNever;
    return mtu.next_probe(moving);
  }
};

}  // namespace mptunnel
