// The server's clients: which are new, which are restarted, which are removed; and which session a packet, a
// flow or a path belongs to. It sends nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_session.h"

namespace mptunnel {

class InnerRoutes;
struct ServerSession;

struct EpochRef {
  ServerSession* session = nullptr;
  LinkEpoch* epoch = nullptr;
};

/// Indices fall into lanes, `index % lanes`: the program receives each lane by a socket of its own, and a
/// client that floods should share its lane with as few others as possible.
class EpochTable {
 public:
  /// `lanes` is at least 1.
  explicit EpochTable(std::size_t lanes);

  /// Null if no key has this index.
  [[nodiscard]] const EpochRef* find(SessionIndex index) const {
    const auto found = by_index_.find(index);
    return found == by_index_.end() ? nullptr : &found->second;
  }
  /// The index is not in use.
  void add(SessionIndex index, const EpochRef& epoch);
  void erase(SessionIndex index);

  /// A lane with the fewest indices. Lanes that are equal take turns, because an index that is given out
  /// comes into use only later.
  [[nodiscard]] std::size_t next_lane();
  /// Whether a new epoch in this lane may have the index.
  [[nodiscard]] bool is_free(SessionIndex index, std::size_t lane) const {
    return lane_of(index) == lane && !by_index_.contains(index);
  }
  /// Chooses an index for a new epoch: whether it may have this one. The lane is drawn with the first
  /// question, so that what needs no index changes nothing.
  [[nodiscard]] std::function<bool(SessionIndex)> chooser() {
    return [this, lane = std::optional<std::size_t>()](SessionIndex index) mutable {
      if (!lane) lane = next_lane();
      return is_free(index, *lane);
    };
  }

 private:
  [[nodiscard]] std::size_t lane_of(SessionIndex index) const { return index.value % in_lane_.size(); }

  std::unordered_map<SessionIndex, EpochRef> by_index_;
  std::vector<std::uint32_t> in_lane_;
  std::size_t turn_ = 0;
};

struct SessionLimits {
  std::size_t max_sessions = 1024;
  std::size_t max_sessions_of_network = 256;  ///< of one source network: /24 of IPv4, /56 of IPv6
  std::size_t max_flows = 16384;              ///< of all sessions together: each has a socket

  /// Flows that a session gets whatever the others have: half an equal share.
  [[nodiscard]] std::size_t guaranteed_flows() const {
    return std::max(kMinGuaranteedFlows, max_flows / (2 * std::max<std::size_t>(max_sessions, 1)));
  }
};

/// Sessions that have a place, up to the limits, and those that have none:
///
///   a client's first packet -> unsettled --- a path proves its address: settle() ---> settled
///   another process takes over: it gets the place, and the former one is unsettled
///
/// An address that nobody proved counts against no network. Unsettled sessions are few, go first, and keep
/// nobody out; what they may open is little.
class SessionTable {
 public:
  using Sessions = std::map<SessionHandle, std::unique_ptr<ServerSession>>;

  /// `context` outlives the table, and so does `inner`, which is told when a session ends or takes another
  /// one over; null: there is no TUN device. `lanes` as EpochTable.
  SessionTable(const SessionLimits& limits, std::size_t lanes, LinkContext& context,
               InnerRoutes* inner = nullptr);

  [[nodiscard]] const Sessions& all() const { return sessions_; }
  /// Null if it has ended.
  [[nodiscard]] ServerSession* find(SessionHandle handle) const;
  [[nodiscard]] EpochTable& epochs() { return epochs_; }

