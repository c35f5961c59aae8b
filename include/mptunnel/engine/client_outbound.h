// From applications to the server: datagrams find their flow, and go to the sender.
#pragma once

#include <vector>

#include "mptunnel/base/throttle.h"
#include "mptunnel/engine/client_handshaking.h"
#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/flow_source.h"

namespace mptunnel {

class ClientOutbound {
 public:
  /// Both outlive the object.
  ClientOutbound(ClientState& state, ClientHandshaking& handshaking)
      : state_(state), handshaking_(handshaking) {}

  /// Datagrams of one source, and the DSCP that they came with. Returns the paths that these show to lead
  /// back to us.
  PathSet on_application(DatagramBatch batch, const FlowSource& source, std::uint8_t dscp, Output& out,
                         TimePoint now);
  /// Sends what waited for a session or a path.
  void flush(Output& out, TimePoint now);
  /// Ends flows that were idle for long.
  void expire_flows(Output& out, TimePoint now);
  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  void refuse(const FlowSource& source, Drop drop, std::size_t datagrams, Output& out, TimePoint now);
  void end_flows(const std::vector<ClientFlows::Ended>& ended, Output& out, TimePoint now);

  ClientState& state_;
  ClientHandshaking& handshaking_;
  Throttle limit_lines_;
  std::uint64_t datagrams_ = 0;
};

}  // namespace mptunnel
