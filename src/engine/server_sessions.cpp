// The table of clients: who is new, who is a restarted one, who has to go.

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/engine/control_packet.h"
#include "mptunnel/engine/server_engine.h"

namespace mptunnel {

bool ServerEngine::is_late(const ClientHelloFrame& hello, const KeyEpoch& keys) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    const ServerSession& session = *entry.second;
    return session.identity == hello.identity && session.sealing().created() > keys.created();
  });
}

ServerSession* ServerEngine::session_for(const ClientHelloFrame& hello, const Arrival& arrival,
                                         bool& resumed) {
  ServerSession* former = nullptr;
  for (const auto& [handle, session] : sessions_) {
    if (session->identity != hello.identity) continue;
    if (session->process == hello.process) {
      resumed = !session->superseded;
      return session.get();
    }
    if (!session->superseded && (former == nullptr || session->last_heard > former->last_heard)) {
      former = session.get();
    }
  }
  const std::optional<SessionHandle> former_handle =
      former == nullptr ? std::nullopt : std::optional(former->handle);
  if (!make_room(arrival.route, former != nullptr, arrival.out, arrival.now)) {
    drops_.add(Drop::session_limit);
    return nullptr;
  }
  ServerSession& made = new_session(hello, arrival);
  const Cipher cipher = pending_.find(arrival.header.index)->cipher();
  // make_room() may have ended the former session.
  const auto still_there = former_handle ? sessions_.find(*former_handle) : sessions_.end();
  if (still_there == sessions_.end()) {
    arrival.out.events.emplace_back(ClientSessionStarted{made.ref(), cipher, arrival.route});
  } else {
    arrival.out.events.emplace_back(ClientTakenOver{made.ref(), cipher, arrival.route});
    take_over(*still_there->second, made, arrival);
  }
  return &made;
}

ServerSession& ServerEngine::new_session(const ClientHelloFrame& hello, const Arrival& arrival) {
  const SessionHandle handle{next_session_++};
  auto session = std::make_unique<ServerSession>();
  session->handle = handle;
  session->identity = hello.identity;
  session->process = hello.process;
  session->network = source_network(arrival.route.remote);
  session->first_route = arrival.route;
  session->last_heard = session->started = session->last_moved = arrival.now;
  wake_by(arrival.now + kServerTick);
  return *sessions_.emplace(handle, std::move(session)).first->second;
}

void ServerEngine::take_over(ServerSession& from, ServerSession& to, const Arrival& arrival) {
  to.flows = std::move(from.flows);
  to.flows.forget_ids();
  from.flows = ServerFlows();
  for (auto& [flow, owner] : flows_) {
    if (owner == from.handle) owner = to.handle;
  }
  from.superseded = arrival.now;
  // An address that the old process's packets came from a moment ago needs no new proof.
  for (const auto& path : from.paths) {
    if (path && path->carries_data(arrival.now)) to.inherited_routes.push_back(path->route());
  }
}

bool ServerEngine::make_room(const Route& route, bool for_takeover, Output& out, TimePoint now) {
  // A restarted client replaces a session: it is let in where a stranger is not, up to twice the limit, since
  // the old session still stands for a few seconds.
  const std::size_t factor = for_takeover ? 2 : 1;
  const std::uint64_t network = source_network(route.remote);
  std::size_t of_network = 0;
  const ServerSession* idlest = nullptr;
  for (const auto& [handle, session] : sessions_) {
    if (session->network == network) ++of_network;
    const bool is_idle = session->dormant || session->superseded;
    if (is_idle && (idlest == nullptr || session->last_heard < idlest->last_heard)) idlest = session.get();
  }
  if (of_network >= factor * settings_.max_sessions_of_network) return false;
  if (sessions_.size() < factor * settings_.max_sessions) return true;
  if (idlest == nullptr) return false;
  end_session(idlest->handle, std::nullopt, out, now);
  return true;
}

void ServerEngine::end_session(SessionHandle handle, std::optional<CloseReason> reason, Output& out,
                               TimePoint now) {
  const auto found = sessions_.find(handle);
  MPT_ASSERT(found != sessions_.end());
  ServerSession& session = *found->second;
  drops_.add(Drop::queue_expired, session.queue.expire(now + kQueueLife));
  drops_.add(Drop::fragment_expired, session.fragments.expire(now + kFragmentLife));
  std::vector<FlowHandle> closed;
  session.flows.close_all(closed);
  close_flows(closed, out);
  for (const auto& epoch : session.epochs) epochs_.erase(epoch.keys->local_index());
  if (!session.superseded) {
    if (reason) {
      out.events.emplace_back(ClientSessionEnded{session.ref(), *reason});
    } else {
      out.events.emplace_back(ClientSessionSilent{session.ref()});
    }
  }
  sessions_.erase(found);
  if (sessions_.empty()) next_mtu_ = kNever;
}

void ServerEngine::close_flows(const std::vector<FlowHandle>& closed, Output& out) {
  for (const FlowHandle flow : closed) {
    flows_.erase(flow);
    out.flow_changes.push_back({flow, 0, false});
  }
}

