// The parts of the server's engine. They act on one ServerState; ServerEngine wires them. The state, and
// the other parts that a part is given, outlive it.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_state.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

/// From the target to clients: datagrams of a flow go to the paths of its session.
class ServerOutbound {
 public:
  explicit ServerOutbound(ServerState& state) : state_(state) {}

  void on_target(FlowHandle flow, DatagramBatch batch, std::uint8_t dscp, Output& out, TimePoint now);
  /// Packets of the TUN device, all of one flow: they go where the first one is to go.
  void on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now);
  /// The same, to this session.
  void send_inner(SessionHandle to, DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now);
  /// Sends what waited for a path, or for its flow to be opened.
  void flush(ServerSession& session, Output& out, TimePoint now);
  /// To be called after packets of the session came: sends the ACKs that are due, and sees to the others.
  void acknowledge(ServerSession& session, Output& out, TimePoint now);
  /// Packets larger than kBaseMtu went to these paths.
  void note_large(ServerSession& session, PathSet paths, TimePoint now);

 private:
  /// Once all of one call have been sent.
  void finish(ServerSession& session, const PathViews& paths, Output& out, TimePoint now);

  ServerState& state_;
};

/// One packet on its way through the server.
struct ServerArrival {
  PacketHeader header;
  Bytes packet;
  const Route& route;
  Output& out;
  TimePoint now;
  OuterEcn ecn;               ///< of what was repaired none is known
  bool is_recovered = false;  ///< what is read of it was lost, and repaired
};

/// What the server does with the frames of CONTROL packets that opened.
class ServerControl {
 public:
  ServerControl(ServerState& state, ServerOutbound& outbound) : state_(state), outbound_(outbound) {}

