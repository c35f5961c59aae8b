// One path of mpclient as the system sees it: a bridge's name, its addresses, the socket connected to it.
// What it is not: a judge of whether the path works; the engine is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/apps/io.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/config/config.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/resolver.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

class Bridge {
 public:
  struct Callbacks {
    std::function<void(PathId)> on_readable;
    /// The bridge has a socket now, or has lost it.
    std::function<void(PathId, bool)> on_available;
  };

  /// Where the configuration gives no source port, it is derived from `identity` and the bridge's name.
  Bridge(PathId id, BridgeConfig config, const ClientIdentity& identity, const SocketTuning& tuning,
         Loop& loop, Resolver& resolver, Callbacks callbacks);

  /// Looks the name up, now and then again.
  void start();
  /// The path went down: the name may have another address by now, or the next address may answer.
  void on_down();
  void on_up();
  /// An errno that a send or receive met. A line is logged for the first of its kind since the path was up.
  void on_error(int error);

  [[nodiscard]] PathId id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return config_.name; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  /// Nothing while there is no address or no socket.
  UdpSocket* socket() { return socket_ ? &*socket_ : nullptr; }

 private:
  void resolve();
  void on_resolved(const ResolveResult& result);
  void turn_to(const Endpoint& remote);
  void open(const Endpoint& remote);
  void close();
  void retry_later(const std::string& problem);

  PathId id_;
  BridgeConfig config_;
  ClientIdentity identity_;
  SocketTuning tuning_;
  Loop& loop_;
  Resolver& resolver_;
  Callbacks callbacks_;
  Timer timer_;
  Resolver::Request request_;
  Endpoint remote_;
  std::optional<UdpSocket> socket_;
  std::unique_ptr<ReadWatcher> watcher_;
  Duration retry_;
  std::string said_problem_;  ///< logged once for as long as it stays the same
  int said_error_ = 0;
  bool is_down_ = false;
};

}  // namespace mptunnel
