// From the network to the target: packets find their session and are opened; handshakes are answered.
#pragma once

#include "mptunnel/base/throttle.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_control.h"
#include "mptunnel/engine/server_state.h"

namespace mptunnel {

class ServerInbound {
 public:
  /// Both outlive the object.
  ServerInbound(ServerState& state, ServerControl& control) : state_(state), control_(control) {}

  /// Packets that came together.
  void on_network(DatagramBatch batch, const Route& route, Output& out, TimePoint now);

 private:
  void on_data(EpochRef epoch, RouteOrigin& origin, const ServerArrival& arrival);
  void on_packet(const ServerArrival& arrival);
  void on_handshake1(const ServerArrival& arrival);
  void on_control(EpochRef epoch, const ServerArrival& arrival);
  /// CONTROL under a key that no session has yet.
  void on_first_control(const ServerArrival& arrival);
  void read_and_count(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  void heard(ServerSession& session, bool control, const ServerArrival& arrival);

  ServerState& state_;
  ServerControl& control_;
  Throttle other_key_lines_;
  Throttle refused_lines_;
};

}  // namespace mptunnel
