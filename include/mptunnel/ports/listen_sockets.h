// The sockets that a program listens on: mpclient's for applications, mpserver's for paths.
//
// An address may come later than the program, or go for a while: from DHCP, after IPv6's detection of
// duplicates, from another router (VRRP). Its sockets are opened all the same (IP_FREEBIND), and the kernel
// brings datagrams once it has the address; only those that the kernel binds to an interface, of link-local
// addresses, wait for that one, and are opened anew for one of the same name that follows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/config/config.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/ports/limited_log.h"
#include "mptunnel/ports/port_context.h"

namespace mptunnel {

/// A flood of one of them leaves the others' receive buffers alone; sending is by the first. Each costs a
/// descriptor, and, while it is full, up to twice kSocketBufferBytes of the kernel's memory.
inline constexpr std::size_t kSocketsPerAddress = 8;
/// What is kept apart (Steering::apart) has one socket more, which is read once in this time: many small
/// wake-ups cost most of what a flood of strangers costs. It is read at once after a pause.
inline constexpr Duration kApartReadEach = std::chrono::milliseconds(1);

/// An address to listen on that this host does not have.
struct AwaitedAddress {
  std::string text;  ///< as to_string(ListenAddress)
  std::string why;   ///< half a sentence
};

class ListenSockets {
 public:
  /// Called when a socket has something to read.
  using OnReadable = std::function<void(DatagramSocket&)>;

  /// `use` is SocketUse::applications or SocketUse::paths. Each address gets kSocketsPerAddress sockets,
  /// and one for what is kept apart, among which `steering` distributes. `context` outlives this.
  ListenSockets(const PortContext& context, const Steering& steering, SocketUse use, OnReadable on_readable)
      : context_(context), steering_(steering), use_(use), on_readable_(std::move(on_readable)) {}

  /// Opens all of them and logs a line for each. An address that may be missing is left out for good if the
  /// system has no such family; one that is no address of this host yet is waited for. Any other failure (a
  /// port in use) is the error, for people.
  tl::expected<void, std::string> open(const std::vector<ListenAddress>& addresses);
  /// Whether on_interfaces() is to be called when interfaces or addresses change: there are addresses that
  /// may come or go.
  [[nodiscard]] bool follows_interfaces() const;
  /// Interfaces or addresses have changed. Logs a line for each address that came or went.
  void on_interfaces(const InterfaceTable& table);
  /// Whether anything can come in: an address is there.
  [[nodiscard]] bool is_listening() const;
  /// Those that it listens on or waits for, as to_string(ListenAddress), in their order.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// The addresses that are waited for.
  [[nodiscard]] std::vector<AwaitedAddress> awaited() const;
  /// How often sockets were closed: those that find() gave before are no more.
  [[nodiscard]] std::uint64_t closings() const { return closings_; }

  /// A socket of the address that datagrams with this route came to, and have to leave from; null if there is
  /// none.
  DatagramSocket* find(const Route& route);
  /// One more socket to send from where `socket`, which find() gave, sends from. Null if the system has none,
  /// or does not keep what comes for `socket` from it.
  SocketFactory::Socket open_sender(const DatagramSocket& socket);

 private:
  /// One of the configuration.
  struct Wanted {
    ListenAddress address;
    LimitedLog changes;  ///< its comings and goings
  };
  struct Listener {
    Wanted& wanted;
    Endpoint endpoint;
    std::vector<SocketFactory::Socket> sockets;  ///< at least one
    std::vector<std::unique_ptr<ReadWatcher>> watchers;
    std::unique_ptr<Alarm> pause;  ///< of the last watcher, if its socket is for what is kept apart
    bool is_absent = false;        ///< the host does not have the address
    bool was_seen = false;         ///< in the table of interfaces, which lacks some
  };
  /// One that the kernel does not let be opened yet, because its interface is missing.
  struct Pending {
    Wanted* wanted = nullptr;
    std::string problem;  ///< as it was logged
  };
  /// An address that may be absent, and is, is opened all the same.
  tl::expected<void, SocketError> open_one(Wanted& wanted, bool may_be_absent);
  /// Closes what is bound to an interface that has gone, or has come again as another.
  void close_gone(const InterfaceTable& table);
  void open_pending();
  static void look(Listener& listener, const InterfaceTable& table);
  void watch(Listener& listener);

  const PortContext& context_;
  Steering steering_;
  SocketUse use_;
  OnReadable on_readable_;
  std::list<Wanted> wanted_;
  std::list<Listener> listeners_;  ///< callbacks point to them
  std::vector<Pending> pending_;
  std::uint64_t closings_ = 0;
};

}  // namespace mptunnel
