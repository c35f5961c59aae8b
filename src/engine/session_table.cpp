#include "mptunnel/engine/session_table.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {

EpochTable::EpochTable(std::size_t lanes) : in_lane_(lanes) {
  MPT_ASSERT(lanes >= 1);
}

void EpochTable::add(SessionIndex index, const EpochRef& epoch) {
  const bool is_new = by_index_.emplace(index, epoch).second;
  MPT_ASSERT(is_new);
  ++in_lane_[lane_of(index)];
}

void EpochTable::erase(SessionIndex index) {
  if (by_index_.erase(index) == 1) --in_lane_[lane_of(index)];
}

std::size_t EpochTable::next_lane() {
  const std::size_t lanes = in_lane_.size();
  turn_ = (turn_ + 1) % lanes;
  std::size_t best = turn_;
  for (std::size_t i = 1; i < lanes; ++i) {
    const std::size_t lane = (turn_ + i) % lanes;
    if (in_lane_[lane] < in_lane_[best]) best = lane;
  }
  return best;
}

SessionTable::SessionTable(const SessionLimits& limits, std::size_t lanes, LinkContext& context)
    : limits_(limits), context_(context), epochs_(lanes) {}

ServerSession* SessionTable::find(SessionHandle handle) const {
  const auto found = sessions_.find(handle);
  return found == sessions_.end() ? nullptr : found->second.get();
}

bool SessionTable::is_late(const ClientHelloFrame& hello, const KeyEpoch& keys) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    const ServerSession& session = *entry.second;
    return session.identity == hello.identity && session.current().keys().created() > keys.created();
  });
}

tl::expected<SessionTable::Claim, Drop> SessionTable::claim(const ClientHelloFrame& hello, const Route& route,
                                                            Output& out, TimePoint now) {
  const ServerSession* former = nullptr;
  for (const auto& [handle, session] : sessions_) {
    if (session->identity != hello.identity) continue;
    if (session->process == hello.process) return Claim{session.get(), !session->superseded, false, false};
    if (!session->superseded && (former == nullptr || session->last_heard > former->last_heard))
      former = session.get();
  }
  const SessionHandle former_handle = former == nullptr ? SessionHandle{} : former->handle;
  if (!make_room(route, former != nullptr, out)) return tl::unexpected(Drop::session_limit);
  const SessionHandle handle{next_session_++};
  ServerSession& made =
      *sessions_.emplace(handle, std::make_unique<ServerSession>(handle, hello, route, context_, now))
           .first->second;
  // make_room() may have ended the former session.
  ServerSession* still_there = find(former_handle);
  if (still_there != nullptr) take_over(*still_there, made, now);
  return Claim{&made, false, true, still_there != nullptr};
}

void SessionTable::take_over(ServerSession& from, ServerSession& to, TimePoint now) {
  to.flows = std::exchange(from.flows, ServerFlows());
  to.flows.forget_ids();
  for (auto& [flow, owner] : flows_) {
    if (owner == from.handle) owner = to.handle;
  }
  from.superseded = now;
}

bool SessionTable::make_room(const Route& route, bool for_takeover, Output& out) {
  // A restarted client replaces a session: it is let in when a stranger is not, up to twice the limit,
  // because the old session is kept for a few seconds.
  const std::size_t factor = for_takeover ? 2 : 1;
  const std::uint64_t network = source_network(route.remote);
  std::size_t of_network = 0;
  const ServerSession* idlest = nullptr;
  for (const auto& [handle, session] : sessions_) {
    if (session->network == network) ++of_network;
    const bool is_idle = session->dormant || session->superseded;
    if (is_idle && (idlest == nullptr || session->last_heard < idlest->last_heard)) idlest = session.get();
  }
  if (of_network >= factor * limits_.max_sessions_of_network) return false;
  if (sessions_.size() < factor * limits_.max_sessions) return true;
  if (idlest == nullptr) return false;
  end(idlest->handle, std::nullopt, out);
  return true;
}

LinkEpoch& SessionTable::add_epoch(ServerSession& session, std::unique_ptr<KeyEpoch> keys, TimePoint now) {
  session.link.propose(std::move(keys));
  if (const auto gone = session.link.confirm(true, now)) epochs_.erase(*gone);
  LinkEpoch& epoch = session.current();
  epochs_.add(epoch.index(), {&session, &epoch});
  return epoch;
}

void SessionTable::expire_epochs(ServerSession& session, TimePoint now) {
  for (const SessionIndex gone : session.link.expire(now)) epochs_.erase(gone);
}

void SessionTable::end(SessionHandle handle, std::optional<CloseReason> reason, Output& out) {
  const auto found = sessions_.find(handle);
  MPT_ASSERT(found != sessions_.end());
  ServerSession& session = *found->second;
  session.sender.drop_waiting();
  session.receiver.expire(kNever);
  std::vector<FlowHandle> closed;
  session.flows.close_all(closed);
  close_flows(closed, out);
  for (const SessionIndex index : session.link.indices()) epochs_.erase(index);
  if (!session.superseded) {
    if (reason) {
      out.events.emplace_back(ClientSessionEnded{session.ref(), *reason});
    } else {
      out.events.emplace_back(ClientSessionSilent{session.ref()});
    }
  }
  sessions_.erase(found);
}

tl::expected<ServerFlow*, Drop> SessionTable::open_flow(ServerSession& session, const FlowOpenFrame& open,
                                                        Output& out, TimePoint now) {
  if (!session.flows.knows(open.hash) && flows_.size() >= limits_.max_flows)
    return tl::unexpected(Drop::flow_limit);
  while (flows_.contains(FlowHandle{next_flow_})) ++next_flow_;
  const FlowHandle handle{next_flow_};
  std::vector<FlowHandle> closed;
  const auto opened = session.flows.open(open.flow, open.hash, handle, closed, now);
  close_flows(closed, out);
  if (!opened) return tl::unexpected(opened.error());
  if (opened->is_new) {
    ++next_flow_;
    flows_.emplace(handle, session.handle);
    out.flow_changes.push_back({handle, open.hash, true});
  }
  return opened->flow;
}

void SessionTable::close_flows(const std::vector<FlowHandle>& closed, Output& out) {
  for (const FlowHandle flow : closed) {
    flows_.erase(flow);
    out.flow_changes.push_back({flow, 0, false});
  }
}

ServerSession* SessionTable::owner_of(FlowHandle flow) const {
  const auto owner = flows_.find(flow);
  return owner == flows_.end() ? nullptr : find(owner->second);
}

}  // namespace mptunnel
