// The socket of one path: opened when needed, turned to another address while it can be, and opened again on
// the same port otherwise, because a bridge may answer only the port that it saw first. A path that stays
// silent takes other ports in turn, because a NAT or a bridge may still lead the usual one elsewhere.
//
// The socket is connected, so the kernel drops what comes from elsewhere. A second one on its port hears that
// while the path does not answer, and afterwards the one address that answers instead of `remote`, if there
// is one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/time.h"
#include "mptunnel/ports/interface_rules.h"
#include "mptunnel/ports/port_context.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// How long a path may be silent on a source port before another has its turn, if so many had one.
Duration port_patience(unsigned turns);

class BridgeSocket {
 public:
  /// If the configuration gives no source port, it is derived from `identity` and `name`. `context` and
  /// `table` outlive this.
  BridgeSocket(const PortContext& context, const InterfaceTable& table, SendFrom from,
               const ClientIdentity& identity, std::string name, LoopCallback on_readable,
               LoopCallback on_elsewhere_readable);

  /// Sends to `remote` from now on. The error is a sentence for people; the socket may be gone then.
  tl::expected<void, std::string> use(const Endpoint& remote);
  /// The same, where `remote` is heard already; besides it hears `instead` from now on. What has come is not
  /// lost, and nothing that comes meanwhile finds no socket: that error would end a child of socat.
  tl::expected<void, std::string> use_heard(const Endpoint& remote, const Endpoint& instead);
  /// Sends to `remote` from another port: from the usual one to each of the others in turn, from these to the
  /// usual one. False, and nothing is changed, if the configuration gives the port or there is no other.
  bool turn_port(const Endpoint& remote);
  void close();
  /// Hears, from now on, what comes from any address. Not while closed. If the system has no socket for it,
  /// there is none.
  void hear_all();
  /// Of all addresses besides `remote`, hears this one alone; all, if no route leads there.
  void hear_only(const Endpoint& elsewhere);
  /// Hears `remote` alone.
  void hear_none();

  /// Null while there is none.
  [[nodiscard]] DatagramSocket* get() const { return socket_.get(); }
  /// Gets what comes from other addresses than the one that packets go to; null while that is not wanted.
  [[nodiscard]] DatagramSocket* elsewhere() const { return elsewhere_.get(); }
  [[nodiscard]] bool is_open() const { return socket_ != nullptr; }
  /// Not while closed.
  [[nodiscard]] Endpoint local() const { return socket_->local_endpoint(); }
  [[nodiscard]] const SendFrom& from() const { return from_; }
  /// Whether the interface that it is bound to is still the same.
  [[nodiscard]] bool has_valid_device() const { return is_same_device(table_, from_.device, device_index_); }
  /// Whether its own address is still one of this host that is up. Not while closed.
  [[nodiscard]] bool has_valid_source() const { return is_valid_source(table_, local()); }

 private:
  tl::expected<void, std::string> open(const Endpoint& remote);
  /// Why no socket could be had for `remote`, for people.
  [[nodiscard]] std::string why_not(const SocketError& error, const Endpoint& remote) const;
  [[nodiscard]] SocketRequest request_to(const Endpoint& remote) const;
  void take(SocketFactory::Socket socket);
  tl::expected<SocketFactory::Socket, SocketError> open_on_a_port(const SocketRequest& request);

  const PortContext& context_;
  const InterfaceTable& table_;
  SendFrom from_;
  ClientIdentity identity_;
  std::string name_;
  LoopCallback on_readable_;
  LoopCallback on_elsewhere_readable_;
  SocketFactory::Socket socket_;
  std::unique_ptr<ReadWatcher> watcher_;
  SocketFactory::Socket elsewhere_;
  std::unique_ptr<ReadWatcher> elsewhere_watcher_;
  std::uint32_t device_index_ = 0;  ///< of the interface that the socket is bound to
  std::uint16_t last_port_ = 0;     ///< of the last socket
  int port_choice_ = 0;             ///< of derived_port(): 0 is the usual one
  int other_ports_ = 0;             ///< how often another than the usual one had its turn
};

}  // namespace mptunnel
