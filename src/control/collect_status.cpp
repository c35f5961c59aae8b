#include "mptunnel/control/collect_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "inner_words.h"
#include "mptunnel/control/event_log.h"
#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

/// From here on loss is reported as a problem.
constexpr double kMuchLoss = 0.05;
/// And so is a share of datagrams that need fragments.
constexpr double kManyFragments = 0.1;

std::string text_of(const Endpoint& endpoint) {
  return endpoint.is_set() ? endpoint.to_string() : "";
}

StreamWayStatus way_values(const Arrivals& all, const std::optional<double>& recent,
                           const std::optional<double>& before_repair_recent) {
  StreamWayStatus way;
  way.loss = all.loss();
  way.loss_recent = recent;
  way.before_repair = all.before_repair().loss();
  way.before_repair_recent = before_repair_recent;
  way.recovered = all.recovered;
  return way;
}

/// An automatic address that was given is an address.
std::string kind_of(const InnerEntry& entry) {
  switch (entry.kind) {
    case InnerKind::network:
      return "network";
    case InnerKind::server:
      return "server";
    case InnerKind::address:
    case InnerKind::automatic:
      break;
  }
  return "address";
}

std::optional<InnerStatus> inner_values(const std::optional<InnerSnapshot>& snapshot) {
  if (!snapshot) return std::nullopt;
  InnerStatus inner;
  for (const InnerEntry& entry : snapshot->entries)
    inner.addresses.push_back({text_of(entry.prefix), kind_of(entry), name_of(entry.verdict)});
  inner.packets_in = snapshot->counts.into_tunnel;
  inner.bytes_in = snapshot->counts.into_tunnel_bytes;
  inner.packets_out = snapshot->counts.out_of_tunnel;
  inner.bytes_out = snapshot->counts.out_of_tunnel_bytes;
  inner.largest_whole = snapshot->largest_whole;
  return inner;
}

/// Problems of the device are some of the program's.
void add_device(Status& status, const TunInterface* device) {
  if (device == nullptr) return;
  TunInterface::Status values = device->status();
  DeviceStatus& own = status.device.emplace();
  own.name = std::move(values.name);
  for (const AddressPrefix& address : values.addresses) own.addresses.push_back(address.to_string());
  own.mtu = values.mtu;
  own.offload = words_of(values.offload);
  own.reads = values.counters.read;
  own.read_bytes = values.counters.read_bytes;
  own.writes = values.counters.written;
  own.written_bytes = values.counters.written_bytes;
  status.drops = sum_of(status.drops, device->port().drops());
  if (own.name.empty()) status.problems.emplace_back("there is no device for IP packets");
  for (std::string& problem : values.problems) status.problems.push_back(std::move(problem));
}

std::string_view name_of(SchedulerMode mode) {
  switch (mode) {
    case SchedulerMode::copies:
      return "copies";
    case SchedulerMode::fastest:
      return "fastest";
    case SchedulerMode::aggregate:
      return "aggregate";
    case SchedulerMode::automatic:
      return "auto";
  }
  return "";
}

SessionStatus session_values(const SessionSnapshot& snapshot) {
  SessionStatus session;
  session.scheduler = name_of(snapshot.mode);
  session.flows = snapshot.flows;
  session.datagrams_in = snapshot.into_tunnel;
  session.datagrams_out = snapshot.out_of_tunnel;
  session.duplicates_dropped = snapshot.duplicates;
  session.forced_closings = snapshot.forced_closings;
  session.fragmented = snapshot.fragmented;
  session.largest_whole = snapshot.largest_whole;
  session.inner = inner_values(snapshot.inner);
  if (!snapshot.key) return session;
  session.state = SessionState::established;
  session.cipher = name_of(snapshot.key->cipher);
  session.key_age = snapshot.key->age;
  session.age = snapshot.age;
  Arrivals out = snapshot.data_out;
  out.sent += snapshot.lost_before;
  session.stream.out = way_values(out, snapshot.recent.loss_out, snapshot.recent.before_repair_out);
  session.stream.in = way_values(snapshot.data_in, snapshot.recent.loss_in, snapshot.recent.before_repair_in);
  session.stream.untaken = snapshot.untaken;
  const OrderCounts& order = snapshot.order;
  session.stream.order = {
      order.held, order.filled + order.repaired, order.late, order.lost, order.overflow, snapshot.hold_time};
  return session;
}

