#include "mptunnel/session/client_flows.h"

#include "mptunnel/base/cursor.h"

namespace mptunnel {
tl::expected<ClientFlow*, Drop> ClientFlows::use(const FlowSource& source, std::vector<Ended>& ended,
                                                 TimePoint now) {
  const auto known = by_source_.find(source.handle);
  if (known != by_source_.end()) {
    ClientFlow& flow = *by_id_[known->second.value];
    flow.last_used = now;
    return &flow;
  }
  // The id comes first: no flow is closed for a new one that then gets no id.
  const auto id = take_id(now);
  if (!id) return tl::unexpected(Drop::flow_limit);
  if (by_source_.size() >= limit_ && !make_room(ended, now)) {
    free_.insert(*id);
    return tl::unexpected(Drop::flow_limit);
  }
  by_source_.emplace(source.handle, *id);
  by_id_[id->value] = ClientFlow{*id, source, now, false};
  return &*by_id_[id->value];
}

ClientFlow* ClientFlows::find(FlowId id) {
  if (id.value >= by_id_.size() || !by_id_[id.value]) return nullptr;
  return &*by_id_[id.value];
}

ClientFlow* ClientFlows::find(FlowHandle source) {
  const auto found = by_source_.find(source);
  return found == by_source_.end() ? nullptr : find(found->second);
}

void ClientFlows::forget_opened() {
  for (auto& flow : by_id_) {
    if (flow) flow->opened = false;
  }
}

void ClientFlows::expire(std::vector<Ended>& ended, TimePoint now) {
  for (const auto& flow : by_id_) {
    if (flow && now - flow->last_used >= kFlowIdle) close(flow->id, ended, now);
  }
}

void ClientFlows::close(FlowId id, std::vector<Ended>& ended, TimePoint now) {
  auto& flow = by_id_[id.value];
  ended.push_back({id, flow->source.handle});
  by_source_.erase(flow->source.handle);
  flow.reset();
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

bool ClientFlows::make_room(std::vector<Ended>& ended, TimePoint now) {
  const ClientFlow* oldest = nullptr;
  for (const auto& flow : by_id_) {
    if (flow && (oldest == nullptr || flow->last_used < oldest->last_used)) oldest = &*flow;
  }
  if (oldest == nullptr || now - oldest->last_used < kFlowEvictableAfter) return false;
  close(oldest->id, ended, now);
  return true;
}

}  // namespace mptunnel
