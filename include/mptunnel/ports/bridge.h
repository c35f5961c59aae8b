// One path of mpclient as the system sees it: a bridge's name, its addresses, the interface that it is sent
// over, the socket connected to it. What it is not: a judge of whether the path works; the engine is.
//
// A path has no socket, and is not available to the engine, while its name has no address, its interface is
// missing or down, or no route leads to it: known at once, by rtnetlink, and mended at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/config/config.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/resolver.h"
#include "mptunnel/ports/socket_factory.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// What all bridges of a program share.
struct BridgeContext {
  ClientIdentity identity{};
  Duration resolve_interval{};
  Loop& loop;
  Resolver& resolver;
  SocketFactory& sockets;
  const InterfaceTable& interfaces;
  std::function<void(PathId)> on_readable;
  /// The bridge has a socket now, or has lost it.
  std::function<void(PathId, bool)> on_available;
  /// The bridge has another socket or address, and none in between was without.
  std::function<void(PathId)> on_readdressed;
};

class Bridge {
 public:
  /// Sends over `device`, or as routing says where that is empty. Where the configuration gives no source
  /// port, it is derived from the identity and `name`. `context` outlives the bridge.
  Bridge(PathId id, const BridgeConfig& config, std::string name, std::string device,
         const BridgeContext& context);

  /// Looks the name up, now and then again.
  void start();
  /// Interfaces or addresses have changed.
  void on_interfaces();
  /// The path answers; or it does so no more, and another address may.
  void on_up();
  void on_suspect();
  void on_down();
  /// Whether a path that turns suspect, or is no longer, is news for the log: one that does so all the time
  /// is not.
  bool is_news(TimePoint now);
  /// What is sent on the path comes back to us: it is closed for a while.
  void shut_for_loop();
  /// An errno that a send or receive met. A line is logged for the first of its kind since the path was up.
  void on_error(int error);

  [[nodiscard]] PathId id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] const BridgeConfig& config() const { return config_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  /// Why it has no socket, or what the system says of the last send, in words; empty where all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// Nothing while there is no address or no socket.
  DatagramSocket* socket() { return socket_.get(); }
  [[nodiscard]] const DatagramSocket* socket() const { return socket_.get(); }

 private:
  void resolve();
  void on_resolved(const ResolveResult& result);
  /// Takes the first candidate, from this one on, that can be sent to. Where there is none the path has no
  /// socket, for the reason that the first gave. `quietly`: one attempt of several.
  void turn_to(const Endpoint& remote, bool quietly = false);
  /// Connects; the error is a sentence for people. The socket may be gone then.
  tl::expected<void, std::string> use(const Endpoint& remote);
  /// The candidate after this one.
  [[nodiscard]] const Endpoint& after(const Endpoint& remote) const;
  void try_next();
  void watch_attempt();
  tl::expected<void, std::string> open(const Endpoint& remote);
  void close(std::string problem);
  /// Why the interface or the address to send from can't be used now; nothing where they can.
  [[nodiscard]] std::optional<std::string> interface_problem(const Endpoint& remote) const;
  /// Whether the socket's own address is still one of this host that is up.
  [[nodiscard]] bool has_valid_source() const;
  /// Whether the interface that the socket is bound to is still the same.
  [[nodiscard]] bool has_valid_device() const;
  /// Sends from where routing says now, if that is elsewhere.
  void check_source();
  void warn_of_tunnel();
  void say(const std::string& problem);

  PathId id_;
  BridgeConfig config_;
  std::string name_;
  std::string device_;
  const BridgeContext& context_;
  Timer resolve_timer_;
  Timer attempt_timer_;
  Resolver::Request request_;
  std::vector<Endpoint> candidates_;  ///< addresses of the name that can be used
  Endpoint remote_;                   ///< the one in use, or tried
  SocketFactory::Socket socket_;
  std::unique_ptr<ReadWatcher> watcher_;
  std::uint32_t device_index_ = 0;  ///< of the interface that the socket is bound to
  std::uint16_t last_port_ = 0;     ///< of the last socket
  Duration retry_;
  Duration attempt_;          ///< how long the next address is given to answer
  std::size_t attempts_ = 0;  ///< addresses tried since the path was last up
  std::string problem_;
  std::string said_problem_;  ///< logged once for as long as it stays the same
  int said_error_ = 0;
  bool is_up_ = false;
  bool is_shut_ = false;
  bool warned_of_tunnel_ = false;
  TokenBucket wavering_{1.0 / 30, 12};  ///< lines about changes: a dozen, then one each half minute
  bool said_wavering_ = false;
  bool tried_quietly_ = false;  ///< the log does not know the present address yet
};

/// The same addresses, with families taking turns as far as there are two (RFC 8305, section 4).
std::vector<Endpoint> interleave_families(const std::vector<Endpoint>& addresses);

}  // namespace mptunnel
