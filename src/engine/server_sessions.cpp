// The table of clients: who is new, who is a restarted one, who has to go.

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/engine/control_packet.h"
#include "mptunnel/engine/server_engine.h"

namespace mptunnel {
namespace {

/// A session whose client was replaced by another process, and that says nothing more.
constexpr Duration kSupersededLife = 10s;

}  // namespace

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
  Event event;
  event.session = made.handle;
  event.identity = hello.identity;
  event.route = arrival.route;
  event.cipher = pending_.find(arrival.header.index)->cipher();
  // make_room() may have ended the former session.
  const auto still_there = former_handle ? sessions_.find(*former_handle) : sessions_.end();
  event.kind = still_there == sessions_.end() ? EventKind::session_started : EventKind::taken_over;
  arrival.out.events.push_back(event);
  if (still_there != sessions_.end()) take_over(*still_there->second, made, arrival);
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
  session->last_heard = arrival.now;
  wake_by(arrival.now + kTick);
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
  std::vector<FlowHandle> closed;
  session.flows.close_all(closed);
  close_flows(closed, out);
  for (const auto& epoch : session.epochs) epochs_.erase(epoch.keys->local_index());
  if (!session.superseded) {
    Event event;
    event.kind = reason ? EventKind::session_ended : EventKind::session_silent;
    event.session = handle;
    event.identity = session.identity;
    event.route = session.first_route;
    if (reason) event.reason = *reason;
    out.events.push_back(event);
  }
  sessions_.erase(found);
}

void ServerEngine::close_flows(const std::vector<FlowHandle>& closed, Output& out) {
  for (const FlowHandle flow : closed) {
    flows_.erase(flow);
    out.flow_changes.push_back({flow, 0, false});
  }
}

void ServerEngine::on_deadline(Output& out, TimePoint now) {
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
  if (!sessions_.empty() || !pending_.empty()) wake_by(now + kTick);
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
  session.dormant = now - session.last_heard >= kDormantAfter;
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
  Event event;
  event.kind = EventKind::tables_full;
  event.drop = drop;
  out.events.push_back(event);
}

bool ServerEngine::once_a_minute(std::optional<TimePoint>& said, TimePoint now) {
  if (said && now - *said < 1min) return false;
  said = now;
  return true;
}

}  // namespace mptunnel
