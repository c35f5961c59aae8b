// What mpclient's engine wants sent, on its way to sockets: packets to bridges, payloads to applications.
#pragma once

#include <array>
#include <vector>

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/ports/application_table.h"
#include "mptunnel/ports/bridges.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/run_sender.h"
#include "mptunnel/ports/tun_port.h"

namespace mptunnel {

class ClientCarrier {
 public:
  /// All of these outlive the object. Without a device, the engine has nothing for it.
  ClientCarrier(ClientEngine& engine, Bridges& bridges, const ApplicationTable& applications,
                ListenSockets& listeners, TunPort* device, const Clock& clock)
      : engine_(engine),
        bridges_(bridges),
        applications_(applications),
        listeners_(listeners),
        device_(device),
        clock_(clock) {}

  /// Sends the packets and the payloads of an output. What does not leave of a path's packets, because the
  /// kernel does not take it or has too much that waits, the engine counts; all else that goes no further is
  /// counted here.
  void carry(Output& out, TimePoint now);
  [[nodiscard]] const DropCounters& drops() const { return drops_; }

 private:
  void send_runs(const Output& out, TimePoint now);
  void deliver(Output& out);
  /// All of deliveries_, through one socket.
  void send_deliveries(DatagramSocket* socket);

  ClientEngine& engine_;
  Bridges& bridges_;
  const ApplicationTable& applications_;
  ListenSockets& listeners_;
  TunPort* device_;
  const Clock& clock_;
  RunSender sender_;
  std::array<SendQueue, kMaxPaths> queues_;  ///< of the paths' sockets
  std::vector<SendPieces> deliveries_;
  std::vector<SendOutcome> delivered_;
  DropCounters drops_;
};

}  // namespace mptunnel