void ServerEngine::on_deadline(Output& out, TimePoint now) {
  if (now >= next_mtu_) run_mtu_timers(out, now);
  if (now < next_tick_) return;
  next_tick_ = kNever;
  pending_.expire(now);
  std::vector<SessionHandle> over;
  for (const auto& [handle, session] : sessions_) {
    const Duration silent = now - session->last_heard;
    const bool is_left = session->superseded && now - *session->superseded >= kSupersededLife;
    if (silent >= kSessionLife || is_left) over.push_back(handle);
  }
  for (const SessionHandle handle : over) end_session(handle, std::nullopt, out, now);
  for (const auto& [handle, session] : sessions_) tick_session(*session, out, now);
  if (!sessions_.empty() || !pending_.empty()) wake_by(now + kServerTick);
}

void ServerEngine::tick_session(ServerSession& session, Output& out, TimePoint now) {
  drops_.add(Drop::queue_expired, session.queue.expire(now));
  while (session.epochs.size() > 1 && now >= session.epochs.front().until) {
    epochs_.erase(session.epochs.front().keys->local_index());
    session.epochs.erase(session.epochs.begin());
  }
  session.sealing().age(now);
  std::vector<FlowHandle> closed;
  session.flows.expire(closed, now);
  close_flows(closed, out);
  if (!session.queue.empty()) wake_by(now + kQueueTick);
  // Who promised to be heard seldom is waited for.
  Duration longest{};
  for (const auto& path : session.paths) longest = std::max(longest, path ? path->interval() : Duration{});
  session.dormant = now - session.last_heard >= std::max<Duration>(kDormantAfter, 3 * longest);
  drops_.add(Drop::fragment_expired, session.fragments.expire(now));
  for (std::size_t i = 0; i < session.paths.size(); ++i) {
    if (!session.paths[i]) continue;
    ServerPath& path = *session.paths[i];
    const PathId id{static_cast<std::uint8_t>(i)};
    if (now - path.last_heard() >= std::max<Duration>(kForgetPathAfter, 3 * path.interval()) &&
        !session.data_paths(now).empty()) {
      session.paths[i].reset();
      continue;
    }
    note_path_state(session, id, out, now);
    path.history.sample(session.sealing().path(id), now);
    wake_for_mtu(session, path, now);
  }
  if (const auto share = session.sender.watch().check(now)) note_fragmenting(session, *share, out, now);
}

void ServerEngine::note_path_state(const ServerSession& session, PathId id, Output& out, TimePoint now) {
  ServerPath& path = *session.paths[id.value];
  const PathState state = path.state(now);
  if (state == path.told || session.dormant || session.superseded) return;
  out.events.emplace_back(ClientPathChanged{session.ref(), id, path.told, state, path.rtt().smoothed(),
                                            now - path.last_heard(), path.is_unheard(), path.route()});
  path.told = state;
}

void ServerEngine::note_fragmenting(ServerSession& session, double share, Output& out, TimePoint now) {
  const Carriers carriers = session.carriers(now);
  if (carriers.paths.empty()) return;
  out.events.emplace_back(ClientFragmenting{
      session.ref(), fragmenting_event(share, carriers, session.sealing(), session.mtu_of())});
}

void ServerEngine::wake_for_mtu(const ServerSession& session, const ServerPath& path, TimePoint now) {
  // What is in no state for any is looked at again with the next tick.
  next_mtu_ = std::min(next_mtu_, session.next_mtu_probe(path, now));
}

void ServerEngine::run_mtu_timers(Output& out, TimePoint now) {
  next_mtu_ = kNever;
  for (const auto& [handle, session] : sessions_) {
    if (!session->sealing().is_usable(now)) continue;
    for (std::size_t i = 0; i < session->paths.size(); ++i) {
      if (!session->paths[i]) continue;
      const PathId id{static_cast<std::uint8_t>(i)};
      if (now >= session->next_mtu_probe(*session->paths[i], now)) send_mtu_probe(*session, id, out, now);
      wake_for_mtu(*session, *session->paths[i], now);
    }
  }
  if (next_mtu_ != kNever) next_mtu_ = std::max(next_mtu_, now + kMtuTick);
}

void ServerEngine::send_mtu_probe(ServerSession& session, PathId id, Output& out, TimePoint now) {
  ServerPath& path = *session.paths[id.value];
  const auto patience = MtuSearch::Patience::of(path.rtt(), path.answer_share());
  const auto size = path.mtu.probe(patience, session.is_moving(now), now);
  if (!size) return;
  if (const auto sealed = seal_mtu_probe(session.sealing(), id, *size, out, now); !sealed) {
    drops_.add(sealed.error());
    return;
  }
  out.send(*size, PathSet::of(id), session.handle, session.sealing().local_index());
}

void ServerEngine::wake_by(TimePoint time) {
  next_tick_ = std::min(next_tick_, time);
}

void ServerEngine::close(Output& out, TimePoint now) {
  for (const auto& [handle, session] : sessions_) {
    send_control(*session, session->sealing(), {CloseFrame{CloseReason::shutdown}}, session->data_paths(now),
                 out, now);
  }
}

void ServerEngine::note_limit(Drop drop, Output& out, TimePoint now) {
  if (!once_a_minute(said_limit_, now)) return;
  out.events.emplace_back(TablesFull{drop});
}

bool ServerEngine::once_a_minute(std::optional<TimePoint>& said, TimePoint now) {
  if (said && now - *said < 1min) return false;
  said = now;
  return true;
}

}  // namespace mptunnel