  /// The session that the first packet under a new key belongs to, and whether its client still knows its
  /// flows. A new one is made for a client that has none; a restarted client's takes over from its old one,
  /// and gets its place. Others are unsettled; if there are too many of these, one ends: of the key or
  /// network that has most of them. Error: session_limit, if each place is taken by a session in use.
  struct Claim {
    ServerSession* session = nullptr;
    bool resumed = false;
    bool is_new = false;
    bool took_over = false;
  };
  tl::expected<Claim, Drop> claim(const Claimant& claimant, const Route& route, Output& out, TimePoint now);
  /// Whether settle() would find a place.
  [[nodiscard]] bool has_room(const KeyAccount& account, std::uint64_t network) const {
    return room_for(account, network).has_value();
  }
  /// A session whose address is proved gets a place, which counts against its key's quota, or, if the key is
  /// not one client's, against `network`. One that is dormant makes room. Errors: session_limit,
  /// network_limit, key_sessions.
  tl::expected<void, Drop> settle(ServerSession& session, std::uint64_t network, Output& out);
  /// Whether the client has a newer key already. Then the packet under this one was delayed, and the process
  /// that sent it has given the key up or has ended: it could not open what the server would seal.
  [[nodiscard]] bool is_late(const Claimant& claimant, const KeyEpoch& keys) const;
  /// The key is the session's current one from now on. Returns its epoch.
  LinkEpoch& add_epoch(ServerSession& session, std::unique_ptr<KeyEpoch> keys, TimePoint now);
  /// Forgets keys of the session that open no more.
  void expire_epochs(ServerSession& session, TimePoint now);
  /// Ends the session, its flows and its keys. `reason` is the client's, if it said one. An unsettled session
  /// goes unsaid.
  void end(SessionHandle handle, std::optional<CloseReason> reason, Output& out);

  /// FLOW_OPEN came: as ServerFlows::open(), with the limit of all sessions. New flows and those that had to
  /// go are changes in `out`. If all are taken, the one that was idle the longest goes, of the session that
  /// has the most; if none is idle, one in use, of a session that has more than its guarantee and at least
  /// twice as many as this one would. Beyond the quota of the key an idle one of its sessions goes.
  /// Errors: flow_limit, flow_rate, key_flows.
  tl::expected<ServerFlow*, Drop> open_flow(ServerSession& session, const FlowOpenFrame& open, Output& out,
                                            TimePoint now);
  void close_flows(const std::vector<FlowHandle>& closed, Output& out);
  /// The session of a flow; null if the flow has ended.
  [[nodiscard]] ServerSession* owner_of(FlowHandle flow) const;
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }
  [[nodiscard]] const SessionLimits& limits() const { return limits_; }

 private:
  /// The settled sessions, and those that go first for another: they are dormant. Null if there is none.
  struct Places {
    std::size_t taken = 0;
    std::size_t of_network = 0;  ///< of those whose key is not one client's
    std::size_t of_account = 0;
    const ServerSession* idlest = nullptr;
    const ServerSession* idlest_of_network = nullptr;  ///< of those that count against it
    const ServerSession* idlest_of_account = nullptr;
  };
  [[nodiscard]] Places places(const KeyAccount& account, std::uint64_t network) const;
  /// The session that has to go for one more of this account from this network; null if none has to. Errors
  /// as settle().
  [[nodiscard]] tl::expected<const ServerSession*, Drop> room_for(const KeyAccount& account,
                                                                  std::uint64_t network) const;
  /// Sees to it that this one may be unsettled: the oldest goes, of the key or network that has most of them.
  void limit_unsettled(const Claimant& claimant, Output& out);
  tl::expected<void, Drop> make_room_for_flow(ServerSession& wants, Output& out, TimePoint now);
  /// A session of the same key, itself first, that has an idle flow; null if none has.
  [[nodiscard]] ServerSession* idle_holder_of(ServerSession& wants, TimePoint now) const;
  /// Whose flow goes if all are taken and `wants`, which is settled, opens one; null if nobody's.
  [[nodiscard]] ServerSession* holder_to_yield(const ServerSession& wants, TimePoint now) const;
  void take_over(ServerSession& from, ServerSession& to, Output& out, TimePoint now);

  SessionLimits limits_;
  LinkContext& context_;
  InnerRoutes* inner_;
  Sessions sessions_;
  EpochTable epochs_;
  std::unordered_map<FlowHandle, SessionHandle> flows_;
  std::uint32_t next_session_ = 1;
  std::uint32_t next_flow_ = 1;
};

}  // namespace mptunnel
