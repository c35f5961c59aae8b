#include "recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <utility>

#include "mptunnel/crypto/kdf.h"
#include "support/blake2s.h"

namespace mptunnel::test {
namespace {

/// Of the path in either direction.
Duration delay_of(PathId path) {
  return 5ms + path.value * 7ms;
}

Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return *parse_numeric_endpoint(address, port);
}

std::string hex(ConstBytes bytes) {
  std::ostringstream text;
  text << std::hex << std::setfill('0');
  for (const std::uint8_t byte : bytes) text << std::setw(2) << int{byte};
  return text.str();
}

std::string hash_of(ConstBytes bytes) {
  return hex(ConstBytes(test::blake2s(bytes)).first(5));
}

/// Few bytes as they are. Of more, the type and the number in the first packet's header, and a hash of all.
std::string digest(ConstBytes packets) {
  if (packets.size() <= 12) return hex(packets);
  return hex(packets.first(1)) + ":" + hex(packets.subspan(4, 4)) + " " + hash_of(packets);
}

std::string paths_text(PathSet paths) {
  std::string text;
  for (const PathId path : paths) text += (text.empty() ? "" : ",") + std::to_string(path.value);
  return text.empty() ? "none" : text;
}

std::string drops_text(const DropCounters& drops) {
  std::string text;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] != 0) text += std::string(" ") + name_of(reason) + " " + std::to_string(drops[reason]);
  }
  return text.empty() ? " nothing" : text;
}

}  // namespace

Recorder::Recorder(const RecorderSettings& settings) : settings_(settings) {
  settings_.limits.handshake = settings_.server;
  server_ = std::make_unique<ServerEngine>(settings_.limits, server_random_);
  add_client(7);
}

std::size_t Recorder::add_client(std::uint8_t identity) {
  const std::size_t number = clients_.size();
  Client& client = clients_.emplace_back();
  client.settings.handshake = settings_.client;
  client.settings.identity.fill(identity);
  client.settings.paths = settings_.paths.size();
  client.settings.min_paths = settings_.min_paths;
  client.settings.max_flows = settings_.max_flows;
  client.random = std::make_unique<TestRandom>(number + 1);
  client.engine = std::make_unique<ClientEngine>(client.settings, *client.random);
  client.name = "c" + std::to_string(number);
  for (const PathId path : paths()) set_route(number, path, static_cast<std::uint16_t>(4000 + path.value));
  return number;
}

std::vector<PathId> Recorder::paths() const {
  std::vector<PathId> paths;
  for (std::size_t i = 0; i < settings_.paths.size(); ++i)
    paths.push_back(PathId{static_cast<std::uint8_t>(i)});
  return paths;
}

void Recorder::set_route(std::size_t client, PathId path, std::uint16_t port) {
  std::vector<Route>& routes = clients_[client].routes;
  routes.resize(std::max(routes.size(), std::size_t{path.value} + 1));
  routes[path.value] = {endpoint("192.0.2." + std::to_string(client + 1), port),
                        endpoint("203.0.113.1", 2000)};
  places_[routes[path.value]] = Place{client, path};
}

void Recorder::start(std::size_t client) {
  ClientEngine& engine = *clients_[client].engine;
  for (const PathId path : paths()) engine.set_path_traits(path, settings_.paths[path.value]);
  for (const PathId path : paths()) engine.set_path_available(path, true, out_, now_);
  carry_client(client);
}

void Recorder::restart_client(std::size_t client) {
  Client& own = clients_[client];
  own.engine = std::make_unique<ClientEngine>(own.settings, *own.random);
  start(client);
}

void Recorder::restart_server() {
  server_ = std::make_unique<ServerEngine>(settings_.limits, server_random_);
  flows_.clear();
  flow_names_.clear();
}

void Recorder::close_client() {
  clients_[0].engine->close(out_, now_);
  carry_client(0);
}

void Recorder::close_server() {
  server_->close(out_, now_);
  carry_server();
}

std::vector<std::uint8_t> Recorder::payload(std::size_t size, std::size_t count) {
  std::vector<std::uint8_t> bytes(size * count);
  const std::size_t salt = ++payloads_ * 131;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(salt + i * 7 + i / 251);
  return bytes;
}

FlowSource Recorder::source_of(std::uint16_t port, std::size_t client) const {
  const ClientIdentity& identity = clients_[client].settings.identity;
  return {FlowHandle{port}, derive_flow_hash(identity, endpoint("127.0.0.1", port))};
}

void Recorder::application_sends(std::uint16_t port, std::size_t size, std::size_t count, std::uint8_t dscp,
                                 std::size_t client) {
  std::vector<std::uint8_t> bytes = payload(size, count);
  clients_[client].engine->on_application({bytes, std::max<std::size_t>(1, size)}, source_of(port, client),
                                          out_, now_, dscp);
  carry_client(client);
}

void Recorder::application_sends(std::uint16_t port, std::vector<std::uint8_t> bytes) {
  clients_[0].engine->on_application({bytes, std::max<std::size_t>(1, bytes.size())}, source_of(port, 0),
                                     out_, now_);
  carry_client(0);
}

