// The flows of one client: those that its engine has, and those of its session at the server.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/flow_id_table.h"
#include "mptunnel/session/flow_use.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Where the datagrams of one flow come from, as far as the engine knows: a handle and a hash. Only the port
/// knows what it is: the address of an application, an inner flow of a TUN device or a SOCKS association.
struct FlowSource {
  /// Of the port's choice, unique among its sources until Output::flow_changes says that the flow has ended.
  FlowHandle handle;
  /// The same for this source after a restart: the server finds the flow's socket by it. See
  /// derive_flow_hash().
  std::uint64_t hash = 0;
};

/// Its handle is that of its source.
struct ClientFlow : FlowUse {
  FlowId id;
  std::uint64_t hash = 0;
  bool opened = false;  ///< the server acknowledged FLOW_OPEN
};

class ClientFlows {
 public:
  explicit ClientFlows(std::size_t limit = kMaxFlows) : limit_(limit) {}

  struct Ended {
    FlowId id;
    FlowHandle source;
  };
  /// The flow of this source, made if there is none; a datagram of it goes to the server now. If the table is
  /// full, the flows that FlowOrder::evictable() names make room, and are appended to `ended`. Error:
  /// flow_limit.
  tl::expected<ClientFlow*, Drop> use(const FlowSource& source, std::vector<Ended>& ended, TimePoint now);
  /// Null if the id, or handle, names no flow.
  ClientFlow* find(FlowId id) { return by_id_.find(id); }
  ClientFlow* find(FlowHandle source);
  /// A new session knows none of them: FLOW_OPEN rides along again.
  void forget_opened();
  /// Closes what was idle for FlowUse::life(), and appends it to `ended`.
  void expire(std::vector<Ended>& ended, TimePoint now);
  [[nodiscard]] std::size_t size() const { return by_source_.size(); }

 private:
  struct Resting {
    FlowId id;
    TimePoint until;
  };

  void close(FlowHandle source, std::vector<Ended>& ended, TimePoint now);
  std::optional<FlowId> take_id(TimePoint now);
  bool make_room(std::vector<Ended>& ended, TimePoint now);

  std::size_t limit_;
  std::unordered_map<FlowHandle, ClientFlow> by_source_;
  FlowIdTable<ClientFlow> by_id_;  ///< into by_source_, whose elements stay where they are
  FlowOrder order_;                ///< the same
  std::uint32_t next_id_ = 0;      ///< none from it on was given out yet
  std::set<FlowId> free_;
  std::deque<Resting> resting_;
};

struct ServerFlow : FlowUse {
  std::uint64_t hash = 0;
  std::optional<FlowId> id;               ///< nullopt after a take-over, until the new process opens it
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
  ServerFlow* find(FlowId id) { return by_id_.find(id); }
  ServerFlow* find(FlowHandle handle);
  [[nodiscard]] bool knows(std::uint64_t hash) const { return by_hash_.contains(hash); }
  /// Forgets the flow; returns its handle.
  std::optional<FlowHandle> close(FlowId id);
  /// Whether a flow may go for a new one: see FlowOrder::evictable().
  bool has_idle(TimePoint now) { return order_.evictable(now) != nullptr; }
  /// Forgets the flow that may go, or else the one that was used the longest ago; returns its handle. There
  /// is one.
  FlowHandle give_up(TimePoint now);
  /// Closes what was idle for kServerFlowGrace longer than a client's flow lives; the handles are appended to
  /// `closed`.
  void expire(std::vector<FlowHandle>& closed, TimePoint now);
  /// Another process speaks now: its ids mean nothing yet.
  void forget_ids();
  /// All handles, appended to `closed`; then it is empty.
  void close_all(std::vector<FlowHandle>& closed);
  [[nodiscard]] std::size_t size() const { return by_hash_.size(); }
  [[nodiscard]] const FlowIdTable<ServerFlow>& ids() const { return by_id_; }

 private:
  void erase(std::uint64_t hash);

  std::size_t limit_;
  std::unordered_map<std::uint64_t, ServerFlow> by_hash_;
  std::unordered_map<FlowHandle, std::uint64_t> by_handle_;
  FlowIdTable<ServerFlow> by_id_;  ///< into by_hash_, whose elements stay where they are
  FlowOrder order_;                ///< the same
};

}  // namespace mptunnel
