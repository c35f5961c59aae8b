#include "tunnel.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "mptunnel/crypto/kdf.h"

namespace mptunnel::test {
namespace {

constexpr ClientIdentity kIdentity{7, 7, 7};

ClientSettings client_settings(const TunnelSettings& settings) {
  ClientSettings result;
  result.handshake = settings.client;
  result.identity = kIdentity;
  result.paths = settings.paths;
  result.max_flows = settings.max_flows;
  result.min_paths = settings.min_paths;
  result.name = settings.name;
  result.order = settings.order;
  result.mode = settings.mode;
  result.inner = settings.inner;
  return result;
}
ServerSettings server_settings(const TunnelSettings& settings) {
  ServerSettings result = settings.limits;
  result.handshake = settings.server;
  result.order = settings.order;
  result.mode = settings.mode;
  return result;
}

}  // namespace

FlowSource source_of(std::uint16_t port) {
  return {FlowHandle{port}, derive_flow_hash(kIdentity, *parse_numeric_endpoint("127.0.0.1", port))};
}

Packet frame_bytes(const std::vector<Frame>& frames) {
  Packet bytes(2000);
  ByteWriter writer(bytes);
  for (const Frame& frame : frames) encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

SecretKey make_key(std::uint8_t fill) {
  SecretKey key;
  key.bytes.fill(fill);
  return key;
}

Tunnel::Tunnel(const TunnelSettings& wanted) : settings(wanted) {
  for (std::size_t i = 0; i < settings.paths; ++i) {
    const auto port = static_cast<std::uint16_t>(4000 + i);
    routes_.push_back(
        {*parse_numeric_endpoint("192.0.2.1", port), *parse_numeric_endpoint("203.0.113.1", 2000)});
  }
  client = std::make_unique<ClientEngine>(client_settings(settings), client_random);
  server = std::make_unique<ServerEngine>(server_settings(settings), server_random);
}

void Tunnel::start() {
  for (std::size_t i = 0; i < settings.traits.size(); ++i)
    client->set_path_traits(PathId{static_cast<std::uint8_t>(i)}, settings.traits[i]);
  for (std::size_t i = 0; i < settings.path_names.size(); ++i)
    client->set_path_name(PathId{static_cast<std::uint8_t>(i)}, settings.path_names[i]);
  for (std::size_t i = 0; i < settings.paths; ++i) {
    client->set_path_available(PathId{static_cast<std::uint8_t>(i)}, true, out, now);
  }
  carry();
  advance(Duration{});
}

void Tunnel::restart_client() {
  client = std::make_unique<ClientEngine>(client_settings(settings), client_random);
  start();
}

void Tunnel::restart_server() {
  server = std::make_unique<ServerEngine>(server_settings(settings), server_random);
}

void Tunnel::application_sends(std::uint16_t port, std::string_view payload, std::uint8_t dscp) {
  Packet bytes(payload.begin(), payload.end());
  client->on_application({bytes, std::max<std::size_t>(1, bytes.size())}, source_of(port), out, now, dscp);
  carry();
}

void Tunnel::target_sends(FlowHandle flow, std::string_view payload, std::uint8_t dscp) {
  Packet bytes(payload.begin(), payload.end());
  server->on_target(flow, {bytes, std::max<std::size_t>(1, bytes.size())}, server_out, now, dscp);
  carry_server();
}

void Tunnel::client_device_sends(const Packet& packet, const InnerFlow& flow) {
  Packet bytes = packet;
  client->on_tun({bytes, std::max<std::size_t>(1, bytes.size())}, flow, out, now);
  carry();
}

void Tunnel::server_device_sends(const Packet& packet, const InnerFlow& flow) {
  Packet bytes = packet;
  server->on_tun({bytes, std::max<std::size_t>(1, bytes.size())}, flow, server_out, now);
  carry_server();
}

void Tunnel::to_server(const Packet& packet, const Route& from) {
  Wire wire;
  wire.to_server = true;
  wire.route = from;
  wire.bytes = packet;
  receive(std::move(wire));
  run_queue();
}

void Tunnel::to_client(const Packet& packet, PathId path) {
  Wire wire;
  wire.path = path;
  wire.bytes = packet;
  receive(std::move(wire));
  run_queue();
}

void Tunnel::advance(Duration span) {
  const TimePoint end = now + span;
  int standing = 0;
  while (true) {
    const TimePoint next = std::min(client->deadline(), server->deadline());
    if (next > end) break;
    standing = next > now ? 0 : standing + 1;
    ASSERT_LT(standing, 100) << "a deadline that does not go away";
    now = std::max(now, next);
    if (client->deadline() <= now) {
      client->on_deadline(out, now);
      carry();
    }
    if (server->deadline() <= now) {
      server->on_deadline(server_out, now);
      carry_server();
    }
  }
  now = end;
}

void Tunnel::carry() {
  collect_client();
  run_queue();
}

void Tunnel::carry_server() {
  collect_server();
  run_queue();
}

void Tunnel::run_queue() {
  if (running_) return;
  running_ = true;
  while (!queue_.empty()) {
    Wire wire = std::move(queue_.front());
    queue_.pop_front();
    if (!arrives || arrives(wire)) receive(std::move(wire));
  }
  running_ = false;
}

void Tunnel::receive(Wire wire) {
  const DatagramBatch batch{wire.bytes, std::max<std::size_t>(1, wire.bytes.size())};
  const Ecn ecn = remarked ? remarked(wire) : wire.ecn;
  if (wire.to_server) {
    server->on_network(batch, wire.route, server_out, now, ecn);
    collect_server();
  } else {
    client->on_path(wire.path, batch, out, now, {ecn});
    collect_client();
  }
}

void Tunnel::send(Wire wire) {
  EXPECT_FALSE(wire.bytes.empty()) << "nothing empty goes to a bridge";
  EXPECT_LE(wire.bytes.size(), kMaxPacketBytes);
  wires.push_back(wire);
  queue_.push_back(std::move(wire));
}

void Tunnel::send_run(const PacketRun& run, const Output& from, bool to_server) {
  for (const PathId path : run.paths) {
    Wire wire;
    wire.to_server = to_server;
    wire.path = path;
    wire.dscp = run.marks_on(wire.path).dscp;
    wire.ecn = run.marks_on(wire.path).ecn;
    if (!to_server) {
      const Route* route = server->route_of(run.session, path);
      ASSERT_NE(route, nullptr);
      wire.route = *route;
    } else {
      wire.route = routes_.at(path.value);
    }
    ConstBytes rest = from.bytes_of(run);
    std::uint32_t accepted = 0;
    Drop drop = Drop::would_block;
    for (std::uint32_t n = 0; n < run.count; ++n) {
      const ConstBytes packet = rest.first(n + 1 == run.count ? run.tail : run.stride);
      rest = rest.subspan(packet.size());
      wire.bytes.assign(packet.begin(), packet.end());
      if (const auto why = refused ? refused(wire) : std::nullopt) {
        drop = *why;
        continue;
      }
      ++accepted;
      send(wire);
    }
    if (to_server) {
      client->on_sent(path, run, accepted, drop, now);
    } else {
      server->on_sent(path, run, accepted, drop, now);
    }
  }
}

void Tunnel::collect_client() {
  for (const PacketRun& run : out.runs) send_run(run, out, true);
  for (const Delivery& delivery : out.deliveries) {
    for (std::size_t i = 0; i < delivery.count; ++i) {
      const ConstBytes piece = out.pieces[delivery.first + i];
      if (is_tun(delivery.flow)) {
        at_client_device.emplace_back(piece.begin(), piece.end());
        continue;
      }
      at_application.push_back({delivery.flow, static_cast<std::uint16_t>(delivery.flow.value),
                                std::string(piece.begin(), piece.end())});
    }
  }
  client_events.insert(client_events.end(), out.events.begin(), out.events.end());
  EXPECT_TRUE(out.direct.empty());
  for (const FlowChange& change : out.flow_changes) {
    EXPECT_FALSE(change.opened);
    ended_sources.push_back(change.flow);
  }
  out.clear();
}

void Tunnel::collect_server() {
  for (const PacketRun& run : server_out.runs) send_run(run, server_out, false);
  for (const DirectPacket& packet : server_out.direct) {
    const ConstBytes bytes = server_out.bytes_of(packet);
    Wire wire;
    wire.direct = true;
    wire.route = packet.route;
    wire.bytes.assign(bytes.begin(), bytes.end());
    send(wire);
  }
  for (const Delivery& delivery : server_out.deliveries) {
    for (std::size_t i = 0; i < delivery.count; ++i) {
      const ConstBytes piece = server_out.pieces[delivery.first + i];
      if (is_tun(delivery.flow)) {
        at_server_device.emplace_back(piece.begin(), piece.end());
        continue;
      }
      at_target.push_back({delivery.flow, 0, std::string(piece.begin(), piece.end())});
    }
  }
  flow_changes.insert(flow_changes.end(), server_out.flow_changes.begin(), server_out.flow_changes.end());
  server_events.insert(server_events.end(), server_out.events.begin(), server_out.events.end());
  server_out.clear();
  // Where a packet of the server ends up is decided by its address alone.
  std::erase_if(queue_, [this](Wire& wire) {
    if (wire.to_server) return false;
    const auto path = path_of(wire.route);
    if (path) wire.path = *path;
    return !path;
  });
}

std::optional<PathId> Tunnel::path_of(const Route& route) const {
  const auto found = std::find(routes_.begin(), routes_.end(), route);
  if (found == routes_.end()) return std::nullopt;
  return PathId{static_cast<std::uint8_t>(found - routes_.begin())};
}

Packet Tunnel::seal_as_client(PacketType type, ConstBytes frames) {
  KeyEpoch& epoch = keys_of(*client);
  const bool is_data = type == PacketType::data;
  Packet packet((is_data ? epoch.data_overhead() : KeyEpoch::kControlOverhead) + frames.size());
  if (is_data) {
    EXPECT_TRUE(epoch.seal_data(frames, {}, packet, now));
  } else {
    EXPECT_TRUE(epoch.seal_control(frames, {}, packet, now));
  }
  return packet;
}

Packet Tunnel::seal_as_server(PacketType type, ConstBytes frames) {
  KeyEpoch& epoch = keys_of(session());
  const bool is_data = type == PacketType::data;
  Packet packet((is_data ? epoch.data_overhead() : KeyEpoch::kControlOverhead) + frames.size());
  if (is_data) {
    EXPECT_TRUE(epoch.seal_data(frames, {}, packet, now));
  } else {
    EXPECT_TRUE(epoch.seal_control(frames, {}, packet, now));
  }
  return packet;
}

void Tunnel::rebind(PathId path, std::uint16_t port) {
  routes_.at(path.value).remote.port = port;
}

}  // namespace mptunnel::test