  /// Acts on the frames of one CONTROL packet of the session, all of which can be read. They may end the
  /// session.
  void read(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  /// The same for a genuine copy of a packet that was read: while the path that its PING names proves its
  /// address or moves, the address may be the true one, and is answered and challenged, within a budget.
  /// Nothing else of it is acted on.
  void read_copy(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  /// Acts on the frames of an opened DATA packet, or of a packet that was put together from fragments.
  void read_data(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  /// Reads the DATA that what was just read has recovered.
  void read_recovered(EpochRef epoch, const ServerArrival& arrival);

 private:
  struct Visitor;
  /// What a packet is answered with, and on which path.
  struct Reply {
    std::vector<Frame> frames;
    std::vector<std::uint8_t> answer;  ///< what ADDRESSES_GIVEN views
    std::optional<PathId> path;
    bool is_by_any = false;  ///< the client hears nothing on it: by all others, too
    bool is_direct = false;  ///< to where the packet came from, which may turn out to be the path's address
    AnsweredOnce answered;
    std::optional<FlowId> refused;  ///< see deliver()
    bool is_superseded = false;     ///< and counted as such
    bool is_over = false;           ///< the session has ended
  };

  void on_ping(EpochRef epoch, const PathReport& report, Reply& reply, const ServerArrival& arrival);
  /// Answers and challenges as the path wants. `is_copy`: of a PING that was acted on.
  void answer_ping(EpochRef epoch, ServerPath& path, const PathReport& report, bool is_copy, Reply& reply,
                   const ServerArrival& arrival);
  /// A PING that came by another path than it is about: answers on that one.
  void answer_proxy(EpochRef epoch, ServerPath& path, const PathReport& report, const ServerArrival& arrival);
  void send_reply(EpochRef epoch, const Reply& reply, const ServerArrival& arrival);
  /// Answers CLIENT_HELLO, unless the session will find no place.
  void confirm(const ServerSession& session, Reply& reply, const ServerArrival& arrival) const;
  bool may_read_copy(const Route& from, TimePoint now);
  ServerPath& make_path(ServerSession& session, PathId id, const ServerArrival& arrival);
  /// False: the session has ended, see settle().
  bool on_echo(EpochRef epoch, std::uint64_t token, std::optional<PathId> sent_by,
               const ServerArrival& arrival);
  /// The session has proved an address. False: there is no room for it; it was told so, and has ended.
  bool settle(EpochRef epoch, const Route& proved, const ServerArrival& arrival);
  void on_name(EpochRef epoch, const NameFrame& name, Reply& reply, const ServerArrival& arrival);
  /// To the path, which has proved its address.
  void tell_seen_from(EpochRef epoch, PathId path, const ServerArrival& arrival);
  void on_handshake(ServerSession& session, const HandshakeFrame& handshake, Reply& reply,
                    const ServerArrival& arrival);
  void on_fragment(EpochRef epoch, const FragmentFrame& fragment, const ServerArrival& arrival);
  /// Counts what a limit refused the session, and says so.
  void note_limit(const ServerSession& session, Drop drop, Output& out);
  /// `refused` becomes the flow's id if it is.
  void on_flow_open(ServerSession& session, const FlowOpenFrame& open, std::optional<FlowId>& refused,
                    const ServerArrival& arrival);
  /// The first datagram of a flow that this packet's FLOW_OPEN was `refused` for is counted with that.
  void deliver(ServerSession& session, const DatagramFrame& datagram, std::optional<FlowId>& refused,
               const ServerArrival& arrival);
  void on_addresses_wanted(ServerSession& session, const AddressesWantedFrame& wanted, Reply& reply,
                           const ServerArrival& arrival);
  /// False if there may be no inner packets.
  bool on_inner(ServerSession& session, const IpFrame& frame, const ServerArrival& arrival);
  /// Delivers it, or passes it on; or says why it goes no further.
  std::optional<Drop> take_inner(ServerSession& session, const IpFrame& frame, const ServerArrival& arrival);
  void start_mtu_search(EpochRef epoch, ServerPath& path, TimePoint now);

  ServerState& state_;
  ServerOutbound& outbound_;
  std::optional<NetworkBudget> copies_;  ///< made for the first copy that is looked at
  std::vector<std::uint8_t> passed_on_;  ///< an inner packet from one client to another
};

/// From the network to the target: packets find their session and are opened; handshakes are answered.
class ServerInbound {
 public:
  ServerInbound(ServerState& state, ServerControl& control, ServerOutbound& outbound)
      : state_(state), control_(control), outbound_(outbound) {}

  /// Packets that came together, all with this ECN.
  void on_network(DatagramBatch batch, const Route& route, Ecn ecn, Output& out, TimePoint now);

 private:
  void on_data(EpochRef epoch, RouteOrigin& origin, const ServerArrival& arrival);
  void on_packet(const ServerArrival& arrival);
  void on_handshake1(const ServerArrival& arrival);
  void on_control(EpochRef epoch, const ServerArrival& arrival);
  /// CONTROL under a key that no session has yet.
  void on_first_control(const ServerArrival& arrival);
  void read_and_count(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  void heard(ServerSession& session, bool control, const ServerArrival& arrival);

  ServerState& state_;
  ServerControl& control_;
  ServerOutbound& outbound_;
};

/// What the server does because time passes.
///
///   tick        about once a second, earlier while datagrams wait: pending handshakes, silent sessions, old
///               keys, idle flows, fragments, samples of the counters, states of paths
///   later       copies that leave later than those of other paths, REPAIR, ACK, what is held
///   marks       probes of DSCPs that are due, of all sessions
///   MTU probes  those of all sessions that are due within kMtuTick leave together
class ServerTimers {
 public:
  ServerTimers(ServerState& state, ServerOutbound& outbound) : state_(state), outbound_(outbound) {}

  void run(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const {
    return std::min({state_.alarm.tick, state_.alarm.mtu, state_.alarm.marks, state_.alarm.later});
  }

 private:
  void end_silent_sessions(Output& out, TimePoint now);
  void tick(ServerSession& session, Output& out, TimePoint now);
  void tick_paths(ServerSession& session, Output& out, TimePoint now);
  void note_path_state(const ServerSession& session, PathId id, Output& out, TimePoint now);
  void note_losses(const ServerSession& session, PathId id, Output& out, TimePoint now);
  void send_mtu_probes(Output& out, TimePoint now);
  void send_later(Output& out, TimePoint now);
  void check_marks(Output& out, TimePoint now);

  ServerState& state_;
  ServerOutbound& outbound_;
};

}  // namespace mptunnel
