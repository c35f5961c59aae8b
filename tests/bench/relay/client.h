// The client end of the relay: what an application sends goes down all paths, and of the replies those of the
// first path go back. It is what mpclient would be without sessions, numbers and keys.
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

struct ClientOptions {
  Endpoint listen;
  std::vector<Endpoint> paths;
  /// Of the first application's first path; 0: the kernel picks. See server.h for what the ports are for.
  std::uint16_t source_port = 0;
};

class RelayClient {
 public:
  explicit RelayClient(ClientOptions options);
  /// Where it listens, or why it can't.
  tl::expected<Endpoint, std::string> start();
  void run() { loop_.run(); }

 private:
  struct Path {
    UdpSocket socket;
    std::unique_ptr<ReadWatcher> watcher;
  };
  /// An application: only its address tells it from others, so that it has sockets of its own.
  struct Flow {
    Endpoint application;
    std::vector<Path> paths;
  };

  void on_application();
  void on_path(Flow& flow, std::size_t path);
  Flow* flow_of(const Endpoint& application);
  bool open_paths(Flow& flow, std::uint16_t first_port);

  ClientOptions options_;
  Loop loop_;
  SignalWatcher on_term_;
  SignalWatcher on_int_;
  ReceiveBuffers buffers_;
  ReceiveBudget budget_;
  Forwarder forwarder_;
  std::unique_ptr<UdpSocket> listener_;
  std::unique_ptr<ReadWatcher> watcher_;
  std::unordered_map<Endpoint, std::unique_ptr<Flow>> flows_;
  Flow* latest_ = nullptr;
  unsigned next_group_ =
      0;  ///< source port of the next application's first path, divided by the number of paths
};

}  // namespace mptunnel::bench
