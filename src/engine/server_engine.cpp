#include "mptunnel/engine/server_engine.h"

namespace mptunnel {
namespace {

PathSnapshot path_snapshot(const ServerSession& session, PathId id, TimePoint now) {
  const ServerPath& path = *session.paths[id.value];
  PathSnapshot snapshot;
  snapshot.id = id;
  snapshot.name = session.names.of(id);
  snapshot.vanishing = session.sender.marks().vanishing_on(id);
  snapshot.share = session.sender.share_of(id);
  snapshot.state = path.state(now);
  snapshot.standby = path.is_standby() && !path.is_held();
  snapshot.held = path.is_held();
  snapshot.overload = path.queue.overload();
  snapshot.unheard = path.is_unheard();
  snapshot.out_alone = path.is_out_alone();
  snapshot.route = path.route();
  snapshot.rtt = path.rtt();
  snapshot.last_heard = now - path.last_heard();
  snapshot.set_traffic(*session.link.traffic(id), path.history, path.mtu, now);
  return snapshot;
}

PeerSnapshot peer_snapshot(const ServerSession& session, const InnerRoutes* inner, TimePoint now) {
  PeerSnapshot peer;
  peer.handle = session.handle;
  peer.identity = session.identity;
  peer.key_name = session.account.name();
  peer.name = session.names.of(kClientItself);
  peer.first_route = session.first_route;
  peer.dormant = session.dormant;
  peer.session =
      snapshot_of(session.link, session.sender, session.receiver, session.stream, session.views(now), now);
  peer.session.flows = session.flows.size();
  peer.session.into_tunnel = session.to_client;
  peer.session.lost_before = session.lost_before;
  peer.session.out_of_tunnel = session.from_client;
  if (inner != nullptr) {
    peer.session.inner = InnerSnapshot{inner->entries_of(session.handle), session.inner,
                                       session.sender.largest_inner(session.views(now))};
  }
  for (const PathId id : PathSet::all()) peer.session.duplicates += session.link.traffic(id)->duplicates;
  for (const PathId id : session.all_paths()) peer.paths.push_back(path_snapshot(session, id, now));
  return peer;
}

}  // namespace

void ServerEngine::on_deadline(Output& out, TimePoint now) {
  const std::size_t first = out.events.size();
  timers_.run(out, now);
  limiter_.limit(out, first, now);
  if (now >= limiter_.due()) limiter_.report(out, now);
}

void ServerEngine::on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop,
                           TimePoint now) {
  ServerSession* session = state_.table.find(run.session);
  LinkEpoch* epoch = session == nullptr ? nullptr : session->link.find(run.epoch);
  if (epoch != nullptr) session->sender.on_sent(*epoch, path, run, accepted, now);
  Sender::count_sent(epoch, path, run, accepted, drop, state_.context.drops);
  if (accepted == run.count || drop != Drop::message_size) return;
  if (epoch == nullptr || !session->paths[path.value]) return;
  ServerPath& own = *session->paths[path.value];
  own.mtu.on_refused(run.stride, now);
  state_.alarm.wake_for_mtu(*session, own, now);
}

void ServerEngine::set_keys(const ServerKeys& keys, Output& out, TimePoint now) {
  for (const KeyAccount* account : state_.keyring.replace(keys)) {
    state_.pending.withdraw(*account);
    std::vector<ServerSession*> over;
    for (const auto& [handle, session] : state_.table.all()) {
      if (&session->account == account) over.push_back(session.get());
    }
    for (ServerSession* session : over) end(*session, CloseReason::key_withdrawn, out, now);
  }
  state_.keyring.erase_withdrawn();
  if (!state_.inner) return;
  for (const SessionHandle handle : state_.inner->reserve(state_.keyring.reservations())) {
    if (ServerSession* session = state_.table.find(handle); session != nullptr)
      end(*session, CloseReason::key_addresses, out, now);
  }
}

void ServerEngine::end(ServerSession& session, CloseReason reason, Output& out, TimePoint now) {
  // By their addresses: the paths go with the session.
  for (const PathId id : session.carrying(now)) {
    session.sender.send_control_to(session.paths[id.value]->route(), session.current(), {CloseFrame{reason}},
                                   out, now);
  }
  state_.end_session(session.handle, reason, out);
}

void ServerEngine::close(Output& out, TimePoint now) {
  for (const auto& [handle, session] : state_.table.all()) {
    session->receiver.order().restart(out);
    session->sender.send_control(session->current(), {CloseFrame{CloseReason::shutdown}},
                                 session->carrying(now), out, now);
  }
}

const Route* ServerEngine::route_of(SessionHandle session, PathId path) const {
  const ServerSession* found = state_.table.find(session);
  if (found == nullptr || path.value >= kMaxPaths || !found->paths[path.value]) return nullptr;
  return &found->paths[path.value]->route();
}

std::optional<std::size_t> ServerEngine::largest_inner(TimePoint now) const {
  std::optional<std::size_t> least;
  for (const auto& [handle, session] : state_.table.all()) {
    // Of those that have no address, none is sent to.
    if (!state_.inner || !state_.inner->has_any(handle)) continue;
    const auto own = session->sender.largest_inner(session->views(now));
    if (own) least = std::min(least.value_or(*own), *own);
  }
  return least;
}

ServerSnapshot ServerEngine::snapshot(TimePoint now) const {
  ServerSnapshot snapshot;
  for (const auto& [handle, session] : state_.table.all())
    snapshot.peers.push_back(peer_snapshot(*session, state_.inner ? &*state_.inner : nullptr, now));
  snapshot.drops = state_.context.drops;
  return snapshot;
}

}  // namespace mptunnel
