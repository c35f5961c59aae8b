// mpserver's protocol, whole and without I/O: packets of the network and datagrams of the target go in,
// packets, deliveries, changes of flows, events and a deadline come out. It wires the parts that do the work:
// see ServerState.
//
// Nothing that is not authenticated changes a session, a flow or a path. A client exists from the first
// CONTROL packet that opens under a key that a handshake made; until then it is a row in the table of pending
// handshakes.
#pragma once

#include <algorithm>

#include "mptunnel/engine/event_limiter.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_parts.h"
#include "mptunnel/engine/server_state.h"
#include "mptunnel/engine/snapshot.h"

namespace mptunnel {

class ServerEngine {
 public:
  /// `random` outlives the engine.
  ServerEngine(const ServerSettings& settings, RandomSource& random) : state_(settings, random) {}

  /// What arrived from the network, with this ECN. Decrypted in place: deliveries point into `batch`.
  void on_network(DatagramBatch batch, const Route& route, Output& out, TimePoint now,
                  Ecn ecn = Ecn::not_ect) {
    const std::size_t first = out.events.size();
    state_.context.overrun.on_passed(1, now);
    inbound_.on_network(batch, route, ecn, out, now);
    limiter_.limit(out, first, now);
  }
  /// Datagrams that the target sent to the socket of a flow, and the DSCP that they came with, which their
  /// packets get.
  void on_target(FlowHandle flow, DatagramBatch batch, Output& out, TimePoint now, std::uint8_t dscp = 0) {
    outbound_.on_target(flow, batch, dscp, out, now);
  }
  /// Packets of the TUN device, all of one flow: they go to the client that has the destination of the first.
  /// What is delivered to a flow that is_tun() is for the device.
  void on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now) {
    outbound_.on_tun(packets, flow, out, now);
  }
  /// So many batches of the network were lost because this machine did not read them in time.
  void on_network_lost(std::uint64_t batches, TimePoint now) { state_.context.overrun.on_lost(batches, now); }
  /// So many datagrams for the flow were lost in this machine before they came here.
  void on_target_lost(FlowHandle flow, std::uint64_t datagrams) {
    if (datagrams == 0) return;
    if (ServerSession* session = state_.table.owner_of(flow)) session->lost_before += datagrams;
  }
  /// To be called at deadline() or later; more often does no harm.
  void on_deadline(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return std::min(timers_.deadline(), limiter_.due()); }
  /// How many of a run's packets the kernel took for one of its paths; `drop` says why not the others.
  void on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop, TimePoint now);
  /// From now on these keys. Sessions whose key is not among them, or is disabled, are told, and end.
  void set_keys(const ServerKeys& keys, Output& out, TimePoint now);
  /// Tells all clients that this process ends.
  void close(Output& out, TimePoint now);

  /// Where a session's path leads; null if either is gone.
  [[nodiscard]] const Route* route_of(SessionHandle session, PathId path) const;
  /// The largest inner packet that passes whole on each path in use of every client; nullopt while there is
  /// no client.
  [[nodiscard]] std::optional<std::size_t> largest_inner(TimePoint now) const;
  [[nodiscard]] ServerSnapshot snapshot(TimePoint now) const;
  [[nodiscard]] const DropCounters& drops() const { return state_.context.drops; }
  /// All there is to know: for whoever looks at an engine from outside, and changes nothing.
  [[nodiscard]] const ServerState& state() const { return state_; }

 private:
  void end(ServerSession& session, CloseReason reason, Output& out, TimePoint now);

  ServerState state_;
  ServerOutbound outbound_{state_};
  ServerControl control_{state_, outbound_};
  ServerInbound inbound_{state_, control_, outbound_};
  ServerTimers timers_{state_, outbound_};
  EventLimiter limiter_;
};

}  // namespace mptunnel
