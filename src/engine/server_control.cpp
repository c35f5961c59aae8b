#include <algorithm>
#include <iterator>
#include <utility>

#include "mptunnel/engine/server_parts.h"

namespace mptunnel {
namespace {

ClientPathChanged path_came_up(const ServerSession& session, PathId id) {
  const ServerPath& path = *session.paths[id.value];
  return {session.ref(id), id,          PathState::fresh, PathState::up, path.rtt().smoothed(), {},
          false,           path.route()};
}

/// The paths that help one on which the client hears nothing: the others that it may hear, and those that are
/// paid by volume only if there is none else.
PathSet helpers_of(const ServerSession& session, PathId path, TimePoint now) {
  const PathSet all = session.usable(now) - PathSet::of(path);
  PathSet free = all;
  for (const PathId id : all) {
    if (session.paths[id.value]->is_spared()) free.erase(id);
  }
  return free.empty() ? all : free;
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

/// Acts on the frames of one packet. CLOSE is not among them.
struct ServerControl::Visitor {
  ServerControl& control;
  EpochRef epoch;
  Reply& reply;
  std::optional<PathId> sent_by;  ///< the path that the PING in the packet names
  const ServerArrival& arrival;

  void operator()(const PingFrame& ping) const {
    if (is_first(FrameType::ping)) control.on_ping(epoch, ping.report, reply, arrival);
  }
  void operator()(const EchoFrame& echo) const {
    if (is_first(FrameType::echo)) reply.is_over = !control.on_echo(epoch, echo.token, sent_by, arrival);
  }
  void operator()(const FlowOpenFrame& open) const {
    if (is_alive()) control.on_flow_open(*epoch.session, open, reply.refused, arrival);
  }
  void operator()(const FlowCloseFrame& close) const {
    if (!is_alive()) return;
    if (const auto handle = epoch.session->flows.close(close.flow))
      control.state_.table.close_flows({*handle}, arrival.out);
  }
  void operator()(const DatagramFrame& datagram) const {
    if (is_alive()) control.deliver(*epoch.session, datagram, reply.refused, arrival);
  }
  /// If the packet was the first under its key it has been acted on. A session that will find no place is not
  /// confirmed: the client echoes all the same, and is told then. This address is not proved yet.
  void operator()(const ClientHelloFrame&) const {
    if (is_first(FrameType::client_hello)) control.confirm(*epoch.session, reply, arrival);
  }
  void operator()(const FragmentFrame& fragment) const { control.on_fragment(epoch, fragment, arrival); }
  /// Whoever has proved no address makes nothing be kept.
  void operator()(const RepairFrame& repair) const {
    if (!epoch.session->is_proved) {
      drops().add(Drop::unexpected_frame);
      return;
    }
    PathTraffic& traffic = RouteOrigin(*epoch.session, arrival.route).genuine();
    epoch.session->receiver.add_repair(*epoch.epoch, repair, traffic, arrival.now);
    control.read_recovered(epoch, arrival);
  }
  void operator()(const RepairReportFrame& report) const {
    if (!is_first(FrameType::repair_report)) return;
    epoch.epoch->on_repair_report(report);
    if (epoch.epoch != epoch.session->link.current()) return;
    epoch.session->sender.on_report(*epoch.epoch, report, epoch.session->reported(*epoch.epoch, arrival.now),
                                    arrival.now);
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
    control.state_.alarm.wake_for_mtu(*epoch.session, path, arrival.now);
  }
  void operator()(const MarkProbeFrame& probe) const {
    if (!is_first(FrameType::mark_probe) || !has_path(probe.path)) return;
    reply.path = probe.path;
    reply.frames.emplace_back(MarkSeenFrame{probe.path, probe.sequence});
  }
  void operator()(const MarkSeenFrame& seen) const {
    epoch.session->sender.marks().on_seen(seen.path, seen.sequence);
  }
  void operator()(const DelayFrame& delay) const {
    if (delay.path.value < kMaxPaths) {
      const std::chrono::milliseconds wanted(delay.milliseconds);
      epoch.session->sender.set_delay(delay.path, std::min<Duration>(wanted, kMaxDelay));
    } else {
      drops().add(Drop::path_limit);
    }
  }
  void operator()(const NameFrame& name) const { control.on_name(epoch, name, reply, arrival); }
  void operator()(const EpochCountsFrame& counts) const {
    if (!is_first(FrameType::epoch_counts)) return;
    if (const auto own = epoch.session->link.on_counts(counts)) reply.frames.emplace_back(*own);
  }
  void operator()(const AckFrame& ack) const {
    if (!epoch.session->sender.on_ack(*epoch.epoch, ack, arrival.now)) drops().add(Drop::unexpected_frame);
  }
  /// Whoever has proved no address makes nothing be kept.
  void operator()(const AckWantedFrame& wanted) const {
    if (epoch.session->is_proved && epoch.epoch == epoch.session->link.current())
      epoch.session->receiver.on_ack_wanted(wanted, *epoch.epoch, arrival.now);
  }
  void operator()(const AddressesWantedFrame& wanted) const {
    if (is_first(FrameType::addresses_wanted))
      control.on_addresses_wanted(*epoch.session, wanted, reply, arrival);
  }
  void operator()(const HandshakeFrame& handshake) const {
    if (is_first(FrameType::handshake)) control.on_handshake(*epoch.session, handshake, reply, arrival);
  }
  template <typename Other>
  void operator()(const Other&) const {
    drops().add(Drop::unexpected_frame);
  }

  [[nodiscard]] DropCounters& drops() const { return control.state_.context.drops; }
  [[nodiscard]] bool has_path(PathId path) const {
    const auto& paths = epoch.session->paths;
    if (path.value < kMaxPaths && paths[path.value] && paths[path.value]->is_validated()) return true;
    drops().add(Drop::path_limit);
    return false;
  }
  [[nodiscard]] bool is_first(FrameType type) const { return reply.answered.is_first(type, drops()); }
  [[nodiscard]] bool is_alive() const {
    if (!epoch.session->superseded) return true;
    if (!std::exchange(reply.is_superseded, true)) drops().add(Drop::superseded);
    return false;
  }
};

void ServerControl::read(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  Reply reply;
  reply.path = session.path_at(arrival.route);
  const auto sent_by = path_named_in(frames);
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (std::holds_alternative<CloseFrame>(*frame)) {
      // Whatever it says: the reasons are this end's words.
      state_.end_session(session.handle, CloseReason::shutdown, arrival.out);
      return;
    }
    std::visit(Visitor{*this, epoch, reply, sent_by, arrival}, *frame);
    if (reply.is_over) return;
  }
  if (reply.answered.has_only(FrameType::ping) && epoch.epoch == session.link.current())
    session.sender.on_report(*epoch.epoch, session.reported(*epoch.epoch, arrival.now), arrival.now);
  if (!reply.path && !reply.frames.empty()) state_.context.drops.add(Drop::no_path);
  send_reply(epoch, reply, arrival);
  outbound_.flush(session, arrival.out, arrival.now);
}

void ServerControl::read_copy(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  const auto named = path_named_in(frames);
  if (!named || named->value >= kMaxPaths || check_frames(frames)) return;
  ServerPath* path = session.paths[named->value].get();
  if (path == nullptr || !path->reads_copies() || !may_read_copy(arrival.route, arrival.now)) return;
  Reply reply;
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    const auto* ping = std::get_if<PingFrame>(&*frame);
    const auto* echo = std::get_if<EchoFrame>(&*frame);
    const bool is_hello = std::holds_alternative<ClientHelloFrame>(*frame);
    // It goes by several other paths as a rule, and says nothing of addresses.
    if (ping != nullptr && (ping->report.flags & PathReport::kByProxy) != 0) return;
    if (ping != nullptr && reply.answered.take(FrameType::ping))
      answer_ping(epoch, *path, ping->report, true, reply, arrival);
    if (echo != nullptr && reply.answered.take(FrameType::echo) &&
        !on_echo(epoch, echo->token, named, arrival))
      return;
    if (is_hello && reply.answered.take(FrameType::client_hello)) confirm(session, reply, arrival);
  }
  send_reply(epoch, reply, arrival);
  outbound_.flush(session, arrival.out, arrival.now);
}

void ServerControl::confirm(const ServerSession& session, Reply& reply, const ServerArrival& arrival) const {
  if (session.is_settled || session.superseded ||
      state_.table.has_room(session.account, source_network(arrival.route.remote)))
    reply.frames.emplace_back(ServerHelloFrame{session.resumed});
}

bool ServerControl::may_read_copy(const Route& from, TimePoint now) {
  if (!copies_) {
    copies_.emplace(NetworkBudget::Rate{kCopiesReadPerSecond, kCopiesReadBurst},
                    NetworkBudget::Rate{kCopiesReadPerSecondOfNetwork, kCopiesReadBurstOfNetwork},
                    state_.context.random.u64());
  }
  return copies_->take(from.remote, now);
}

void ServerControl::send_reply(EpochRef epoch, const Reply& reply, const ServerArrival& arrival) {
  if (!reply.path || reply.frames.empty()) return;
  ServerSession& session = *epoch.session;
  // Whoever forged the source address of a PING must not get more out of it than was put in.
  const bool is_validated = session.paths[reply.path->value]->is_validated();
  const std::size_t at_most = is_validated && !reply.is_direct ? kMaxPacketBytes : arrival.packet.size();
  if (reply.is_direct) {
    session.sender.send_answer_to(arrival.route, *epoch.epoch, reply.frames, at_most, arrival.out,
                                  arrival.now);
  } else {
    session.sender.send_answer(*epoch.epoch, reply.frames, *reply.path, at_most, arrival.out, arrival.now);
  }
  if (!reply.is_by_any && !session.paths[reply.path->value]->is_unheard()) return;
  // What tests an address is for that address alone.
  std::vector<Frame> frames;
  std::copy_if(reply.frames.begin(), reply.frames.end(), std::back_inserter(frames),
               [](const Frame& frame) { return !std::holds_alternative<ChallengeFrame>(frame); });
  session.sender.send_control(*epoch.epoch, frames, helpers_of(session, *reply.path, arrival.now),
                              arrival.out, arrival.now);
}

void ServerControl::start_mtu_search(EpochRef epoch, ServerPath& path, TimePoint now) {
  if (!epoch.epoch->keys().peer_knows(FrameType::mtu_probe)) return;
  path.mtu.start(now);
  state_.alarm.wake_for_mtu(*epoch.session, path, now);
}

bool ServerControl::settle(EpochRef epoch, const Route& proved, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  session.is_proved = true;
  if (session.is_settled) return true;
  session.network = source_network(proved.remote);
  session.first_route = proved;
  if (session.superseded) return true;
  const auto settled = state_.table.settle(session, session.network, arrival.out);
  if (settled) {
    arrival.out.events.emplace_back(
        ClientSessionStarted{session.ref(), epoch.epoch->keys().cipher(), proved});
    return true;
  }
  note_limit(session, settled.error(), arrival.out);
  const bool is_quota = settled.error() == Drop::key_sessions;
  session.sender.send_control_to(proved, *epoch.epoch,
                                 {CloseFrame{is_quota ? CloseReason::key_sessions : CloseReason::no_room}},
                                 arrival.out, arrival.now);
  state_.end_session(session.handle, std::nullopt, arrival.out);
  return false;
}

bool ServerControl::on_echo(EpochRef epoch, std::uint64_t token, std::optional<PathId> sent_by,
                            const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  for (const PathId id : session.all_paths()) {
    // A client hears the challenge to one path on another if the address of that other was forged.
    if (sent_by && *sent_by != id) continue;
    ServerPath& path = *session.paths[id.value];
    const Route old_route = path.route();
    const auto verdict = path.on_echo(token, arrival.route, arrival.now);
    if (verdict == ServerPath::EchoVerdict::none) continue;
    if (!settle(epoch, path.route(), arrival)) return false;
    // An address that only asked to be the path's never was it.
    const bool is_first = verdict == ServerPath::EchoVerdict::validated;
    session.strays.assign(id, path.route(), is_first ? std::nullopt : std::optional(old_route));
    if (verdict != ServerPath::EchoVerdict::stayed) session.sender.forget(id);
    if (verdict == ServerPath::EchoVerdict::moved) session.sender.resend_kept(id, arrival.out, arrival.now);
    if (verdict != ServerPath::EchoVerdict::stayed) {
      start_mtu_search(epoch, path, arrival.now);
      if (session.names.knows(id)) tell_seen_from(epoch, id, arrival);
    }
    path.told = PathState::up;
    if (is_first) {
      arrival.out.events.emplace_back(path_came_up(session, id));
    } else if (verdict == ServerPath::EchoVerdict::moved) {
      arrival.out.events.emplace_back(ClientPathMoved{session.ref(id), id, old_route, path.route()});
    } else {
      arrival.out.events.emplace_back(ClientPathStayed{session.ref(id), id, path.route()});
    }
    return true;
  }
  return true;
}

void ServerControl::on_handshake(ServerSession& session, const HandshakeFrame& handshake, Reply& reply,
                                 const ServerArrival& arrival) {
  if (!session.is_settled) {
    state_.context.drops.add(Drop::handshake_rate);
    return;
  }
  const auto answer =
      state_.pending.renew(handshake.packet, {session.handle, session.account, session.renewals},
                           state_.table.epochs().chooser(), arrival.now);
  if (!answer) {
    state_.context.drops.add(answer.error());
    return;
  }
  state_.alarm.wake_by(arrival.now + kServerTick);
  reply.frames.emplace_back(HandshakeFrame{answer->response});
}

void ServerControl::on_fragment(EpochRef epoch, const FragmentFrame& fragment, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  const OuterEcn ecn = session.ecn_from(arrival.route, arrival.ecn);
  const auto whole = session.receiver.add_fragment(*epoch.epoch, fragment, ecn, arrival.out, arrival.now);
  if (!whole) return;
  if (fragment.type == PacketType::control) {
    read(epoch, whole->frames, arrival);
    return;
  }
  ++RouteOrigin(session, arrival.route).genuine().first;
  ServerArrival joined = arrival;
  joined.ecn = whole->ecn;
  read_data(epoch, whole->frames, joined);
  read_recovered(epoch, arrival);
}

void ServerControl::read_recovered(EpochRef epoch, const ServerArrival& arrival) {
  const auto& all = epoch.session->receiver.take_recovered(*epoch.epoch, arrival.out, arrival.now);
  if (all.empty()) return;
  ServerArrival recovered = arrival;
  recovered.is_recovered = true;
  recovered.ecn = {};
  for (const ConstBytes frames : all) read_data(epoch, frames, recovered);
}

}  // namespace mptunnel
