#include "mptunnel/engine/session_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/session/inner_routes.h"

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

SessionTable::SessionTable(const SessionLimits& limits, std::size_t lanes, LinkContext& context,
                           InnerRoutes* inner)
    : limits_(limits), context_(context), inner_(inner), epochs_(lanes) {}

ServerSession* SessionTable::find(SessionHandle handle) const {
  const auto found = sessions_.find(handle);
  return found == sessions_.end() ? nullptr : found->second.get();
}

bool SessionTable::is_late(const Claimant& claimant, const KeyEpoch& keys) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    const ServerSession& session = *entry.second;
    return session.is_of(claimant) && session.current().keys().created() > keys.created();
  });
}

tl::expected<SessionTable::Claim, Drop> SessionTable::claim(const Claimant& claimant, const Route& route,
                                                            Output& out, TimePoint now) {
  const ServerSession* former = nullptr;
  for (const auto& [handle, session] : sessions_) {
    if (!session->is_of(claimant)) continue;
    if (session->process == claimant.hello.process)
      return Claim{session.get(), !session->superseded, false, false};
    if (!session->superseded && (former == nullptr || session->last_heard > former->last_heard))
      former = session.get();
  }
  if (former == nullptr || !former->is_settled) {
    const Places all = places(claimant.account, 0);
    if (all.taken >= limits_.max_sessions && all.idlest == nullptr)
      return tl::unexpected(Drop::session_limit);
  }
  const SessionHandle former_handle = former == nullptr ? SessionHandle{} : former->handle;
  limit_unsettled(claimant, out);
  const SessionHandle handle{next_session_++};
  ServerSession& made =
      *sessions_.emplace(handle, std::make_unique<ServerSession>(handle, claimant, route, context_, now))
           .first->second;
  // The former session may be the one that had to go.
  ServerSession* still_there = find(former_handle);
  if (still_there != nullptr) take_over(*still_there, made, out, now);
  return Claim{&made, false, true, still_there != nullptr};
}

void SessionTable::take_over(ServerSession& from, ServerSession& to, Output& out, TimePoint now) {
  from.receiver.order().restart(out);
  to.flows = std::exchange(from.flows, ServerFlows());
  to.flows.forget_ids();
  to.flow_openings = from.flow_openings;
  to.inner_questions = from.inner_questions;
  for (auto& [flow, owner] : flows_) {
    if (owner == from.handle) owner = to.handle;
  }
  if (inner_ != nullptr) inner_->hand_over(from.handle, to.handle);
  to.is_settled = std::exchange(from.is_settled, false);
  to.network = from.network;
  // Until the new process says what it is called, it is called as it was.
  to.names.take_client(from.names);
  from.superseded = from.unsettled_since = now;
  from.said_clash = false;
}

SessionTable::Places SessionTable::places(const KeyAccount& account, std::uint64_t network) const {
  Places all;
  const auto note_idle = [](const ServerSession*& idlest, const ServerSession& session) {
    if (session.dormant && (idlest == nullptr || session.last_heard < idlest->last_heard)) idlest = &session;
  };
  for (const auto& [handle, session] : sessions_) {
    if (!session->is_settled) continue;
    ++all.taken;
    note_idle(all.idlest, *session);
    if (session->network == network && !session->account.is_named()) {
      ++all.of_network;
      note_idle(all.idlest_of_network, *session);
    }
    if (&session->account != &account) continue;
    ++all.of_account;
    note_idle(all.idlest_of_account, *session);
  }
  return all;
}

tl::expected<const ServerSession*, Drop> SessionTable::room_for(const KeyAccount& account,
                                                                std::uint64_t network) const {
  const Places all = places(account, network);
  if (account.is_named()) {
    if (all.of_account >= account.quota().max_sessions) {
      if (all.idlest_of_account == nullptr) return tl::unexpected(Drop::key_sessions);
      return all.idlest_of_account;
    }
  } else if (all.of_network >= limits_.max_sessions_of_network) {
    if (all.idlest_of_network == nullptr) return tl::unexpected(Drop::network_limit);
    return all.idlest_of_network;
  }
  if (all.taken < limits_.max_sessions) return nullptr;
  if (all.idlest == nullptr) return tl::unexpected(Drop::session_limit);
  return all.idlest;
}

tl::expected<void, Drop> SessionTable::settle(ServerSession& session, std::uint64_t network, Output& out) {
  if (session.is_settled) return {};
  const auto goes = room_for(session.account, network);
  if (!goes) return tl::unexpected(goes.error());
  if (*goes != nullptr) end((*goes)->handle, std::nullopt, out);
  session.is_settled = true;
  session.network = network;
  return {};
}