void add_listen(Status& status, const ListenSockets& listeners) {
  status.listen = listeners.addresses();
  for (AwaitedAddress& awaited : listeners.awaited())
    status.awaited.push_back({std::move(awaited.text), std::move(awaited.why)});
  status.listens = listeners.is_listening();
}

/// Of the sockets inside (applications, the target) and outside.
void add_lost(Status& status, const KernelDropWatch& inside, const KernelDropWatch& outside) {
  status.kernel_drops_inside = inside.total();
  status.kernel_drops_outside = outside.total();
  status.drops.add(Drop::old, inside.old() + outside.old());
}

PathStatus path_values(const PathSnapshot& snapshot) {
  PathStatus status;
  status.id = snapshot.id.value;
  status.state = snapshot.state;
  status.standby = snapshot.standby;
  status.held = snapshot.held;
  status.share = share_values(snapshot.share);
  status.last_answer = snapshot.last_heard;
  status.mtu_out = snapshot.mtu_out;
  status.mtu_in = snapshot.mtu_in;
  if (const RttEstimator& rtt = snapshot.rtt; rtt.has_sample())
    status.rtt = RttStatus{rtt.smoothed(), rtt.variation(), rtt.minimum(), rtt.latest()};
  if (!snapshot.traffic) return status;
  const PathTraffic& traffic = *snapshot.traffic;
  const PathHistory::Recent& recent = snapshot.recent;
  status.unsent = traffic.unsent;
  status.out = {.packets = traffic.sent,
                .bytes = traffic.sent_bytes,
                .lost = traffic.out.lost(),
                .loss = traffic.out.loss(),
                .loss_recent = recent.loss_out,
                .jitter = traffic.peer_jitter,
                .first = traffic.peer_first,
                .duplicates = traffic.peer_duplicates,
                .rate_bps = static_cast<std::uint64_t>(recent.bytes_out * 8),
                .repair_bytes = traffic.repair_sent_bytes};
  status.in = {.packets = traffic.received,
               .bytes = traffic.received_bytes,
               .lost = traffic.in.lost(),
               .loss = traffic.in.loss(),
               .loss_recent = recent.loss_in,
               .jitter = traffic.jitter(),
               .first = traffic.first,
               .duplicates = traffic.duplicates,
               .rate_bps = static_cast<std::uint64_t>(recent.bytes_in * 8),
               .repair_bytes = traffic.repair_received_bytes};
  return status;
}

void keep_least(std::optional<double>& least, const std::optional<double>& loss) {
  if (loss) least = std::min(least.value_or(1), *loss);
}

std::optional<double> repair_overhead(const std::vector<PathStatus>& paths,
                                      DirectionStatus PathStatus::*way) {
  std::uint64_t repair = 0;
  std::uint64_t all = 0;
  for (const PathStatus& path : paths) {
    repair += (path.*way).repair_bytes;
    all += (path.*way).bytes;
  }
  if (all <= repair) return std::nullopt;
  return static_cast<double>(repair) / static_cast<double>(all - repair);
}

/// What there is to compare the session with, the best of its paths, and what is of all of them.
void compare_with_paths(StreamStatus& stream, const std::vector<PathStatus>& paths) {
  stream.out.repair_overhead = repair_overhead(paths, &PathStatus::out);
  stream.in.repair_overhead = repair_overhead(paths, &PathStatus::in);
  for (const PathStatus& path : paths) {
    // What it loses says nothing of the path that it will be.
    if (path.held) continue;
    keep_least(stream.out.best_path, path.out.loss);
    keep_least(stream.out.best_path_recent, path.out.loss_recent);
    keep_least(stream.in.best_path, path.in.loss);
    keep_least(stream.in.best_path_recent, path.in.loss_recent);
    const bool is_in_use = path.state == PathState::up && !path.standby && path.rtt;
    if (!is_in_use || (stream.rtt && *stream.rtt <= path.rtt->smoothed)) continue;
    stream.rtt = path.rtt->smoothed;
    stream.jitter = path.in.jitter;
  }
}

