// The server's CONTROL packets: what clients say, and what is said to them.

#include <algorithm>

#include "mptunnel/engine/control_packet.h"
#include "mptunnel/engine/server_engine.h"

namespace mptunnel {
namespace {

/// A CHALLENGE alone in a CONTROL packet.
constexpr std::size_t kChallengeBytes = KeyEpoch::kControlOverhead + 9;

/// A path has proved its first address.
ClientPathChanged path_came_up(const ServerSession& session, PathId id) {
  const ServerPath& path = *session.paths[id.value];
  ClientPathChanged event;
  event.session = session.ref();
  event.path = id;
  event.was = PathState::fresh;
  event.state = PathState::up;
  event.rtt = path.rtt().smoothed();
  event.route = path.route();
  return event;
}

/// The path that the packet was sent by, as its PING says.
std::optional<PathId> path_named_in(ConstBytes frames) {
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (const auto* ping = std::get_if<PingFrame>(&*frame)) return ping->report.path;
  }
  return std::nullopt;
}

}  // namespace

/// Acts on the frames of one CONTROL packet, all of which are known to be readable. CLOSE is not among them.
struct ServerEngine::ControlVisitor {
  ServerEngine& engine;
  EpochRef epoch;
  Reply& reply;
  std::optional<PathId> came_by;  ///< the path that has the address it came from
  std::optional<PathId> sent_by;  ///< the path that the PING in the packet names
  const Arrival& arrival;

  void operator()(const PingFrame& ping) const {
    if (is_first(FrameType::ping)) engine.on_ping(epoch, ping.report, reply, arrival);
  }
  void operator()(const EchoFrame& echo) const {
    if (is_first(FrameType::echo)) engine.on_echo(epoch, echo.token, sent_by, arrival);
  }
  void operator()(const FlowOpenFrame& open) const {
    if (is_alive()) engine.on_flow_open(*epoch.session, open, arrival);
  }
  void operator()(const FlowCloseFrame& close) const {
    if (!is_alive()) return;
    if (const auto handle = epoch.session->flows.close(close.flow))
      engine.close_flows({*handle}, arrival.out);
  }
  void operator()(const DatagramFrame& datagram) const {
    if (is_alive()) engine.deliver(*epoch.session, datagram, arrival);
  }
  /// Where the packet was the first under its key it has been acted on.
  void operator()(const ClientHelloFrame&) const {
    if (is_first(FrameType::client_hello))
      reply.frames.emplace_back(ServerHelloFrame{epoch.session->resumed});
  }
  void operator()(const FragmentFrame& fragment) const {
    engine.on_fragment(epoch, fragment, came_by, arrival);
  }
  // A bridge may have two addresses that live: which one a packet comes from says nothing about its path.
  void operator()(const MtuProbeFrame& probe) const {
    if (!is_first(FrameType::mtu_probe) || !has_path(probe.path)) return;
    reply.path = probe.path;
    reply.frames.emplace_back(MtuSeenFrame{probe.path, probe.size});
  }
  void operator()(const MtuSeenFrame& seen) const {
    if (!has_path(seen.path)) return;
    ServerPath& path = *epoch.session->paths[seen.path.value];
    path.mtu.on_seen(seen.size, arrival.now);
    engine.wake_for_mtu(*epoch.session, path, arrival.now);
  }
  template <typename Other>
  void operator()(const Other&) const {
    engine.drops_.add(Drop::unexpected_frame);
  }

  [[nodiscard]] bool has_path(PathId path) const {
    if (path.value < kMaxPaths && epoch.session->paths[path.value] &&
        epoch.session->paths[path.value]->is_validated())
      return true;
    engine.drops_.add(Drop::path_limit);
    return false;
  }
  [[nodiscard]] bool is_first(FrameType type) const { return reply.answered.is_first(type, engine.drops_); }
  [[nodiscard]] bool is_alive() const {
    if (epoch.session->superseded) engine.drops_.add(Drop::superseded);
    return !epoch.session->superseded;
  }
};

void ServerEngine::on_control(EpochRef epoch, const Arrival& arrival) {
  const bool is_news = epoch.keys->is_news(arrival.header);
  const auto opened = epoch.keys->open_control(arrival.header, arrival.packet, arrival.now);
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy && epoch.keys->verifies(arrival.header, arrival.packet))
      count_control(*epoch.session, arrival);
    return;
  }
  if (is_news) heard(*epoch.session, true, arrival);
  if (const auto error = check_frames(*opened)) {
    drops_.add(*error);
    count_control(*epoch.session, arrival);
    return;
  }
  const SessionHandle session = epoch.session->handle;
  handle_control(epoch, *opened, arrival);
  // Afterwards: a report in the packet speaks of what was sent before it, and a PING may have made the path.
  if (sessions_.contains(session)) count_control(*epoch.session, arrival);
}

void ServerEngine::count_control(ServerSession& session, const Arrival& arrival) {
  session.traffic_from(arrival.route, session.path_at(arrival.route)).count_received(arrival.packet.size());
}

