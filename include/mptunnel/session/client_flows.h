// The flows of one client: which source of datagrams has which flow id.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/flow_source.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

struct ClientFlow {
  FlowId id;
  FlowSource source;
  TimePoint last_used;
  bool opened = false;  ///< the server acknowledged FLOW_OPEN
};

class ClientFlows {
 public:
  explicit ClientFlows(std::size_t limit = kMaxFlows) : limit_(limit) {}

  struct Ended {
    FlowId id;
    FlowHandle source;
  };
  /// The flow of this source, made if there is none. If the table is full, the flow that was idle for longest
  /// makes room, if that was long enough; it is appended to `ended`. Error: flow_limit.
  tl::expected<ClientFlow*, Drop> use(const FlowSource& source, std::vector<Ended>& ended, TimePoint now);
  /// Null if the id, or handle, names no flow.
  ClientFlow* find(FlowId id);
  ClientFlow* find(FlowHandle source);
  /// A new session knows none of them: FLOW_OPEN rides along again.
  void forget_opened();
  /// Closes what was idle for kFlowIdle, and appends it to `ended`.
  void expire(std::vector<Ended>& ended, TimePoint now);
  [[nodiscard]] std::size_t size() const { return by_source_.size(); }

 private:
  struct Resting {
    FlowId id;
    TimePoint until;
  };

  void close(FlowId id, std::vector<Ended>& ended, TimePoint now);
  std::optional<FlowId> take_id(TimePoint now);
  bool make_room(std::vector<Ended>& ended, TimePoint now);

  std::size_t limit_;
  std::unordered_map<FlowHandle, FlowId> by_source_;
  std::vector<std::optional<ClientFlow>> by_id_;
  std::set<FlowId> free_;
  std::deque<Resting> resting_;
};

}  // namespace mptunnel