void SessionTable::limit_unsettled(const Claimant& claimant, Output& out) {
  struct Group {
    std::size_t count = 0;
    const ServerSession* oldest = nullptr;
  };
  // Whose a session is: the key's, or, if many have that key, the network's that its handshake came from.
  const auto owner = [](const KeyAccount& account, std::uint64_t network) {
    return std::pair(&account, account.is_named() ? 0 : network);
  };
  std::map<std::pair<const KeyAccount*, std::uint64_t>, Group> groups;
  std::size_t unsettled = 0;
  for (const auto& [handle, session] : sessions_) {
    if (session->is_settled) continue;
    ++unsettled;
    Group& group = groups[owner(session->account, session->network)];
    ++group.count;
    if (group.oldest == nullptr || session->unsettled_since < group.oldest->unsettled_since)
      group.oldest = session.get();
  }
  const Group& own = groups[owner(claimant.account, claimant.network)];
  if (claimant.account.is_named() && own.count >= kUnsettledSessionsOfKey)
    return end(own.oldest->handle, std::nullopt, out);
  if (unsettled < kMaxUnsettledSessions) return;
  const auto largest = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    if (a.second.count != b.second.count) return a.second.count < b.second.count;
    // Of equal ones the older goes; an empty one never does.
    return a.second.count == 0 || a.second.oldest->unsettled_since > b.second.oldest->unsettled_since;
  });
  end(largest->second.oldest->handle, std::nullopt, out);
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
  session.receiver.order().restart(out);
  std::vector<FlowHandle> closed;
  session.flows.close_all(closed);
  close_flows(closed, out);
  for (const SessionIndex index : session.link.indices()) epochs_.erase(index);
  if (inner_ != nullptr) inner_->leave(handle, session.last_heard);
  if (session.is_settled) {
    if (reason) {
      out.events.emplace_back(ClientSessionEnded{session.ref(), *reason, session.totals()});
    } else {
      out.events.emplace_back(ClientSessionSilent{session.ref(), session.totals()});
    }
  }
  sessions_.erase(found);
}

tl::expected<ServerFlow*, Drop> SessionTable::open_flow(ServerSession& session, const FlowOpenFrame& open,
                                                        Output& out, TimePoint now) {
  if (!session.flows.knows(open.hash)) {
    if (!session.flow_openings.take(now)) return tl::unexpected(Drop::flow_rate);
    if (const auto room = make_room_for_flow(session, out, now); !room) return tl::unexpected(room.error());
  }
  while (next_flow_ == 0 || is_tun(FlowHandle{next_flow_}) || flows_.contains(FlowHandle{next_flow_}))
    ++next_flow_;
  const FlowHandle handle{next_flow_};
  std::vector<FlowHandle> closed;
  const auto opened = session.flows.open(open.flow, open.hash, handle, closed, now);
  close_flows(closed, out);
  if (!opened) return tl::unexpected(opened.error());
  if (opened->is_new) {
    ++next_flow_;
    flows_.emplace(handle, session.handle);
    session.account.count_flows(1);
    out.flow_changes.push_back({handle, open.hash, true});
  }
  return opened->flow;
}

tl::expected<void, Drop> SessionTable::make_room_for_flow(ServerSession& wants, Output& out, TimePoint now) {
  const KeyAccount& account = wants.account;
  const auto may_have_few = [&] {
    return wants.flows.size() < limits_.guaranteed_flows() && has_room(account, wants.network);
  };
  if (!wants.is_settled && !may_have_few()) return tl::unexpected(Drop::flow_limit);
  ServerSession* holder = nullptr;
  if (!account.may_open_flow()) {
    holder = idle_holder_of(wants, now);
    if (holder == nullptr) return tl::unexpected(Drop::key_flows);
  } else if (flows_.size() >= limits_.max_flows) {
    holder = wants.is_settled ? holder_to_yield(wants, now) : nullptr;
    if (holder == nullptr) return tl::unexpected(Drop::flow_limit);
  }
  if (holder != nullptr) close_flows({holder->flows.give_up(now)}, out);
  return {};
}

ServerSession* SessionTable::idle_holder_of(ServerSession& wants, TimePoint now) const {
  if (wants.flows.has_idle(now)) return &wants;
  for (const auto& [handle, session] : sessions_) {
    if (&session->account == &wants.account && session->flows.has_idle(now)) return session.get();
  }
  return nullptr;
}

ServerSession* SessionTable::holder_to_yield(const ServerSession& wants, TimePoint now) const {
  const std::size_t guaranteed = limits_.guaranteed_flows();
  const std::size_t own = wants.flows.size();
  const auto count = [](const ServerSession* session) {
    return session == nullptr ? std::size_t{0} : session->flows.size();
  };
  ServerSession* largest = nullptr;
  ServerSession* idle = nullptr;
  for (const auto& [handle, entry] : sessions_) {
    ServerSession* session = entry.get();
    const std::size_t held = count(session);
    if (held != 0 && !session->is_settled) return session;
    if (held > count(largest)) largest = session;
    const bool may_yield = session == &wants || (held > own && held > guaranteed);
    if (may_yield && held > count(idle) && session->flows.has_idle(now)) idle = session;
  }
  if (idle != nullptr) return idle;
  return count(largest) > guaranteed && count(largest) >= 2 * (own + 1) ? largest : nullptr;
}

void SessionTable::close_flows(const std::vector<FlowHandle>& closed, Output& out) {
  for (const FlowHandle flow : closed) {
    if (ServerSession* owner = owner_of(flow)) {
      owner->account.count_flows(-1);
      owner->receiver.order().close(flow, out);
    }
    flows_.erase(flow);
    out.flow_changes.push_back({flow, 0, false});
  }
}

ServerSession* SessionTable::owner_of(FlowHandle flow) const {
  const auto owner = flows_.find(flow);
  return owner == flows_.end() ? nullptr : find(owner->second);
}

}  // namespace mptunnel