std::string mark_problem(const PathSnapshot& path) {
  std::string marks;
  for (std::uint64_t rest = path.vanishing; rest != 0; rest &= rest - 1) {
    if (!marks.empty()) marks += ", ";
    marks += format_dscp(static_cast<std::uint8_t>(std::countr_zero(rest)));
  }
  return marks.empty() ? marks : fmt::format("loses all packets marked {}: they leave unmarked", marks);
}

std::string overload_problem(const PathSnapshot& path) {
  if (!path.overload) return {};
  return fmt::format("is given more than its line takes, about {}: {:.0f} % of the copies do not leave",
                     format_rate(path.overload->rate_bps), path.overload->share * 100);
}

std::string loss_problem(const PathStatus& status) {
  const double out = status.out.loss_recent.value_or(0);
  const double in = status.in.loss_recent.value_or(0);
  if (out < kMuchLoss && in < kMuchLoss) return {};
  return fmt::format("loses {:.0f} % out and {:.0f} % in", out * 100, in * 100);
}

std::string fragment_problem(const SessionStatus& session, double share) {
  if (share < kManyFragments || !session.largest_whole) return {};
  return fmt::format(
      "{:.0f} % of the datagrams are too large for one packet; payloads up to {} bytes fit: {}", share * 100,
      *session.largest_whole, size_advice(*session.largest_whole));
}

std::string problem_of(const Bridge& bridge, const PathSnapshot& path, bool has_session) {
  if (path.returns)
    return "it leads through the VPN that runs through this program: no data goes that way; give it "
           "dev=INTERFACE, a route of its own, or fwmark";
  if (path.held && bridge.socket() != nullptr)
    return fmt::format(
        "reached over {}, a tunnel: no data goes that way until it proves that this is not the VPN that runs "
        "through this program; dev=INTERFACE, a route of its own or fwmark keeps it outside",
        bridge.tunnel());
  const bool is_fine = bridge.socket() != nullptr && path.state == PathState::up;
  if (!bridge.problem().empty() && !is_fine) return bridge.problem();
  if (bridge.socket() == nullptr) return "its name is being looked up";
  if (!has_session) return "no session with mpserver yet";
  if (path.one_way == ProbedPath::OneWay::out)
    return "passes out alone: mpserver hears what is sent on it, but nothing comes back";
  if (path.one_way == ProbedPath::OneWay::in)
    return "passes in alone: what mpserver sends on it arrives, but mpserver hears nothing on it";
  if (path.state == PathState::down || path.state == PathState::suspect) {
    return fmt::format("sent for {:.1f} s, nothing came back", seconds_of(path.silent));
  }
  return path.state == PathState::fresh ? "no answer yet" : "";
}

PathStatus path_status(const Bridge& bridge, const PathSnapshot& path, bool has_session) {
  PathStatus status = path_values(path);
  status.name = bridge.name();
  status.remote = text_of(bridge.remote());
  status.device = bridge.device();
  status.seen_from = text_of(path.seen_from);
  if (bridge.socket() != nullptr) {
    status.local = text_of(bridge.socket()->local_endpoint());
  } else {
    status.state = PathState::down;
    status.held = false;
  }
  status.problem = problem_of(bridge, path, has_session);
  if (status.problem.empty()) status.problem = overload_problem(path);
  if (status.problem.empty()) status.problem = mark_problem(path);
  if (status.problem.empty()) status.problem = loss_problem(status);
  return status;
}

std::string problem_of(const PathStatus& status, const PathSnapshot& path) {
  if (path.held)
    return "the client holds it: it leads over a tunnel there, which may be the VPN that runs through this "
           "program";
  if (path.unheard) return "the client hears nothing on it";
  if (path.out_alone) return "nothing comes by it, but the client hears us on it";
  if (path.state == PathState::down || path.state == PathState::suspect)
    return fmt::format("no probe came for {:.1f} s", seconds_of(path.last_heard.value_or(Duration{})));
  if (path.state == PathState::fresh) return "its address has not proved yet that it hears us";
  if (path.overload) return overload_problem(path);
  const std::string marks = mark_problem(path);
  return marks.empty() ? loss_problem(status) : marks;
}

