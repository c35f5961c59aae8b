// One client at the server: its keys, paths and flows. Plain state; ServerEngine acts on it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/session/datagram_queue.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/server_flows.h"
#include "mptunnel/session/server_path.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

struct ServerSession {
  struct Epoch {
    std::unique_ptr<KeyEpoch> keys;
    std::uint32_t order = 0;   ///< grows with each epoch of the session
    TimePoint until = kNever;  ///< when a replaced one no longer opens
  };

  SessionHandle handle;
  ClientIdentity identity{};
  ProcessId process = 0;
  std::uint64_t network = 0;  ///< where the first packet came from, for the quota
  Route first_route;          ///< for log lines
  std::vector<Epoch> epochs;  ///< the last one seals
  std::array<std::unique_ptr<ServerPath>, kMaxPaths> paths;
  ServerFlows flows;
  DatagramQueue queue;
  TimePoint last_heard;  ///< a sealed packet of the client opened
  bool dormant = false;
  std::optional<TimePoint> superseded;  ///< another process took over; nothing is sent any more
  bool resumed = false;                 ///< what SERVER_HELLO says under the last epoch
  std::vector<Route> inherited_routes;  ///< validated by the process that this one took over from
  std::optional<TimePoint> said_flow_unknown;
  std::uint64_t datagrams_in = 0;   ///< from the client, to the target
  std::uint64_t datagrams_out = 0;  ///< from the target, to the client

  [[nodiscard]] KeyEpoch& sealing() const { return *epochs.back().keys; }
  [[nodiscard]] PathMask data_paths(TimePoint now) const;
  /// The path that has this address, or nothing.
  [[nodiscard]] std::optional<PathId> path_at(const Route& route) const;
  /// `keys` seals from now on; the former ones open for a while. Returns the indices of epochs that had to
  /// go.
  std::vector<SessionIndex> add_epoch(std::unique_ptr<KeyEpoch> keys, TimePoint now);
};

}  // namespace mptunnel
