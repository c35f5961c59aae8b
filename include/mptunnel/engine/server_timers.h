// What the server does because time passes.
//
//   tick        about once a second, earlier while datagrams wait: pending handshakes, silent sessions, old
//               keys, idle flows, fragments, samples of the counters, states of paths
//   MTU probes  those of all sessions that are due within kMtuTick leave together
#pragma once

#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_outbound.h"
#include "mptunnel/engine/server_state.h"

namespace mptunnel {

class ServerTimers {
 public:
  /// Both outlive the object.
  ServerTimers(ServerState& state, ServerOutbound& outbound) : state_(state), outbound_(outbound) {}

  void run(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return std::min(state_.alarm.tick, state_.alarm.mtu); }

 private:
  void end_silent_sessions(Output& out, TimePoint now);
  void tick(ServerSession& session, Output& out, TimePoint now);
  void tick_paths(ServerSession& session, Output& out, TimePoint now);
  void note_path_state(const ServerSession& session, PathId id, Output& out, TimePoint now);
  void send_mtu_probes(Output& out, TimePoint now);

  ServerState& state_;
  ServerOutbound& outbound_;
};

}  // namespace mptunnel
