// One client at the server: its keys, paths and flows. Plain state; the parts of ServerEngine act on it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/engine/link/receiver.h"
#include "mptunnel/engine/link/sender.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/link/stream_history.h"
#include "mptunnel/engine/peer_names.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/server_path.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/session/flows.h"
#include "mptunnel/session/keyring.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// Counts of packets that came from an address which is no path's yet, or no longer, at the server. The path
/// that turns out to have the address takes them over.
class StrayTraffic {
 public:
  /// `link` outlives the object.
  explicit StrayTraffic(SessionLink& link) : link_(link) {}

  /// What counts the packets from this address, which is no path's. find(): null if nothing genuine came from
  /// there yet.
  PathTraffic* find(const Route& from);
  PathTraffic& make(const Route& from);
  /// The same of an address that never was a path's; null if nothing genuine came from there yet.
  PathTraffic* find_stranger(const Route& from);
  [[nodiscard]] bool empty() const { return strays_.empty(); }
  /// The path has the address `now_at`: what came from there before belongs to it, and so does what still
  /// comes from `before`, the address that it had.
  void assign(PathId path, const Route& now_at, const std::optional<Route>& before);

 private:
  struct Stray {
    Route from;
    std::optional<PathId> owner;  ///< the path that had it
    PathTraffic counts;           ///< while there is no owner
  };

  /// Null if nothing genuine came from there yet.
  Stray* stray_at(const Route& from);
  Stray& add(const Stray& stray);

  SessionLink& link_;
  std::vector<Stray> strays_;  ///< at most kMaxPaths
};

/// Who a first packet under a new key says that it comes from, and the account whose key stands for it: an
/// identity means nothing without.
struct Claimant {
  const ClientHelloFrame& hello;
  KeyAccount& account;
  std::uint64_t network = 0;  ///< where its handshake was answered to
};

struct ServerSession {
  /// A new client, whose first packet came by `route`. Its first key is still to be confirmed. Its account
  /// outlives the session.
  ServerSession(SessionHandle own, const Claimant& claimant, const Route& route, LinkContext& context,
                TimePoint now);
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;
  ~ServerSession() = default;

  SessionHandle handle;
  bool is_awaited = false;  ///< in ServerAlarm::awaited
  KeyAccount& account;
  ClientIdentity identity{};
  ProcessId process = 0;
  PeerNames names;
  Route first_route;  ///< where the first packet came from, or the first address that was proved; to be told
  /// It has a place in the table of sessions, and counts against `network`: see SessionTable::settle().
  bool is_settled = false;
  bool is_proved = false;     ///< one of its paths has proved an address, now or earlier
  std::uint64_t network = 0;  ///< of the handshake, then of first_route; or of the session taken over
  TimePoint unsettled_since;  ///< when it began, or was taken over
  SessionLink link;
  Sender sender;
  StreamHistory stream;
  Receiver receiver;
  StrayTraffic strays{link};
  std::array<std::unique_ptr<ServerPath>, kMaxPaths> paths;
  ServerFlows flows;
  TokenBucket flow_openings{kFlowsOpenedPerSecond, kFlowsOpenedBurst};
  TimePoint last_heard;                                     ///< a sealed packet of the client opened
  TimePoint last_moved;                                     ///< a datagram, either way
  TokenBucket renewals{kRenewalsPerSecond, kRenewalBurst};  ///< handshakes inside the session
  bool dormant = false;
  std::optional<TimePoint> superseded;  ///< another process took over; nothing is sent any more
  bool said_clash = false;              ///< since then
  bool resumed = false;                 ///< what SERVER_HELLO says under the current key
  std::optional<TimePoint> said_flow_unknown;
  bool is_over_rate = false;      ///< a datagram was beyond the rate of its key, and that is not said yet
  std::uint64_t from_client = 0;  ///< datagrams
  std::uint64_t to_client = 0;
  TokenBucket inner_questions{kInnerAskedPerSecond, kInnerAskedBurst};
  std::vector<InnerEntry> inner_told;  ///< what was last said of its inner addresses
  InnerCounts inner;
  std::uint64_t lost_before = 0;  ///< datagrams for it that never came to the engine

  [[nodiscard]] SessionRef ref() const;
  /// For what is about a path.
  [[nodiscard]] SessionRef ref(PathId path) const;
  [[nodiscard]] SessionTotals totals() const;
  [[nodiscard]] bool is_of(const Claimant& claimant) const {
    return &account == &claimant.account && identity == claimant.hello.identity;
  }
  /// From the first confirmed key on, there is always a current one.
  [[nodiscard]] LinkEpoch& current() { return *link.current(); }
  [[nodiscard]] const LinkEpoch& current() const { return *link.current(); }
  /// Those that datagrams go to: proved, heard of lately, neither down nor at rest. If there is none,
  /// whatever is proved and was heard of lately.
  [[nodiscard]] PathSet carrying(TimePoint now) const;
  /// What a report under this key is seen beside.
  [[nodiscard]] ReportedPaths reported(const LinkEpoch& epoch, TimePoint now) const;
  /// Those that are proved and were heard of lately, whatever their state.
  [[nodiscard]] PathSet usable(TimePoint now) const;
  [[nodiscard]] PathViews views(TimePoint now) const;
  /// Of those that are usable().
  [[nodiscard]] Duration slowest_rtt(TimePoint now) const;
  /// Those that are usable() and that the client does not hold, because they lead over a tunnel that may be
  /// its own.
  [[nodiscard]] PathSet open_to_data(TimePoint now) const;
  /// All paths that there are.
  [[nodiscard]] PathSet all_paths() const;
  /// The path that has this address; nullopt if none has.
  [[nodiscard]] std::optional<PathId> path_at(const Route& route) const;
  /// The same ECN, of packets from there. Whoever sends copies from where no path is, ahead of the packets,
  /// says nothing certain of the paths.
  [[nodiscard]] OuterEcn ecn_from(const Route& route, OuterEcn ecn) const {
    if (ecn.ecn == Ecn::ce && ecn.is_certain) ecn.is_certain = path_at(route).has_value();
    return ecn;
  }
  /// Whether the path is in a state for MTU probes: what one that is not carries can't be confirmed.
  [[nodiscard]] bool is_mtu_probed(const ServerPath& path, TimePoint now) const;
  /// When the next MTU probe of the path is due; kNever if it, or the session, is in no state for any.
  [[nodiscard]] TimePoint next_mtu_probe(const ServerPath& path, TimePoint now) const;
  /// What counts packets from this address, if a path has it, or if it is a stranger's that never was a
  /// path's; else null.
  [[nodiscard]] PathTraffic* traffic_at(const Route& from);
  [[nodiscard]] bool is_moving(TimePoint now) const { return now - last_moved < kDataMovesFor; }
};

/// An address that packets of this session come from. It is known if a path has it, or none ever had; at one
/// that is new, or was a path's, the client may be now. Whoever replays packets from elsewhere is a stranger
/// from the second one on.
class RouteOrigin final : public Origin {
 public:
  /// Both outlive the object.
  RouteOrigin(ServerSession& session, const Route& from)
      : Origin(session.traffic_at(from)), session_(&session), from_(&from) {}

 private:
  PathTraffic& admit() override {
    session_->sender.keep_sent();
    return session_->strays.make(*from_);
  }

  ServerSession* session_;
  const Route* from_;
};

}  // namespace mptunnel
