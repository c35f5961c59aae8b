// mpserver's side towards the target: its address, and a connected socket for each flow, so that the target
// tells the applications apart by their source ports.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "mptunnel/base/ids.h"
#include "mptunnel/config/config.h"
#include "mptunnel/ports/name_watch.h"
#include "mptunnel/ports/port_context.h"

namespace mptunnel {

class Target {
 public:
  using OnReadable = std::function<void(FlowHandle)>;

  /// `context` outlives this.
  Target(const HostPort& address, Duration resolve_interval, const PortContext& context,
         OnReadable on_readable);

  /// Looks the name up, and again every `resolve-interval`. If the address changes, all sockets move.
  void start() { names_.ask(); }
  /// A flow begins: its socket tries a source port derived from `hash`, the same after a restart.
  void open(FlowHandle handle, std::uint64_t hash);
  void close(FlowHandle handle) { flows_.erase(handle); }
  /// Null if the target has no address yet, or the system no socket.
  DatagramSocket* socket(FlowHandle handle);
  /// An errno that a send or receive met: a line is logged when the target begins to refuse.
  void on_error(int error);
  /// Something came from the target.
  void on_answer();
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }

 private:
  struct Flow {
    std::uint64_t hash = 0;
    SocketFactory::Socket socket;
    std::unique_ptr<ReadWatcher> watcher;
  };

  void on_resolved(const ResolveResult& result);
  void connect(FlowHandle handle, Flow& flow);

  Duration resolve_interval_;
  const PortContext& context_;
  OnReadable on_readable_;
  NameWatch names_;
  Endpoint remote_;
  std::unordered_map<FlowHandle, Flow> flows_;
  std::string said_problem_;
  int said_error_ = 0;
  bool said_socket_error_ = false;
};

}  // namespace mptunnel
