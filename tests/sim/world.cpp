#include "sim/world.h"

namespace mptunnel::sim {
namespace {

// Networks of documentation and benchmarks (RFC 5737, RFC 2544).
constexpr std::uint32_t kServerNetwork = 0xcb007100;   // 203.0.113.0
constexpr std::uint32_t kBridgeNetwork = 0xc6120000;   // 198.18.0.0
constexpr std::uint32_t kClientNetwork = 0x0a000000;   // 10.0.0.0
constexpr std::uint32_t kStrangeNetwork = 0xc6336400;  // 198.51.100.0
constexpr std::uint16_t kServerPort = 2000;
constexpr std::uint16_t kClientPort = 30000;
constexpr Duration kAuditEvery = 100ms;
/// The slowest link and the longest wait in a queue are shorter.
constexpr Duration kSettle = 3s;

}  // namespace

World::World(const WorldOptions& options)
    : context_(options.seed, options.tracing),
      traffic_(context_),
      server_(
          options.server, context_, traffic_,
          [this](const PacketPtr& packet, const Route& route, Marks marks) { carry(packet, route, marks); }) {
  traffic_.set_server(&server_);
  context_.events.after(kAuditEvery, [this] { audit(); });
}

ClientHost& World::add_client(const ClientOptions& options) {
  const auto number = static_cast<int>(clients_.size());
  clients_.push_back(std::make_unique<ClientHost>(number, options, context_, traffic_));
  for (std::size_t path = 0; path < options.paths; ++path) connect(*clients_.back(), path);
  return *clients_.back();
}

void World::connect(ClientHost& client, std::size_t path) {
  Lane& lane = client.lane(path);
  const auto place = static_cast<std::uint32_t>(client.number()) << 8U | static_cast<std::uint32_t>(path);
  // A server with two addresses: half of the bridges send to each.
  lane.server = make_endpoint(kServerNetwork + 1 + path % 2, kServerPort);
  lane.client = make_endpoint(kClientNetwork + place, kClientPort);
  lane.up = std::make_unique<Link>(client.options().up, context_.new_seed(), context_.events,
                                   [this](const std::vector<Copy>& copies) { server_.from_network(copies); });
  lane.down = std::make_unique<Link>(
      client.options().down, context_.new_seed(), context_.events,
      [&client, path](const std::vector<Copy>& copies) { client.from_network(path, copies); });
  lane.upstream = make_endpoint(kBridgeNetwork + place, next_port_++);
  upstreams_[lane.upstream] = {&client, path};
}

void World::run_for(Duration time) {
  context_.events.run_until(context_.now() + time);
}

void World::rebind(ClientHost& client, std::size_t path, bool old_lives) {
  rebind_to(client, path, client.lane(path).upstream.with_port(next_port_++), old_lives);
}

void World::rebind_to(ClientHost& client, std::size_t path, const Endpoint& upstream, bool old_lives) {
  Lane& lane = client.lane(path);
  if (!old_lives) upstreams_.erase(lane.upstream);
  lane.upstream = upstream;
  upstreams_[lane.upstream] = {&client, path};
  context_.journal.trace("client {} path {}: the bridge sends from {} now", client.number(), path,
                         lane.upstream.to_string());
}

void World::add_upstream(const Endpoint& address, ClientHost& client, std::size_t path) {
  upstreams_[address] = {&client, path};
}

void World::new_sockets(ClientHost& client) {
  for (std::size_t path = 0; path < client.paths(); ++path) {
    Lane& lane = client.lane(path);
    lane.client = lane.client.with_port(static_cast<std::uint16_t>(lane.client.port + 1));
    rebind(client, path);
  }
}

void World::blackout(ClientHost& client, std::size_t path, bool on) {
  context_.journal.trace("client {} path {}: blackout {}", client.number(), path, on ? "begins" : "ends");
  client.lane(path).up->set_blackout(on);
  client.lane(path).down->set_blackout(on);
}

void World::blackout_all(ClientHost& client, bool on) {
  for (std::size_t path = 0; path < client.paths(); ++path) blackout(client, path, on);
}

void World::set_links(ClientHost& client, const test::ImpairmentOptions& up,
                      const test::ImpairmentOptions& down) {
  for (std::size_t path = 0; path < client.paths(); ++path) {
    client.lane(path).up->set_options(up);
    client.lane(path).down->set_options(down);
  }
}

Endpoint World::new_address() {
  return make_endpoint(kStrangeNetwork + (next_address_++ & 0xffU), next_port_++);
}

void World::carry(const PacketPtr& packet, const Route& route, Marks marks) {
  const auto owner = upstreams_.find(route.remote);
  if (owner == upstreams_.end()) return;
  Lane& lane = owner->second.first->lane(owner->second.second);
  if (route.local != lane.server) {
    context_.journal.fail("a reply to {} leaves from {}, which the bridge did not send to",
                          route.remote.to_string(), route.local.to_string());
    return;
  }
  lane.down->send({packet, std::nullopt, {lane.server, lane.client}, marks});
}

void World::audit() {
  server_.audit();
  for (const auto& client : clients_) client->audit();
  context_.events.after(kAuditEvery, [this] { audit(); });
}

void World::unhook() {
  server_.set_on_inner(nullptr);
  for (const auto& client : clients_) {
    client->set_tap(nullptr);
    client->set_on_inner(nullptr);
    for (std::size_t path = 0; path < client->paths(); ++path) {
      client->lane(path).up->set_filter(nullptr);
      client->lane(path).down->set_filter(nullptr);
      client->lane(path).up->set_remark(nullptr);
      client->lane(path).down->set_remark(nullptr);
    }
  }
}

bool World::finish() {
  traffic_.stop_all();
  run_for(kSettle);
  audit();
  for (const auto& client : clients_) client->end();
  server_.end();
  context_.oracle.finish();
  return context_.journal.failures() == 0;
}

}  // namespace mptunnel::sim