void ServerEngine::on_first_control(const Arrival& arrival) {
  KeyEpoch* keys = pending_.find(arrival.header.index);
  if (keys == nullptr) {
    drops_.add(Drop::unknown_index);
    return;
  }
  const auto opened = keys->open_control(arrival.header, arrival.packet, arrival.now);
  if (!opened) {
    drops_.add(opened.error());
    return;
  }
  if (const auto error = check_frames(*opened)) {
    drops_.add(*error);
    return;
  }
  FrameReader reader(*opened);
  const auto first = reader.next();
  const auto* hello = first ? std::get_if<ClientHelloFrame>(&*first) : nullptr;
  if (hello == nullptr) {
    drops_.add(Drop::unexpected_frame);
    return;
  }
  if (is_late(*hello, *keys)) {
    drops_.add(Drop::key_expired);
    return;
  }
  bool resumed = false;
  ServerSession* session = session_for(*hello, arrival, resumed);
  if (session == nullptr) {
    note_limit(Drop::session_limit, arrival.out, arrival.now);
    send_control_direct(*keys, {CloseFrame{CloseReason::no_room}}, arrival.route, arrival.out, arrival.now);
    pending_.adopt(arrival.header.index);
    return;
  }
  for (const SessionIndex gone : session->add_epoch(pending_.adopt(arrival.header.index), arrival.now)) {
    epochs_.erase(gone);
  }
  const EpochRef epoch{session, keys, session->epochs.back().order};
  epochs_.add(keys->local_index(), epoch);
  session->resumed = resumed;
  heard(*session, true, arrival);
  const SessionHandle handle = session->handle;
  handle_control(epoch, *opened, arrival);
  if (sessions_.contains(handle)) count_control(*session, arrival);
}

void ServerEngine::handle_control(EpochRef epoch, ConstBytes frames, const Arrival& arrival) {
  ServerSession& session = *epoch.session;
  const auto came_by = session.path_at(arrival.route);
  Reply reply{{}, came_by, {}};
  const auto sent_by = path_named_in(frames);
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (const auto* close = std::get_if<CloseFrame>(&*frame)) {
      end_session(session.handle, close->reason, arrival.out, arrival.now);
      return;
    }
    std::visit(ControlVisitor{*this, epoch, reply, came_by, sent_by, arrival}, *frame);
  }
  if (reply.path && !reply.frames.empty()) send_reply(epoch, *reply.path, reply.frames, arrival);
  flush_queue(session, arrival.out, arrival.now);
}

void ServerEngine::on_ping(EpochRef epoch, const PathReport& report, Reply& reply, const Arrival& arrival) {
  if (report.path.value >= kMaxPaths) {
    drops_.add(Drop::path_limit);
    return;
  }
  ServerSession& session = *epoch.session;
  auto& path = session.paths[report.path.value];
  if (!path) {
    const bool inherited =
        std::count(session.inherited_routes.begin(), session.inherited_routes.end(), arrival.route) > 0;
    path = std::make_unique<ServerPath>(arrival.route, inherited, random_, arrival.now);
    session.take_strays(report.path, std::nullopt);
    if (inherited) {
      arrival.out.events.emplace_back(path_came_up(session, report.path));
      path->told = PathState::up;
      start_mtu_search(epoch, *path, arrival.now);
    }
  }
  epoch.keys->on_report(report);
  const std::uint64_t order = std::uint64_t{epoch.order} << 32U | arrival.header.number.value;
  const auto round_trip = epoch.keys->path(report.path).on_report(report, arrival.now);
  if (path->is_newest(order)) path->on_report(report, round_trip);

  const Route old_route = path->route();
  const auto verdict =
      path->on_ping(arrival.route, order, arrival.packet.size(), kChallengeBytes, random_, arrival.now);
  if (verdict.answer) {
    PathReport answer = make_report(*epoch.keys, report.path, report.sequence, arrival.now);
    if (path->mtu.is_measured()) answer.mtu = static_cast<std::uint16_t>(path->mtu.mtu());
    reply.path = report.path;
    reply.frames.emplace_back(PongFrame{answer});
    if (verdict.challenge) reply.frames.emplace_back(ChallengeFrame{*verdict.challenge});
  }
  if (verdict.challenge_old) {
    send_control_direct(*epoch.keys, {ChallengeFrame{*verdict.challenge_old}}, old_route, arrival.out,
                        arrival.now);
  }
  if (verdict.challenge_new) {
    send_control_direct(*epoch.keys, {ChallengeFrame{*verdict.challenge_new}}, arrival.route, arrival.out,
                        arrival.now);
  }
}

void ServerEngine::start_mtu_search(EpochRef epoch, ServerPath& path, TimePoint now) {
  if (!epoch.keys->peer_knows(FrameType::mtu_probe)) return;
  path.mtu.start(now);
  wake_for_mtu(*epoch.session, path, now);
}

