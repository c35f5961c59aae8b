// The sockets that a program listens on: mpclient's for applications, mpserver's for paths.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/apps/io.h"
#include "mptunnel/config/config.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

class ListenSockets {
 public:
  /// Called when a socket has something to read.
  using OnReadable = std::function<void(UdpSocket&)>;

  /// Each address gets a group of sockets; see UdpSocket::open_group() for `steer_by_byte`.
  ListenSockets(Loop& loop, const SocketTuning& tuning, std::optional<std::uint32_t> steer_by_byte,
                OnReadable on_readable)
      : loop_(loop), tuning_(tuning), steer_by_byte_(steer_by_byte), on_readable_(std::move(on_readable)) {}

  /// Opens all of them and logs a line for each. An address that may be missing is left out where the system
  /// has no such family; any other failure is the error, for people.
  tl::expected<void, std::string> open(const std::vector<ListenAddress>& addresses);

  /// A socket of the address that datagrams with this route came to, and have to leave from; nothing where
  /// there is none.
  UdpSocket* find(const Route& route);
  /// What the kernel dropped since receive buffers were full.
  [[nodiscard]] std::uint64_t kernel_drops() const;
  /// From the next turn on nothing is read any more.
  void close() { listeners_.clear(); }

 private:
  struct Listener {
    Endpoint endpoint;
    std::vector<UdpSocket> sockets;  ///< at least one
    std::vector<std::unique_ptr<ReadWatcher>> watchers;
  };

  Loop& loop_;
  SocketTuning tuning_;
  std::optional<std::uint32_t> steer_by_byte_;
  OnReadable on_readable_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace mptunnel