PathStatus path_status(const PathSnapshot& path) {
  PathStatus status = path_values(path);
  status.name = path.name.empty() ? fmt::format("path {}", path.id.value) : path.name;
  status.remote = text_of(path.route.remote);
  status.local = text_of(path.route.local);
  status.problem = problem_of(status, path);
  return status;
}

ClientStatus client_status(const PeerSnapshot& client, bool has_key) {
  ClientStatus status;
  status.client = identity_digits(client.identity);
  status.name = client_name({}, client.name, client.first_route.remote, client.identity);
  status.key_name = client.key_name;
  status.session = session_values(client.session);
  if (client.dormant) status.session.state = SessionState::dormant;
  status.session.encrypted = client.session.key && client.session.key->cipher != Cipher::none;
  status.session.has_key = has_key;
  for (const PathSnapshot& path : client.paths) status.paths.push_back(path_status(path));
  compare_with_paths(status.session.stream, status.paths);
  return status;
}

}  // namespace

const char* name_of(SessionState state) {
  constexpr std::array<const char*, 3> kNames{"connecting", "established", "dormant"};
  return kNames.at(static_cast<std::size_t>(state));
}

DropCounters sum_of(const DropCounters& one, const DropCounters& other) {
  DropCounters sum = one;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    sum.add(reason, other[reason]);
  }
  return sum;
}

Status collect_status(const ClientSources& client, TimePoint now) {
  ClientSnapshot snapshot = client.engine.snapshot(now);
  snapshot.session.lost_before = client.from_applications.lost();
  const bool has_session = snapshot.session.key.has_value();
  Status status;
  status.uptime = now - client.started;
  add_listen(status, client.listeners);
  status.session = session_values(snapshot.session);
  status.session.encrypted = client.encrypts;
  status.session.has_key = client.has_key;
  client.bridges.for_each([&](const Bridge& bridge) {
    status.paths.push_back(path_status(bridge, snapshot.paths.at(bridge.id().value), has_session));
  });
  compare_with_paths(status.session.stream, status.paths);
  status.problems = client.bridges.problems();
  if (snapshot.outage) {
    status.outage = explain(*snapshot.outage);
    status.problems.insert(status.problems.begin(), status.outage);
  }
  if (snapshot.no_answer) status.problems.insert(status.problems.begin(), explain(*snapshot.no_answer));
  if (auto problem = fragment_problem(status.session, snapshot.session.fragment_share); !problem.empty())
    status.problems.push_back(std::move(problem));
  status.drops = sum_of(snapshot.drops, client.drops);
  add_device(status, client.device);
  add_lost(status, client.from_applications, client.from_bridges);
  return status;
}

Status collect_status(const ServerSources& server, TimePoint now) {
  const ServerSnapshot snapshot = server.engine.snapshot(now);
  Status status;
  status.is_server = true;
  status.uptime = now - server.started;
  add_listen(status, server.listeners);
  if (server.config.target) status.target = to_string(*server.config.target);
  if (const auto problem = server.target == nullptr ? std::nullopt : server.target->problem())
    status.target_problem = fmt::format("{}, for {}", problem->text, format_span(problem->lasts));
  if (const auto clients = server.engine.state().keyring.clients())
    status.keyring = {clients->named, clients->disabled};
  for (const PeerSnapshot& client : snapshot.peers) {
    const ClientStatus& own = status.clients.emplace_back(client_status(client, server.has_key));
    const auto problem = fragment_problem(own.session, client.session.fragment_share);
    if (!problem.empty()) status.problems.push_back(fmt::format("client {}: {}", own.name, problem));
  }
  status.drops = sum_of(snapshot.drops, server.drops);
  add_device(status, server.device);
  add_lost(status, server.from_target, server.from_network);
  return status;
}

}  // namespace mptunnel
