// From the target to clients: datagrams of a flow go to the paths of its session.
#pragma once

#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_state.h"

namespace mptunnel {

class ServerOutbound {
 public:
  /// `state` outlives the object.
  explicit ServerOutbound(ServerState& state) : state_(state) {}

  void on_target(FlowHandle flow, DatagramBatch batch, std::uint8_t dscp, Output& out, TimePoint now);
  /// Sends what waited for a path, or for its flow to be opened.
  void flush(ServerSession& session, Output& out, TimePoint now);

 private:
  void note_large(ServerSession& session, PathSet paths, TimePoint now);

  ServerState& state_;
};

}  // namespace mptunnel
