// What mpserver's engine wants sent, on its way to sockets: packets to clients, payloads to the target.
#pragma once

#include "mptunnel/engine/server_engine.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/run_sender.h"
#include "mptunnel/ports/send_sockets.h"
#include "mptunnel/ports/target.h"
#include "mptunnel/ports/tun_port.h"

namespace mptunnel {

class ServerCarrier {
 public:
  /// All of these outlive the object. Without a target or a device, the engine has nothing for it.
  ServerCarrier(ServerEngine& engine, ListenSockets& listeners, Target* target, TunPort* device,
                const Clock& clock)
      : engine_(engine),
        listeners_(listeners),
        target_(target),
        device_(device),
        clock_(clock),
        outlets_(listeners, [&engine](SessionHandle session, PathId path) {
          return engine.route_of(session, path) != nullptr;
        }) {}

  /// Sends the packets and the payloads of an output; sockets of flows that open or end with it are made
  /// before the payloads leave, and closed after. What does not leave of a path's packets, because the
  /// kernel does not take it or has too much that waits, the engine counts; all else that goes no further is
  /// counted here.
  void carry(Output& out, TimePoint now);
  [[nodiscard]] const DropCounters& drops() const { return drops_; }

 private:
  void send_runs(const Output& out, TimePoint now);
  void add_runs(const Output& out, std::size_t begin, std::size_t end, PathId path, const Route& route,
                const Outlet& outlet);
  /// All that sender_ has gathered.
  void send_copies(Outlet* outlet, TimePoint now);
  void send_direct(const Output& out);
  void deliver(Output& out);

  ServerEngine& engine_;
  ListenSockets& listeners_;
  Target* target_;
  TunPort* device_;
  const Clock& clock_;
  SendSockets outlets_;
  RunSender sender_;
  DropCounters drops_;
};

}  // namespace mptunnel
