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
  bool called_in = false;                 ///< a backup that carries data because others failed
  std::optional<TimePoint> enough_since;  ///< when it ceased to be needed
  std::optional<TimePoint> looped;        ///< when a PING of it last came back in from an application,
  PacketNumber looped_number;             ///< and which

  /// When the next MTU probe is due; kNever if the path is in no state for one.
  [[nodiscard]] TimePoint next_mtu_probe(bool moving) const {
    return probed.is_up() && !probed.is_spared() ? mtu.next_probe(moving) : kNever;
  }
};

}  // namespace mptunnel
