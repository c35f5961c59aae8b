#include "mptunnel/session/flows.h"

#include <algorithm>

#include "mptunnel/base/assert.h"
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

tl::expected<ServerFlows::Opened, Drop> ServerFlows::open(FlowId id, std::uint64_t hash, FlowHandle handle,
                                                          std::vector<FlowHandle>& closed, TimePoint now) {
  ServerFlow* named = find(id);
  if (named != nullptr && named->hash != hash) closed.push_back(*close(id));
  const auto known = by_hash_.find(hash);
  const bool is_new = known == by_hash_.end();
  if (is_new && by_hash_.size() >= limit_) {
    if (!has_idle(now)) return tl::unexpected(Drop::flow_limit);
    closed.push_back(close_oldest());
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
  by_handle_.erase(found->second.handle);
  by_hash_.erase(found);
}

void ServerFlows::expire(std::vector<FlowHandle>& closed, TimePoint now) {
  std::vector<std::uint64_t> idle;
  for (const auto& [hash, flow] : by_hash_) {
    if (now - flow.last_used < kServerFlowIdle) continue;
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
  by_hash_.clear();
  by_handle_.clear();
  by_id_.clear();
}

const ServerFlow& ServerFlows::oldest() const {
  return std::min_element(
             by_hash_.begin(), by_hash_.end(),
             [](const auto& a, const auto& b) { return a.second.last_used < b.second.last_used; })
      ->second;
}

bool ServerFlows::has_idle(TimePoint now) {
  // A flow is used or goes, or a new one comes: none of these makes the oldest older.
  if (by_hash_.empty() || now < none_idle_before_) return false;
  none_idle_before_ = oldest().last_used + kFlowEvictableAfter;
  return now >= none_idle_before_;
}

FlowHandle ServerFlows::close_oldest() {
  MPT_ASSERT(!by_hash_.empty());
  const ServerFlow& flow = oldest();
  const FlowHandle handle = flow.handle;
  erase(flow.hash);
  return handle;
}

}  // namespace mptunnel
