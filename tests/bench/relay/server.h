// The server end of the relay: what comes by the first path goes to the target, the copies on the others are
// dropped; what the target answers goes back down all paths. It is what mpserver would be without sessions,
// numbers and keys.
//
// Only source ports tell it which paths belong together: with K paths, application i has the ports that make
// i when divided by K, and path p listens at the p-th address and comes from a port of remainder p. Behind a
// socat these can't be seen: there it serves a single application, whatever the ports are.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "bench/relay/forwarder.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel::bench {

struct ServerOptions {
  std::vector<Endpoint> listen;  ///< one for each path, in the client's order
  Endpoint target;
  bool single = false;  ///< one application, whose paths have any source ports
};

class RelayServer {
 public:
  explicit RelayServer(ServerOptions options);
  /// Where the first path listens, or why it can't.
  tl::expected<Endpoint, std::string> start();
  void run() { loop_.run(); }

 private:
  struct Listener {
    UdpSocket socket;
    std::unique_ptr<ReadWatcher> watcher;
  };
  struct Group {
    Endpoint first_path;
    std::vector<Endpoint> remotes;  ///< where each path comes from; unset: unknown yet
    std::unique_ptr<UdpSocket> target;
    std::unique_ptr<ReadWatcher> watcher;
  };

  void on_first_path();
  void on_copies(std::size_t path);
  void on_target(Group& group);
  Group* group_of(const Endpoint& first_path);
  void open(Group& group, const Endpoint& first_path);

  ServerOptions options_;
  Loop loop_;
  SignalWatcher on_term_;
  SignalWatcher on_int_;
  ReceiveBuffers buffers_;
  ReceiveBudget budget_;
  Forwarder forwarder_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Endpoint, std::unique_ptr<Group>> groups_;
  Group* latest_ = nullptr;
  std::vector<Endpoint> single_remotes_;
};

}  // namespace mptunnel::bench