void ServerEngine::on_echo(EpochRef epoch, std::uint64_t token, std::optional<PathId> sent_by,
                           const Arrival& arrival) {
  ServerSession& session = *epoch.session;
  for (std::size_t i = 0; i < session.paths.size(); ++i) {
    // A client hears the challenge to one path on another where the address of that other was forged.
    if (!session.paths[i] || (sent_by && sent_by->value != i)) continue;
    ServerPath& path = *session.paths[i];
    const Route old_route = path.route();
    const auto verdict = path.on_echo(token, arrival.route, arrival.now);
    if (verdict == ServerPath::EchoVerdict::none) continue;
    const PathId id{static_cast<std::uint8_t>(i)};
    session.take_strays(id, old_route);
    if (verdict != ServerPath::EchoVerdict::stayed) start_mtu_search(epoch, path, arrival.now);
    path.told = PathState::up;
    if (verdict == ServerPath::EchoVerdict::validated) {
      arrival.out.events.emplace_back(path_came_up(session, id));
    } else if (verdict == ServerPath::EchoVerdict::moved) {
      arrival.out.events.emplace_back(ClientPathMoved{session.ref(), id, old_route, path.route()});
    } else {
      arrival.out.events.emplace_back(ClientPathStayed{session.ref(), id, path.route()});
    }
    return;
  }
}

void ServerEngine::on_flow_open(ServerSession& session, const FlowOpenFrame& open, const Arrival& arrival) {
  while (flows_.contains(FlowHandle{next_flow_})) ++next_flow_;
  const FlowHandle handle{next_flow_};
  std::vector<FlowHandle> closed;
  const auto opened = !session.flows.knows(open.hash) && flows_.size() >= settings_.max_flows
                          ? tl::expected<ServerFlows::Opened, Drop>(tl::unexpected(Drop::flow_limit))
                          : session.flows.open(open.flow, open.hash, handle, closed, arrival.now);
  close_flows(closed, arrival.out);
  if (!opened) {
    drops_.add(opened.error());
    note_limit(opened.error(), arrival.out, arrival.now);
    return;
  }
  ServerFlow& flow = *opened->flow;
  if (opened->is_new) {
    ++next_flow_;
    flows_.emplace(handle, session.handle);
    arrival.out.flow_changes.push_back({handle, open.hash, true});
  }
  if (flow.acknowledged && arrival.now - *flow.acknowledged < kOpenedRepeat) return;
  const PathSet paths = session.data_paths(arrival.now);
  if (paths.empty()) return;
  flow.acknowledged = arrival.now;
  send_control(session, session.sealing(), {FlowOpenedFrame{open.flow}}, paths, arrival.out, arrival.now);
  flush_queue(session, arrival.out, arrival.now);
}

void ServerEngine::deliver(ServerSession& session, const DatagramFrame& datagram, const Arrival& arrival) {
  ServerFlow* flow = session.flows.find(datagram.flow);
  if (flow == nullptr) {
    drops_.add(Drop::flow_unknown);
    // The client believes that the flow is open: it must open it again.
    if (!session.said_flow_unknown || arrival.now - *session.said_flow_unknown >= kOpenedRepeat) {
      session.said_flow_unknown = arrival.now;
      send_control(session, session.sealing(), {FlowCloseFrame{datagram.flow}},
                   session.data_paths(arrival.now), arrival.out, arrival.now);
    }
    return;
  }
  flow->last_used = session.last_moved = arrival.now;
  ++session.datagrams_in;
  arrival.out.deliver(flow->handle, datagram.payload);
}

void ServerEngine::send_reply(EpochRef epoch, PathId path, const std::vector<Frame>& reply,
                              const Arrival& arrival) {
  const auto size = seal_control_packet(*epoch.keys, reply, 0, arrival.out, arrival.now);
  if (!size) {
    drops_.add(size.error());
  } else if (*size > arrival.packet.size() && !epoch.session->paths[path.value]->is_validated()) {
    // Whoever forged the source address of a PING must not get more out of it than was put in.
    arrival.out.discard_packet(*size);
    drops_.add(Drop::no_path);
  } else {
    arrival.out.send(*size, PathSet::of(path), epoch.session->handle, epoch.keys->local_index());
  }
}

void ServerEngine::send_control(ServerSession& session, KeyEpoch& keys, const std::vector<Frame>& frames,
                                PathSet paths, Output& out, TimePoint now) {
  if (paths.empty()) return;
  const auto size = seal_control_packet(keys, frames, 0, out, now);
  if (size) {
    out.send(*size, paths, session.handle, keys.local_index());
  } else {
    drops_.add(size.error());
  }
}

void ServerEngine::send_control_direct(KeyEpoch& keys, const std::vector<Frame>& frames, const Route& route,
                                       Output& out, TimePoint now) {
  const auto size = seal_control_packet(keys, frames, 0, out, now);
  if (size) {
    out.send_direct(*size, route);
  } else {
    drops_.add(size.error());
  }
}

}  // namespace mptunnel