void Recorder::target_sends(std::size_t flow, std::size_t size, std::size_t count, std::uint8_t dscp) {
  std::vector<std::uint8_t> bytes = payload(size, count);
  const FlowHandle handle = flow < flows_.size() ? flows_[flow] : FlowHandle{0};
  server_->on_target(handle, {bytes, std::max<std::size_t>(1, size)}, out_, now_, dscp);
  carry_server();
}

void Recorder::exchange(Duration span, std::size_t size, Duration every) {
  for (const TimePoint end = now_ + span; now_ < end;) {
    application_sends(1, size);
    target_sends(0, size);
    run_for(every);
  }
}

void Recorder::run_for(Duration span) {
  const TimePoint end = now_ + span;
  int standing = 0;
  for (TimePoint due = next_due(); due <= end; due = next_due()) {
    standing = due > now_ ? 0 : standing + 1;
    ASSERT_LT(standing, 1000) << "a deadline that does not go away";
    now_ = std::max(now_, due);
    run_due(due);
  }
  now_ = end;
}

TimePoint Recorder::next_due() const {
  TimePoint due = std::min(arrivals_.empty() ? kNever : arrivals_.begin()->first, server_->deadline());
  for (const Client& client : clients_) due = std::min(due, client.engine->deadline());
  return due;
}

/// One thing that is due: packets arrive before timers run.
void Recorder::run_due(TimePoint due) {
  if (!arrivals_.empty() && arrivals_.begin()->first <= due) {
    Arrival arrival = std::move(arrivals_.begin()->second);
    arrivals_.erase(arrivals_.begin());
    arrive(std::move(arrival));
    return;
  }
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].engine->deadline() > due) continue;
    clients_[i].engine->on_deadline(out_, now_);
    carry_client(i);
    return;
  }
  server_->on_deadline(out_, now_);
  carry_server();
}

void Recorder::arrive(Arrival arrival) {
  const DatagramBatch batch{arrival.bytes, std::max<std::size_t>(1, arrival.stride)};
  if (arrival.to_server) {
    server_->on_network(batch, arrival.from, out_, now_);
    carry_server();
  } else {
    clients_[arrival.place.client].engine->on_path(arrival.place.path, batch, out_, now_);
    carry_client(arrival.place.client);
  }
}

void Recorder::launch(Arrival arrival, Duration extra) {
  arrivals_.emplace(now_ + delay_of(arrival.place.path) + extra, std::move(arrival));
}

void Recorder::add_path(PathId path, const PathTraits& traits) {
  set_route(0, path, static_cast<std::uint16_t>(4000 + path.value));
  clients_[0].engine->set_path_traits(path, traits);
}

void Recorder::set_available(PathId path, bool available) {
  clients_[0].engine->set_path_available(path, available, out_, now_);
  carry_client(0);
}

void Recorder::readdress(PathId path, std::uint16_t port) {
  rebind(path, port);
  clients_[0].engine->readdress_path(path, out_, now_);
  carry_client(0);
}

void Recorder::rebind(PathId path, std::uint16_t port, bool stays) {
  if (!stays) places_.erase(clients_[0].routes[path.value]);
  set_route(0, path, port);
}

void Recorder::inject_to_server(std::vector<std::uint8_t> packet, std::uint16_t from_port) {
  const Route from{endpoint("192.0.2.1", from_port), endpoint("203.0.113.1", 2000)};
  const std::size_t size = packet.size();
  arrive({true, {}, from, std::move(packet), size});
}

void Recorder::inject_to_client(std::vector<std::uint8_t> packet, PathId path) {
  const std::size_t size = packet.size();
  arrive({false, {0, path}, {}, std::move(packet), size});
}

void Recorder::record(std::string_view end, const std::string& what) {
  const std::int64_t nanoseconds = (now_ - kStart).count();
  std::ostringstream time;
  time << nanoseconds / 1'000'000'000 << '.' << std::setfill('0') << std::setw(9)
       << nanoseconds % 1'000'000'000;
  std::string text = time.str();
  text.erase(std::max(text.find_last_not_of('0') + 1, text.find('.') + 2));
  lines_.push_back(text + " " + std::string(end) + " " + what);
}

void Recorder::note(std::string_view text) {
  lines_.push_back("# " + std::string(text));
}

std::vector<std::string> Recorder::finish() {
  for (const Client& client : clients_) record(client.name, "dropped" + drops_text(client.engine->drops()));
  record("s", "dropped" + drops_text(server_->drops()));
  return lines_;
}

void Recorder::carry_client(std::size_t number) {
  Client& client = clients_[number];
  for (const PacketRun& run : out_.runs) carry_run(run, out_, number);
  for (const Delivery& delivery : out_.deliveries) {
    record_delivery(client.name, "port " + std::to_string(delivery.flow.value), delivery, out_);
  }
  if (!out_.events.empty()) record(client.name, "events " + std::to_string(out_.events.size()));
  EXPECT_TRUE(out_.direct.empty());
  for (const FlowChange& change : out_.flow_changes) EXPECT_FALSE(change.opened);
  out_.clear();
}

