// The sockets that a program listens on: mpclient's for applications, mpserver's for paths.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/config/config.h"
#include "mptunnel/ports/port_context.h"

namespace mptunnel {

/// A flood of one of them leaves the others' receive buffers alone; sending is by the first. Each costs a
/// descriptor, and, while it is full, up to twice kSocketBufferBytes of the kernel's memory.
inline constexpr std::size_t kSocketsPerAddress = 8;
/// What is kept apart (Steering::apart) has one socket more, which is read once in this time: many small
/// wake-ups cost most of what a flood of strangers costs. It is read at once after a pause.
inline constexpr Duration kApartReadEach = std::chrono::milliseconds(1);

class ListenSockets {
 public:
  /// Called when a socket has something to read.
  using OnReadable = std::function<void(DatagramSocket&)>;

  /// `use` is SocketUse::applications or SocketUse::paths. Each address gets kSocketsPerAddress sockets,
  /// and one for what is kept apart, among which `steering` distributes. `context` outlives this.
  ListenSockets(const PortContext& context, const Steering& steering, SocketUse use, OnReadable on_readable)
      : context_(context), steering_(steering), use_(use), on_readable_(std::move(on_readable)) {}

  /// Opens all of them and logs a line for each. An address that may be missing is left out if the system
  /// has no such family; any other failure is the error, for people.
  tl::expected<void, std::string> open(const std::vector<ListenAddress>& addresses);

  /// A socket of the address that datagrams with this route came to, and have to leave from; null if there is
  /// none.
  DatagramSocket* find(const Route& route);
  /// One more socket to send from where `socket`, which find() gave, sends from. Null if the system has none.
  SocketFactory::Socket open_sender(const DatagramSocket& socket);

 private:
  struct Listener {
    Endpoint endpoint;
    std::vector<SocketFactory::Socket> sockets;  ///< at least one
    std::vector<std::unique_ptr<ReadWatcher>> watchers;
    std::unique_ptr<Alarm> pause;  ///< of the last watcher, if its socket is for what is kept apart
  };
  void watch(Listener& listener);

  const PortContext& context_;
  Steering steering_;
  SocketUse use_;
  OnReadable on_readable_;
  std::list<Listener> listeners_;  ///< callbacks point to them
};

}  // namespace mptunnel
