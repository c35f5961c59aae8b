// One path at the client, with all that is known of it. Plain state; ClientEngine acts on it.
#pragma once

#include <optional>

#include "mptunnel/path/mtu_search.h"
#include "mptunnel/path/path_history.h"
#include "mptunnel/path/probed_path.h"

namespace mptunnel {

struct ClientPath {
  ProbedPath probed;
  MtuSearch mtu;  ///< of what is sent to the server
  PathHistory history;

  /// When the next MTU probe is due; kNever if the path is in no state for one.
  [[nodiscard]] TimePoint next_mtu_probe(bool moving) const {
    return probed.is_up() && !probed.is_spared() ? mtu.next_probe(moving) : kNever;
  }
};

}  // namespace mptunnel
