// The sockets that a program listens on: mpclient's for applications, mpserver's for paths.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/config/config.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

class ListenSockets {
 public:
  /// Called when a socket has something to read.
  using OnReadable = std::function<void(UdpSocket&)>;

  ListenSockets(Loop& loop, OnReadable on_readable) : loop_(loop), on_readable_(std::move(on_readable)) {}

  /// Opens all of them and logs a line for each. An address that may be missing is left out where the system
  /// has no such family; any other failure is the error, for people.
  tl::expected<void, std::string> open(const std::vector<ListenAddress>& addresses);

  /// The socket that datagrams with this route came to, and have to leave from; nothing where there is none.
  UdpSocket* find(const Route& route);
  /// From the next turn on nothing is read any more.
  void close() { listeners_.clear(); }

 private:
  struct Listener {
    Endpoint endpoint;
    UdpSocket socket;
    std::unique_ptr<ReadWatcher> watcher;
  };

  Loop& loop_;
  OnReadable on_readable_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace mptunnel
