// The sockets that a program listens on: mpclient's for applications, mpserver's for paths.
//
// An address may come later than the program: from DHCP, after IPv6's detection of duplicates, from another
// router (VRRP). Its sockets are opened all the same (IP_FREEBIND), and the kernel brings datagrams once it
// has the address; only those that the kernel binds to an interface wait for that one.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/config/config.h"
#include "mptunnel/net/interfaces.h"
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
  /// has no such family; one that is no address of this host yet is waited for. Any other failure (a port in
  /// use) is the error, for people.
  tl::expected<void, std::string> open(const std::vector<ListenAddress>& addresses);
  /// Whether an address is waited for: on_interfaces() is to be called then.
  [[nodiscard]] bool is_waiting() const;
  /// Interfaces or addresses have changed. Logs a line for each address that came.
  void on_interfaces(const InterfaceTable& table);

  /// A socket of the address that datagrams with this route came to, and have to leave from; null if there is
  /// none.
  DatagramSocket* find(const Route& route);
  /// One more socket to send from where `socket`, which find() gave, sends from. Null if the system has none,
  /// or does not keep what comes for `socket` from it.
  SocketFactory::Socket open_sender(const DatagramSocket& socket);

 private:
  struct Listener {
    Endpoint endpoint;
    std::vector<SocketFactory::Socket> sockets;  ///< at least one
    std::vector<std::unique_ptr<ReadWatcher>> watchers;
    std::unique_ptr<Alarm> pause;  ///< of the last watcher, if its socket is for what is kept apart
    bool is_absent = false;        ///< the host has not had the address yet
  };
  /// One that the kernel does not let be opened yet, because its interface is missing.
  struct Pending {
    Endpoint endpoint;
    std::string problem;  ///< as it was logged
  };
  /// An address that may be absent, and is, is opened all the same.
  tl::expected<void, SocketError> open_one(const Endpoint& endpoint, bool may_be_absent);
  void watch(Listener& listener);

  const PortContext& context_;
  Steering steering_;
  SocketUse use_;
  OnReadable on_readable_;
  std::list<Listener> listeners_;  ///< callbacks point to them
  std::vector<Pending> pending_;
};

}  // namespace mptunnel
