// The flows of one session at the server. A flow is known by its hash; ids are what packets of the present
// client process call it by.
#pragma once

#include <optional>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

struct ServerFlow {
  FlowHandle handle;
  std::uint64_t hash = 0;
  std::optional<FlowId> id;  ///< nullopt after a take-over, until the new process opens it
  TimePoint last_used;
  std::optional<TimePoint> acknowledged;  ///< when FLOW_OPENED was last sent
};

class ServerFlows {
 public:
  explicit ServerFlows(std::size_t limit = kMaxFlows) : limit_(limit) {}

  struct Opened {
    ServerFlow* flow = nullptr;
    bool is_new = false;
  };
  /// FLOW_OPEN came: `id` names the flow with this hash from now on. A new flow gets `handle`. Flows that had
  /// to go (the id named another one, or room was needed) are appended to `closed`. Error: flow_limit.
  tl::expected<Opened, Drop> open(FlowId id, std::uint64_t hash, FlowHandle handle,
                                  std::vector<FlowHandle>& closed, TimePoint now);
  ServerFlow* find(FlowId id);
  ServerFlow* find(FlowHandle handle);
  [[nodiscard]] bool knows(std::uint64_t hash) const { return by_hash_.contains(hash); }
  /// Forgets the flow; returns its handle.
  std::optional<FlowHandle> close(FlowId id);
  /// Closes what was idle for longer than a client's flow lives; the handles are appended to `closed`.
  void expire(std::vector<FlowHandle>& closed, TimePoint now);
  /// Another process speaks now: its ids mean nothing yet.
  void forget_ids();
  /// All handles, appended to `closed`; then it is empty.
  void close_all(std::vector<FlowHandle>& closed);
  [[nodiscard]] std::size_t size() const { return by_hash_.size(); }

 private:
  void erase(std::uint64_t hash);
  bool make_room(std::vector<FlowHandle>& closed, TimePoint now);

  std::size_t limit_;
  std::unordered_map<std::uint64_t, ServerFlow> by_hash_;
  std::unordered_map<FlowHandle, std::uint64_t> by_handle_;
  std::vector<ServerFlow*> by_id_;  ///< into by_hash_, whose elements stay where they are
};

}  // namespace mptunnel
