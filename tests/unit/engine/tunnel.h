// A client engine and a server engine joined in memory: what one sends arrives at the other at once, unless a
// filter takes it away. It is no simulation of a network; time passes only in advance().
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/session/order_settings.h"
#include "support/engine_access.h"
#include "support/test_random.h"

namespace mptunnel::test {

using Packet = std::vector<std::uint8_t>;

/// One packet on its way.
struct Wire {
  bool to_server = false;
  PathId path;          ///< at the client
  bool direct = false;  ///< the server's: to an address, not to a path
  Route route;          ///< as the server sees it
  Packet bytes;
  std::uint8_t dscp = 0;
  Ecn ecn = Ecn::not_ect;
  [[nodiscard]] std::optional<PacketType> type() const {
    const auto header = decode_header(bytes);
    return header ? std::optional(header->type) : std::nullopt;
  }
};

struct Delivered {
  FlowHandle flow;         ///< at the server
  std::uint16_t port = 0;  ///< of the application, at the client
  std::string payload;
};

struct TunnelSettings {
  HandshakeSettings client;
  HandshakeSettings server;
  std::size_t paths = 3;
  std::size_t min_paths = 1;
  std::vector<PathTraits> traits;  ///< of the first paths; the others have none
  std::size_t max_flows = kMaxFlows;
  std::string name{};                              ///< of the client
  std::vector<std::string> path_names{};           ///< of the first paths; the others have none
  ServerSettings limits;                           ///< `handshake` is taken from `server`, `order` from below
  OrderSettings order{};                           ///< at both ends
  SchedulerMode mode = SchedulerMode::copies;      ///< at both ends
  std::optional<std::vector<InnerEntry>> inner{};  ///< what the client's TUN device is to have
};

class Tunnel {
 public:
  explicit Tunnel(const TunnelSettings& settings = {});

  /// Makes all paths available and carries what follows.
  void start();
  /// Another process on either end: it knows nothing.
  void restart_client();
  void restart_server();

  /// A datagram, or several, of the application at this port; carried to the end.
  void application_sends(std::uint16_t port, std::string_view payload, std::uint8_t dscp = 0);
  /// A datagram of the target to the socket of this flow.
  void target_sends(FlowHandle flow, std::string_view payload, std::uint8_t dscp = 0);
  /// A packet of a TUN device, of this flow.
  void client_device_sends(const Packet& packet, const InnerFlow& flow = {});
  void server_device_sends(const Packet& packet, const InnerFlow& flow = {});
  /// Puts a packet before the server or the client, as if it came by this path.
  void to_server(const Packet& packet, const Route& route);
  void to_server(const Packet& packet, PathId path = PathId{0}) { to_server(packet, route(path)); }
  void to_client(const Packet& packet, PathId path = PathId{0});
  /// Lets time pass, and whatever is due in it happen.
  void advance(Duration span);
  /// Carries what lies in `out`.
  void carry();
  void carry_server();

  /// A packet under the client's or the server's present key with these frame bytes.
  Packet seal_as_client(PacketType type, ConstBytes frames);
  Packet seal_as_server(PacketType type, ConstBytes frames);
  [[nodiscard]] const ServerSession& session() const { return *server->state().table.all().rbegin()->second; }

  [[nodiscard]] const Route& route(PathId path) const { return routes_.at(path.value); }
  /// The client's path comes from another address from now on.
  void rebind(PathId path, std::uint16_t port);
  /// How often this happened at either end.
  template <typename Kind>
  [[nodiscard]] static std::size_t count(const std::vector<Event>& events) {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [](const Event& e) { return std::holds_alternative<Kind>(e); }));
  }
  [[nodiscard]] std::uint64_t client_drops(Drop drop) const { return client->drops()[drop]; }
  [[nodiscard]] std::uint64_t server_drops(Drop drop) const { return server->drops()[drop]; }

  TunnelSettings settings;
  TestRandom client_random{1};
  TestRandom server_random{2};
  std::unique_ptr<ClientEngine> client;
  std::unique_ptr<ServerEngine> server;
  TimePoint now{std::chrono::hours(1)};
  Output out;         ///< of the client
  Output server_out;  ///< of the server

  /// Whether a packet arrives; all do if this is unset.
  std::function<bool(const Wire&)> arrives;
  /// The ECN that a packet arrives with; that which it left with if this is unset.
  std::function<Ecn(const Wire&)> remarked;
  /// Why the sender's kernel does not take a packet; nullopt if it does. All are taken if this is
  /// unset.
  std::function<std::optional<Drop>(const Wire&)> refused;
  std::vector<Wire> wires;  ///< all that was sent, in order
  std::vector<Delivered> at_target;
  std::vector<Delivered> at_application;
  std::vector<Packet> at_client_device;  ///< what was delivered to the TUN devices
  std::vector<Packet> at_server_device;
  std::vector<FlowHandle> ended_sources;  ///< whose flows the client has ended
  std::vector<FlowChange> flow_changes;
  std::vector<Event> client_events;
  std::vector<Event> server_events;

 private:
  void send(Wire wire);
  void run_queue();
  void receive(Wire wire);
  void collect_client();
  void collect_server();
  void send_run(const PacketRun& run, const Output& from, bool to_server);
  [[nodiscard]] std::optional<PathId> path_of(const Route& route) const;

  std::deque<Wire> queue_;
  bool running_ = false;
  std::vector<Route> routes_;
};

/// The application at this port of this host, as a source of datagrams: its handle is its port.
FlowSource source_of(std::uint16_t port);
/// Frames as bytes.
Packet frame_bytes(const std::vector<Frame>& frames);
SecretKey make_key(std::uint8_t fill);

}  // namespace mptunnel::test
