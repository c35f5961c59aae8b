// The part of the client's engine that sends what applications and the TUN device have.
#pragma once

#include <cstdint>
#include <vector>

#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/flows.h"

namespace mptunnel {

class ClientHandshaking;

/// From applications to the server: datagrams find their flow, and go to the sender.
class ClientOutbound {
 public:
  ClientOutbound(ClientState& state, ClientHandshaking& handshaking)
      : state_(state), handshaking_(handshaking) {}

  /// Datagrams of one source, and the DSCP that they came with. Returns the paths that these show to lead
  /// back to us.
  PathSet on_application(DatagramBatch batch, const FlowSource& source, std::uint8_t dscp, Output& out,
                         TimePoint now);
  /// The same of packets of the TUN device, all of one flow.
  PathSet on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now);
  /// Sends what waited for a session or a path.
  void flush(Output& out, TimePoint now);
  /// Ends flows that were idle for long.
  void expire_flows(Output& out, TimePoint now);
  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  /// While a path is to prove that its tunnel is not ours.
  void note_sizes(DatagramBatch batch);
  /// Sends them, but for our own packets: returns the paths that lead back.
  PathSet send_all(DatagramBatch batch, const OutgoingFlow& flow, Marks marks, const PathViews& paths,
                   Output& out, TimePoint now);
  void refuse(const FlowSource& source, Drop drop, std::size_t datagrams, Output& out);
  void end_flows(const std::vector<ClientFlows::Ended>& ended, Output& out, TimePoint now);

  ClientState& state_;
  ClientHandshaking& handshaking_;
  std::uint64_t datagrams_ = 0;
};

}  // namespace mptunnel
