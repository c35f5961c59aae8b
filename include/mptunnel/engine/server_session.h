// One client at the server: its keys, paths and flows. Plain state; ServerEngine acts on it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/engine/event.h"
#include "mptunnel/engine/packet_sender.h"
#include "mptunnel/path/server_path.h"
#include "mptunnel/session/datagram_queue.h"
#include "mptunnel/session/fragment_assembler.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/server_flows.h"
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

  Arrivals retired_in;  ///< DATA of the epochs that are gone
  Arrivals retired_out;
  FragmentAssembler fragments;
  PacketSender sender;
  TimePoint started;
  TimePoint last_moved;  ///< a datagram, either way

  /// Packets from an address that is no path's yet, or no longer. The path that turns out to have it takes
  /// them over.
  struct Stray {
    Route from;
    std::optional<PathId> owner;  ///< the path that had it
    PathTraffic counts;           ///< while there is no owner
  };
  std::vector<Stray> strays;  ///< at most kMaxPaths

  /// For events.
  [[nodiscard]] SessionRef ref() const { return {handle, identity}; }
  [[nodiscard]] KeyEpoch& sealing() const { return *epochs.back().keys; }
  [[nodiscard]] PathSet data_paths(TimePoint now) const;
  [[nodiscard]] Carriers carriers(TimePoint now) const;
  /// What path i carries, as a function.
  [[nodiscard]] auto mtu_of() const {
    return [this](std::size_t i) { return paths[i]->mtu.mtu(); };
  }
  /// When the next MTU probe of the path is due; kNever where it, or the session, is in no state for any.
  [[nodiscard]] TimePoint next_mtu_probe(const ServerPath& path, TimePoint now) const;
  /// What is counted of the packets from this address.
  PathTraffic& traffic_from(const Route& from, std::optional<PathId> path);
  /// The same; nothing where nothing genuine came from there yet.
  PathTraffic* find_traffic(const Route& from, std::optional<PathId> path);
  /// The path has another address now: what came from there before belongs to it, and so does what still
  /// comes from the old one, if it had any.
  void take_strays(PathId path, const std::optional<Route>& old_route);
  /// DATA packets of the session, as far as both ends know.
  [[nodiscard]] Arrivals data_in() const;
  [[nodiscard]] Arrivals data_out() const;
  /// The epoch seals no more: its counts of DATA are kept.
  void retire(const KeyEpoch& keys);
  [[nodiscard]] bool is_moving(TimePoint now) const { return now - last_moved < kDataMovesFor; }
  /// The path that has this address, or nothing.
  [[nodiscard]] std::optional<PathId> path_at(const Route& route) const;
  /// `keys` seals from now on; the former ones open for a while. Returns the indices of epochs that had to
  /// go.
  std::vector<SessionIndex> add_epoch(std::unique_ptr<KeyEpoch> keys, TimePoint now);
};

}  // namespace mptunnel