void Recorder::carry_server() {
  for (const PacketRun& run : out_.runs) carry_run(run, out_, std::nullopt);
  for (const DirectPacket& packet : out_.direct) {
    const ConstBytes bytes = out_.bytes_of(packet);
    record("s", "sends to " + packet.route.remote.to_string() + " 1x" + std::to_string(bytes.size()) + " " +
                    digest(bytes));
    PacketRun alone;
    alone.stride = alone.tail = bytes.size();
    alone.count = 1;
    const auto place = places_.find(packet.route);
    if (place != places_.end()) carry_copies(alone, bytes, {false, place->second, {}, {}, 0});
  }
  for (const FlowChange& change : out_.flow_changes) {
    if (!change.opened) continue;
    std::ostringstream text;
    text << "opens flow " << flows_.size() << " with hash " << std::hex << change.hash;
    record("s", text.str());
    flow_names_[change.flow] = std::to_string(flows_.size());
    flows_.push_back(change.flow);
  }
  for (const Delivery& delivery : out_.deliveries)
    record_delivery("s", "flow " + flow_names_[delivery.flow], delivery, out_);
  for (const FlowChange& change : out_.flow_changes) {
    if (!change.opened) record("s", "ends flow " + flow_names_[change.flow]);
  }
  if (!out_.events.empty()) record("s", "events " + std::to_string(out_.events.size()));
  out_.clear();
}

void Recorder::carry_run(const PacketRun& run, const Output& out, std::optional<std::size_t> client) {
  const ConstBytes bytes = out.bytes_of(run);
  std::ostringstream line;
  line << "sends " << paths_text(run.paths);
  if (!client) line << " of " << run.session.value;
  if (run.marks.dscp != 0) line << " dscp " << int{run.marks.dscp};
  line << ' ' << run.count << 'x' << run.stride;
  if (run.tail != run.stride) line << '+' << run.tail;
  line << ' ' << digest(bytes);
  record(client ? clients_[*client].name : "s", line.str());
  for (const PathId path : run.paths) {
    if (client) {
      carry_copies(run, bytes, {true, {*client, path}, clients_[*client].routes.at(path.value), {}, 0});
      continue;
    }
    const Route* route = server_->route_of(run.session, path);
    ASSERT_NE(route, nullptr);
    const auto place = places_.find(*route);
    const Place lost{clients_.size(), path};
    carry_copies(run, bytes, {false, place == places_.end() ? lost : place->second, {}, {}, 0});
  }
}

/// Has a run's packets leave by one path. Those that arrive together arrive as one batch if none is missing.
void Recorder::carry_copies(const PacketRun& run, ConstBytes bytes, const Arrival& to) {
  std::vector<std::pair<Flight, std::vector<Duration>>> sent;
  std::uint32_t accepted = 0;
  bool is_whole = true;
  for (std::uint32_t n = 0; n < run.count; ++n) {
    const ConstBytes packet = bytes.subspan(n * run.stride, n + 1 == run.count ? run.tail : run.stride);
    Flight flight{to.to_server, to.place.client, to.place.path, {packet.begin(), packet.end()}};
    if (refuses && refuses(flight)) {
      is_whole = false;
      continue;
    }
    ++accepted;
    flights_.push_back(flight);
    std::vector<Duration> copies = fate ? fate(flight) : std::vector<Duration>{Duration{}};
    is_whole = is_whole && copies == std::vector<Duration>{Duration{}};
    sent.emplace_back(std::move(flight), std::move(copies));
  }
  if (to.place.client < clients_.size()) {
    Arrival arrival = to;
    if (is_whole) {
      arrival.bytes.assign(bytes.begin(), bytes.end());
      arrival.stride = run.stride;
      launch(std::move(arrival), Duration{});
    } else {
      for (const auto& [flight, copies] : sent) {
        arrival.bytes = flight.bytes;
        arrival.stride = flight.bytes.size();
        for (const Duration extra : copies) launch(arrival, extra);
      }
    }
  }
  if (to.to_server) {
    clients_[to.place.client].engine->on_sent(to.place.path, run, accepted, Drop::message_size, now_);
  } else if (run.session.value != 0) {
    server_->on_sent(to.place.path, run, accepted, Drop::message_size, now_);
  }
}

void Recorder::record_delivery(std::string_view end, std::string_view receiver, const Delivery& delivery,
                               const Output& out) {
  std::string sizes;
  std::vector<std::uint8_t> all;
  const std::span<const ConstBytes> pieces = out.pieces_of(delivery);
  for (std::size_t i = 0, same = 1; i < pieces.size(); ++i, ++same) {
    all.insert(all.end(), pieces[i].begin(), pieces[i].end());
    if (i + 1 < pieces.size() && pieces[i + 1].size() == pieces[i].size()) continue;
    sizes += " " + std::to_string(same) + "x" + std::to_string(pieces[i].size());
    same = 0;
  }
  record(end, "delivers to " + std::string(receiver) + sizes + " " + hash_of(all));
}

}  // namespace mptunnel::test
