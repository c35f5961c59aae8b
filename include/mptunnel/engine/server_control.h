// What the server does with the frames of CONTROL packets that opened.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/base/throttle.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_outbound.h"
#include "mptunnel/engine/server_state.h"

namespace mptunnel {

/// One packet on its way through the server.
struct ServerArrival {
  PacketHeader header;
  Bytes packet;
  const Route& route;
  Output& out;
  TimePoint now;
};

class ServerControl {
 public:
  /// Both outlive the object.
  ServerControl(ServerState& state, ServerOutbound& outbound) : state_(state), outbound_(outbound) {}

  /// Acts on the frames of one CONTROL packet of the session, all of which can be read. They may end the
  /// session.
  void read(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  /// Acts on the frames of an opened DATA packet, or of a packet that was put together from fragments.
  void read_data(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival);
  /// A limit refused something.
  void note_limit(Drop drop, Output& out, TimePoint now);

 private:
  struct Visitor;
  /// What a packet is answered with, and on which path.
  struct Reply {
    std::vector<Frame> frames;
    std::optional<PathId> path;
    AnsweredOnce answered;
    std::optional<FlowId> refused;  ///< see deliver()
    bool is_superseded = false;     ///< and counted as such
  };

  void on_ping(EpochRef epoch, const PathReport& report, Reply& reply, const ServerArrival& arrival);
  ServerPath& make_path(EpochRef epoch, PathId id, const ServerArrival& arrival);
  void on_echo(EpochRef epoch, std::uint64_t token, std::optional<PathId> sent_by,
               const ServerArrival& arrival);
  void on_fragment(EpochRef epoch, const FragmentFrame& fragment, const ServerArrival& arrival);
  /// `refused` becomes the flow's id if it is.
  void on_flow_open(ServerSession& session, const FlowOpenFrame& open, std::optional<FlowId>& refused,
                    const ServerArrival& arrival);
  /// The first datagram of a flow that this packet's FLOW_OPEN was `refused` for is counted with that.
  void deliver(ServerSession& session, const DatagramFrame& datagram, std::optional<FlowId>& refused,
               const ServerArrival& arrival);
  void start_mtu_search(EpochRef epoch, ServerPath& path, TimePoint now);

  ServerState& state_;
  ServerOutbound& outbound_;
  Throttle limit_lines_;
};

}  // namespace mptunnel
