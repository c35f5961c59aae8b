// mpserver's protocol, whole and without I/O: packets of the network and datagrams of the target go in,
// packets, deliveries, changes of flows, events and a deadline come out.
//
// Nothing that is not authenticated changes a session, a flow or a path. A client exists from the first
// CONTROL packet that opens under a key that a handshake made; until then it is a row in the table of pending
// handshakes.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/engine/epoch_table.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_session.h"
#include "mptunnel/session/copy_check.h"
#include "mptunnel/session/pending_handshakes.h"

namespace mptunnel {

struct ServerSettings {
  HandshakeSettings handshake;
  std::size_t max_sessions = 1024;
  std::size_t max_sessions_of_network = 256;  ///< of one source network: /24 of IPv4, /56 of IPv6
  std::size_t max_flows = 16384;              ///< of all sessions together: each has a socket
  std::size_t lanes = 1;                      ///< see EpochTable
};

class ServerEngine {
 public:
  /// `random` outlives the engine.
  ServerEngine(const ServerSettings& settings, RandomSource& random);

  /// What arrived from the network. Decrypted in place: deliveries point into `batch`.
  void on_network(DatagramBatch batch, const Route& route, Output& out, TimePoint now);
  /// Datagrams that the target sent to the socket of a flow, and the DSCP that they came with, which their
  /// packets get.
  void on_target(FlowHandle handle, DatagramBatch batch, Output& out, TimePoint now, std::uint8_t dscp = 0);
  void on_deadline(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return std::min(next_tick_, next_mtu_); }
  /// How many of a run's packets the kernel took for one of its paths; `drop` says why not the others.
  void on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop, TimePoint now);
  /// Tells all clients that this process ends.
  void close(Output& out, TimePoint now);

  /// Where a session's path leads; nothing where either is gone.
  [[nodiscard]] const Route* route_of(SessionHandle session, PathId path) const;
  [[nodiscard]] const ServerSession* session(SessionHandle handle) const;
  [[nodiscard]] const std::map<SessionHandle, std::unique_ptr<ServerSession>>& sessions() const {
    return sessions_;
  }
  [[nodiscard]] const DropCounters& drops() const { return drops_; }
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

 private:
  /// One packet on its way through the engine.
  struct Arrival {
    PacketHeader header;
    Bytes packet;
    const Route& route;
    Output& out;
    TimePoint now;
  };
  /// What DATA packets that came together share: an epoch, and what counts those of their route.
  struct Sender {
    EpochRef epoch;
    PathTraffic* traffic = nullptr;  ///< nothing for an address from which nothing genuine came yet
  };

  // server_engine.cpp
  void on_packet(const Arrival& arrival);
  void on_handshake1(const Arrival& arrival);
  [[nodiscard]] std::optional<Sender> find_sender(SessionIndex index, const Route& route);
  void on_data(Sender& sender, const Arrival& arrival);
  /// A DATA packet that is counted and opened.
  void on_opened_data(EpochRef epoch, ConstBytes frames, const Arrival& arrival);
  void on_data_frames(EpochRef epoch, ConstBytes frames, const Arrival& arrival);
  void on_fragment(EpochRef epoch, const FragmentFrame& fragment, std::optional<PathId> came_by,
                   const Arrival& arrival);
  void check_copy(Sender& sender, const Arrival& arrival);
  void heard(ServerSession& session, bool control, const Arrival& arrival);
  void flush_queue(ServerSession& session, Output& out, TimePoint now);
  tl::expected<void, Drop> seal_to_client(ServerSession& session, FlowId flow, ConstBytes payload,
                                          const Carriers& carriers, std::uint8_t dscp, Output& out,
                                          TimePoint now);
  /// To be called behind all seal_to_client() of one call.
  void finish_sending(ServerSession& session, const Carriers& carriers, Output& out, TimePoint now);

  // server_control.cpp
  struct ControlVisitor;
  /// What a CONTROL packet is answered with, and on which path.
  struct Reply {
    std::vector<Frame> frames;
    std::optional<PathId> path;
    AnsweredOnce answered;
  };
  void on_control(EpochRef epoch, const Arrival& arrival);
  void on_first_control(const Arrival& arrival);
  void handle_control(EpochRef epoch, ConstBytes frames, const Arrival& arrival);
  void on_ping(EpochRef epoch, const PathReport& report, Reply& reply, const Arrival& arrival);
  void on_echo(EpochRef epoch, std::uint64_t token, std::optional<PathId> sent_by, const Arrival& arrival);
  void count_control(ServerSession& session, const Arrival& arrival);
  void start_mtu_search(EpochRef epoch, ServerPath& path, TimePoint now);
  void on_flow_open(ServerSession& session, const FlowOpenFrame& open, const Arrival& arrival);
  void deliver(ServerSession& session, const DatagramFrame& datagram, const Arrival& arrival);
  void send_reply(EpochRef epoch, PathId path, const std::vector<Frame>& reply, const Arrival& arrival);
  void send_control(ServerSession& session, KeyEpoch& keys, const std::vector<Frame>& frames, PathSet paths,
                    Output& out, TimePoint now);
  void send_control_direct(KeyEpoch& keys, const std::vector<Frame>& frames, const Route& route, Output& out,
                           TimePoint now);

  // server_sessions.cpp
  /// Whether the client has a newer key already: then this packet was under way for long, and the process
  /// that made it has given its key up, or is gone. It could not open what the server would seal.
  [[nodiscard]] bool is_late(const ClientHelloFrame& hello, const KeyEpoch& keys) const;
  ServerSession* session_for(const ClientHelloFrame& hello, const Arrival& arrival, bool& resumed);
  ServerSession& new_session(const ClientHelloFrame& hello, const Arrival& arrival);
  void take_over(ServerSession& from, ServerSession& to, const Arrival& arrival);
  bool make_room(const Route& route, bool for_takeover, Output& out, TimePoint now);
  void end_session(SessionHandle handle, std::optional<CloseReason> reason, Output& out, TimePoint now);
  void close_flows(const std::vector<FlowHandle>& closed, Output& out);
  void tick_session(ServerSession& session, Output& out, TimePoint now);
  void note_limit(Drop drop, Output& out, TimePoint now);
  void note_fragmenting(ServerSession& session, double share, Output& out, TimePoint now);
  void note_path_state(const ServerSession& session, PathId id, Output& out, TimePoint now);
  void send_mtu_probe(ServerSession& session, PathId id, Output& out, TimePoint now);
  void run_mtu_timers(Output& out, TimePoint now);
  /// Has the path's next MTU probe sent in time.
  void wake_for_mtu(const ServerSession& session, const ServerPath& path, TimePoint now);
  void wake_by(TimePoint time);
  static bool once_a_minute(std::optional<TimePoint>& said, TimePoint now);

  ServerSettings settings_;
  RandomSource& random_;
  PendingHandshakes pending_;
  std::map<SessionHandle, std::unique_ptr<ServerSession>> sessions_;
  EpochTable epochs_;
  std::unordered_map<FlowHandle, SessionHandle> flows_;
  DropCounters drops_;
  CopyCheck copy_checks_;
  std::uint32_t next_session_ = 1;
  std::uint32_t next_flow_ = 1;
  TimePoint next_tick_ = kNever;
  TimePoint next_mtu_ = kNever;
  std::optional<TimePoint> said_limit_;
  std::optional<TimePoint> said_other_key_;
  std::optional<TimePoint> said_refused_;
};

}  // namespace mptunnel
