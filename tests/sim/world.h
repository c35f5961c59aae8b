// One simulated network with a server and clients in it, in virtual time, from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sim/client_host.h"
#include "sim/context.h"
#include "sim/server_host.h"
#include "sim/traffic.h"

namespace mptunnel::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  bool tracing = false;
  ServerOptions server;
};

class World {
 public:
  explicit World(const WorldOptions& options);

  Context& context() { return context_; }
  EventQueue& events() { return context_.events; }
  Journal& journal() { return context_.journal; }
  Traffic& traffic() { return traffic_; }
  ServerHost& server() { return server_; }
  ClientHost& client(std::size_t number) { return *clients_[number]; }
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] TimePoint now() const { return context_.now(); }

  /// A client's machine with its bridges. Nothing runs on it yet.
  ClientHost& add_client(const ClientOptions& options);

  void run_for(Duration time);

  // What happens to a client's paths.

  /// The bridge sends from a new address from now on. The old one is dead, or, if `old_lives`, still leads
  /// to the client.
  void rebind(ClientHost& client, std::size_t path, bool old_lives = false);
  /// The same, to an address of choice.
  void rebind_to(ClientHost& client, std::size_t path, const Endpoint& upstream, bool old_lives = false);
  /// What the server sends to `address` reaches the client's socket of this path as well.
  void add_upstream(const Endpoint& address, ClientHost& client, std::size_t path);
  /// The client's sockets get other ports, and with them every bridge a new upstream address.
  void new_sockets(ClientHost& client);
  void blackout(ClientHost& client, std::size_t path, bool on);
  void blackout_all(ClientHost& client, bool on);
  void set_links(ClientHost& client, const test::ImpairmentOptions& up, const test::ImpairmentOptions& down);

  /// An address that belongs to nobody else; what is sent there is lost.
  Endpoint new_address();

  /// Forgets the filters, taps and calls that a test made on links and hosts: what they refer to may end
  /// before the world does.
  void unhook();

  /// Stops the traffic, lets everything arrive, and closes all books. Returns whether no invariant broke.
  bool finish();

 private:
  void carry(const PacketPtr& packet, const Route& route, Marks marks);
  void connect(ClientHost& client, std::size_t path);
  void audit();

  Context context_;
  Traffic traffic_;
  ServerHost server_;
  std::vector<std::unique_ptr<ClientHost>> clients_;
  std::map<Endpoint, std::pair<ClientHost*, std::size_t>> upstreams_;
  std::uint32_t next_address_ = 0;
  std::uint16_t next_port_ = 20000;
};

}  // namespace mptunnel::sim
