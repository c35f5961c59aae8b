#include "mptunnel/session/flows.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {

tl::expected<ClientFlow*, Drop> ClientFlows::use(const FlowSource& source, std::vector<Ended>& ended,
                                                 TimePoint now) {
  const auto known = by_source_.find(source.handle);
  if (known != by_source_.end()) {
    ClientFlow& flow = known->second;
    if (flow.is_doubted(now)) flow.opened = false;
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
  ClientFlow& flow = by_source_[source.handle];
  flow.handle = source.handle;
  flow.hash = source.hash;
  flow.id = *id;
  flow.last_used = now;
  by_id_.set(*id, flow);
  order_.add(flow);
  return &flow;
}

ClientFlow* ClientFlows::find(FlowHandle source) {
  const auto found = by_source_.find(source);
  return found == by_source_.end() ? nullptr : &found->second;
}

void ClientFlows::forget_opened() {
  for (auto& [source, flow] : by_source_) {
    flow.opened = false;
    order_.forget_counts(flow);
  }
}

void ClientFlows::expire(std::vector<Ended>& ended, TimePoint now) {
  std::vector<std::pair<FlowId, FlowHandle>> idle;
  for (const auto& [source, flow] : by_source_) {
    if (now - flow.last_used >= flow.life()) idle.emplace_back(flow.id, source);
  }
  // In the order of ids: that of a hash table is nobody's.
  std::sort(idle.begin(), idle.end());
  for (const auto& [id, source] : idle) close(source, ended, now);
}

void ClientFlows::close(FlowHandle source, std::vector<Ended>& ended, TimePoint now) {
  const auto found = by_source_.find(source);
  const FlowId id = found->second.id;
  ended.push_back({id, source});
  by_id_.erase(id);
  order_.erase(found->second);
  by_source_.erase(found);
  resting_.push_back({id, now + kFlowIdRest});
}

std::optional<FlowId> ClientFlows::take_id(TimePoint now) {
  while (!resting_.empty() && resting_.front().until <= now) {
    free_.insert(resting_.front().id);
    resting_.pop_front();
  }
  if (!free_.empty()) return free_.extract(free_.begin()).value();
  if (next_id_ > kMaxFlowId) return std::nullopt;
  return FlowId{next_id_++};
}

bool ClientFlows::make_room(std::vector<Ended>& ended, TimePoint now) {
  const FlowUse* goes = order_.evictable(now);
  if (goes == nullptr) return false;
  close(goes->handle, ended, now);
  const std::size_t at_once = std::min(kFlowsGivenUpAtOnce, limit_ / 64);
  for (std::size_t i = 1; i < at_once; ++i) {
    goes = order_.evictable(now);
    if (goes == nullptr || !goes->is_short()) break;
    close(goes->handle, ended, now);
  }
  return true;
}

tl::expected<ServerFlows::Opened, Drop> ServerFlows::open(FlowId id, std::uint64_t hash, FlowHandle handle,
                                                          std::vector<FlowHandle>& closed, TimePoint now) {
  ServerFlow* named = find(id);
  if (named != nullptr && named->hash != hash) closed.push_back(*close(id));
  const auto known = by_hash_.find(hash);
  const bool is_new = known == by_hash_.end();
  if (is_new && by_hash_.size() >= limit_) {
    if (!has_idle(now)) return tl::unexpected(Drop::flow_limit);
    closed.push_back(give_up(now));
  }
  ServerFlow& flow = is_new ? by_hash_[hash] : known->second;
  if (is_new) {
    flow.handle = handle;
    flow.hash = hash;
    by_handle_.emplace(handle, hash);
  }
  if (flow.id && flow.id != id) by_id_.erase(*flow.id);
  by_id_.set(id, flow);
  flow.id = id;
  flow.last_used = now;
  if (is_new) order_.add(flow);
  return Opened{&flow, is_new};
}

ServerFlow* ServerFlows::find(FlowHandle handle) {
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : &by_hash_.at(found->second);
}

std::optional<FlowHandle> ServerFlows::close(FlowId id) {
  const ServerFlow* flow = find(id);
  if (flow == nullptr) return std::nullopt;
  const FlowHandle handle = flow->handle;
  erase(flow->hash);
  return handle;
}

void ServerFlows::erase(std::uint64_t hash) {
  const auto found = by_hash_.find(hash);
  if (found->second.id) by_id_.erase(*found->second.id);
  order_.erase(found->second);
  by_handle_.erase(found->second.handle);
  by_hash_.erase(found);
}

void ServerFlows::expire(std::vector<FlowHandle>& closed, TimePoint now) {
  std::vector<std::uint64_t> idle;
  for (const auto& [hash, flow] : by_hash_) {
    if (now - flow.last_used < flow.life() + kServerFlowGrace) continue;
    idle.push_back(hash);
    closed.push_back(flow.handle);
  }
  for (const std::uint64_t hash : idle) erase(hash);
}

void ServerFlows::forget_ids() {
  by_id_.clear();
  for (auto& [hash, flow] : by_hash_) {
    flow.id.reset();
    flow.acknowledged.reset();
  }
}

void ServerFlows::close_all(std::vector<FlowHandle>& closed) {
  for (const auto& [hash, flow] : by_hash_) closed.push_back(flow.handle);
  order_.clear();
  by_hash_.clear();
  by_handle_.clear();
  by_id_.clear();
}

FlowHandle ServerFlows::give_up(TimePoint now) {
  const FlowUse* idle = order_.evictable(now);
  const FlowUse* goes = idle != nullptr ? idle : order_.oldest();
  MPT_ASSERT(goes != nullptr);
  const FlowHandle handle = goes->handle;
  erase(by_handle_.at(handle));
  return handle;
}

}  // namespace mptunnel
