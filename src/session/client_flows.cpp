#include "mptunnel/session/client_flows.h"

#include "mptunnel/crypto/kdf.h"

namespace mptunnel {

ClientFlows::ClientFlows(const ClientIdentity& identity, std::size_t limit)
    : identity_(identity), limit_(limit) {}

tl::expected<ClientFlow*, Drop> ClientFlows::use(const Route& application, std::vector<FlowId>& closed,
                                                 TimePoint now) {
  const auto known = by_application_.find(application.remote);
  if (known != by_application_.end()) {
    ClientFlow& flow = *by_id_[known->second.value];
    flow.last_used = now;
    flow.application.local = application.local;
    return &flow;
  }
  // The id comes first: no flow is given up for a newcomer that then has none.
  const auto id = take_id(now);
  if (!id) return tl::unexpected(Drop::flow_limit);
  if (by_application_.size() >= limit_ && !make_room(closed, now)) {
    free_.insert(*id);
    return tl::unexpected(Drop::flow_limit);
  }
  by_application_.emplace(application.remote, *id);
  by_id_[id->value] =
      ClientFlow{*id, application, derive_flow_hash(identity_, application.remote), now, false};
  return &*by_id_[id->value];
}

ClientFlow* ClientFlows::find(FlowId id) {
  if (id.value >= by_id_.size() || !by_id_[id.value]) return nullptr;
  return &*by_id_[id.value];
}

void ClientFlows::forget_opened() {
  for (auto& flow : by_id_) {
    if (flow) flow->opened = false;
  }
}

void ClientFlows::expire(std::vector<FlowId>& closed, TimePoint now) {
  for (const auto& flow : by_id_) {
    if (flow && now - flow->last_used >= kFlowIdle) closed.push_back(flow->id);
  }
  for (const FlowId id : closed) close(id, now);
}

void ClientFlows::close(FlowId id, TimePoint now) {
  if (find(id) == nullptr) return;
  by_application_.erase(by_id_[id.value]->application.remote);
  by_id_[id.value].reset();
  resting_.push_back({id, now + kFlowIdRest});
}

std::optional<FlowId> ClientFlows::take_id(TimePoint now) {
  while (!resting_.empty() && resting_.front().until <= now) {
    free_.insert(resting_.front().id);
    resting_.pop_front();
  }
  if (!free_.empty()) return free_.extract(free_.begin()).value();
  if (by_id_.size() > kMaxVarint) return std::nullopt;
  by_id_.emplace_back();
  return FlowId{static_cast<std::uint16_t>(by_id_.size() - 1)};
}

bool ClientFlows::make_room(std::vector<FlowId>& closed, TimePoint now) {
  const ClientFlow* oldest = nullptr;
  for (const auto& flow : by_id_) {
    if (flow && (oldest == nullptr || flow->last_used < oldest->last_used)) oldest = &*flow;
  }
  if (oldest == nullptr || now - oldest->last_used < kFlowEvictableAfter) return false;
  closed.push_back(oldest->id);
  close(oldest->id, now);
  return true;
}

}  // namespace mptunnel
