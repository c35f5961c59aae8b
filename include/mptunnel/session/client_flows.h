// The flows of one client: which application address has which flow id.
#pragma once

#include <deque>
#include <set>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

struct ClientFlow {
  FlowId id;
  Route application;       ///< remote: the application; local: where it sends to, and replies come from
  std::uint64_t hash = 0;  ///< as FLOW_OPEN carries it
  TimePoint last_used;
  bool opened = false;  ///< the server acknowledged FLOW_OPEN
};

class ClientFlows {
 public:
  explicit ClientFlows(const ClientIdentity& identity, std::size_t limit = kMaxFlows);

  /// The flow of this application, made if there is none. If the table is full, the flow that was idle for
  /// longest is closed, if that was at least kFlowEvictableAfter; its id is then in `closed`. Error:
  /// flow_limit.
  tl::expected<ClientFlow*, Drop> use(const Route& application, std::vector<FlowId>& closed, TimePoint now);
  /// nullptr if the id names no flow.
  ClientFlow* find(FlowId id);
  /// A new session knows none of them: FLOW_OPEN rides along again.
  void forget_opened();
  /// Closes what was idle for kFlowIdle; the ids are appended to `closed`.
  void expire(std::vector<FlowId>& closed, TimePoint now);
  [[nodiscard]] std::size_t size() const { return by_application_.size(); }

 private:
  struct Resting {
    FlowId id;
    TimePoint until;
  };

  void close(FlowId id, TimePoint now);
  std::optional<FlowId> take_id(TimePoint now);
  bool make_room(std::vector<FlowId>& closed, TimePoint now);

  ClientIdentity identity_;
  std::size_t limit_;
  std::unordered_map<Endpoint, FlowId> by_application_;
  std::vector<std::optional<ClientFlow>> by_id_;
  std::set<FlowId> free_;
  std::deque<Resting> resting_;
};

}  // namespace mptunnel
