// The state of an engine at one moment, as plain values: all that a status needs. What is not known is
// nullopt.
//
// "out" is away from this end, "in" is towards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/client_event.h"
#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/engine/link/path_share.h"
#include "mptunnel/engine/link/receiver.h"
#include "mptunnel/engine/link/stream_history.h"
#include "mptunnel/path/path_history.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/probed_path.h"
#include "mptunnel/path/queue_watch.h"
#include "mptunnel/path/rtt_estimator.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

class MtuSearch;
class Sender;
class SessionLink;
class PathViews;

struct PathSnapshot {
  PathId id;
  PathState state = PathState::fresh;
  bool standby = false;                                 ///< kept in reserve, and not in use
  ProbedPath::OneWay one_way = ProbedPath::OneWay::no;  ///< client: the direction in which alone it passes
  bool held = false;  ///< it leads over a tunnel of the client's, and has to prove that this is not our own
  bool returns = false;                          ///< client: it seems to be our own
  std::optional<QueueWatch::Overload> overload;  ///< it is given more than its line takes
  std::uint64_t vanishing = 0;     ///< DSCPs, as bits, that do not get through to the peer, see MarkWatch
  std::optional<PathShare> share;  ///< where datagrams go by one path each
  std::string name;                ///< server: what the client calls it; empty if it does not say
  Endpoint seen_from;    ///< client: the address that the server sees it come from; not set if it did not say
  bool unheard = false;  ///< server: the client says that it hears nothing on this path
  bool out_alone = false;  ///< server: nothing comes by it, and the client says that it hears us on it
  Route route;             ///< server: where it leads; the client's addresses are its sockets'
  RttEstimator rtt;
  std::optional<Duration> last_heard;  ///< how long ago an answer came; server: a PING
  Duration silent{};                   ///< client: for how long PINGs have gone unanswered
  std::optional<PathTraffic> traffic;  ///< nullopt before the first session
  PathHistory::Recent recent;
  std::optional<std::size_t>
      mtu_out;  ///< largest packet, bytes of UDP payload; nullopt before it is measured
  std::optional<std::size_t> mtu_in;

  /// Fills in what both ends count.
  void set_traffic(const PathTraffic& counts, const PathHistory& history, const MtuSearch& mtu,
                   TimePoint now);
};

/// Of inner packets.
struct InnerSnapshot {
  std::vector<InnerEntry> entries;  ///< client: the server's last answer; server: what the client has
  InnerCounts counts;
  /// The largest inner packet that every path in use carries in one; nullopt while there are none.
  std::optional<std::size_t> largest_whole;
};

struct SessionSnapshot {
  /// The key that seals; nullopt while there is no session.
  struct Key {
    Cipher cipher{};
    Duration age{};
  };
  std::optional<Key> key;
  std::optional<Duration> age;                 ///< of the session, or since the last one began
  SchedulerMode mode = SchedulerMode::copies;  ///< as it was asked for, and as the peer can have it
  /// Datagrams that this end sent, those included that no path took: what is missing is the residual loss.
  Arrivals data_out;
  Arrivals data_in;  ///< DATA packets of the peer
  StreamHistory::Recent recent;
  std::uint64_t untaken = 0;  ///< datagrams that found no path, key or room in time
  std::size_t flows = 0;
  std::uint64_t into_tunnel = 0;             ///< datagrams of applications, or of the target
  std::uint64_t lost_before = 0;             ///< more of them, which a receive buffer of this end lost
  std::uint64_t out_of_tunnel = 0;           ///< datagrams for them
  std::uint64_t duplicates = 0;              ///< copies that came after the first
  std::uint64_t forced_closings = 0;         ///< see SessionLink::forced_closings()
  OrderCounts order;                         ///< of what came for applications, or the target
  Duration hold_time{};                      ///< how long a datagram waits for an earlier one now
  std::uint64_t fragmented = 0;              ///< datagrams that some path in use carried in fragments only
  double fragment_share = 0;                 ///< their share lately, a fraction
  std::optional<std::size_t> largest_whole;  ///< payload that every path in use carries in one packet
  std::optional<InnerSnapshot> inner;        ///< if there is a TUN device
};

struct ClientSnapshot {
  SessionSnapshot session;
  std::vector<PathSnapshot> paths;    ///< of all paths, available or not, by id
  std::optional<NoAnswer> no_answer;  ///< why there is no session, as far as is known
  std::optional<SessionLost> outage;  ///< there is one, but no path that carries data
  DropCounters drops;
};

/// A client of mpserver.
struct PeerSnapshot {
  SessionHandle handle;
  ClientIdentity identity{};
  std::string key_name;  ///< see SessionRef
  std::string name;      ///< the same
  Route first_route;     ///< the first address that it proved; until then, where its first packet came from
  bool dormant = false;  ///< silent for so long that nothing is sent to it
  SessionSnapshot session;
  std::vector<PathSnapshot> paths;
};

struct ServerSnapshot {
  std::vector<PeerSnapshot> peers;
  DropCounters drops;
};

/// What link, sender and receiver know of a session; the rest is the engine's to fill in.
SessionSnapshot snapshot_of(const SessionLink& link, const Sender& sender, const Receiver& receiver,
                            const StreamHistory& history, const PathViews& paths, TimePoint now);

}  // namespace mptunnel
