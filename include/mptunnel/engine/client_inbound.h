// From the server to applications: packets are opened, CONTROL frames acted on, datagrams delivered.
#pragma once

#include "mptunnel/engine/client_handshaking.h"
#include "mptunnel/engine/client_outbound.h"
#include "mptunnel/engine/client_prober.h"
#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"

namespace mptunnel {

class ClientInbound {
 public:
  /// All of these outlive the object.
  ClientInbound(ClientState& state, ClientProber& prober, ClientHandshaking& handshaking,
                ClientOutbound& outbound)
      : state_(state), prober_(prober), handshaking_(handshaking), outbound_(outbound) {}

  /// One packet that arrived by this path.
  void on_packet(PathId path, Bytes packet, Output& out, TimePoint now);
  /// Datagrams that were delivered.
  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  struct ControlVisitor;
  struct Arrival {
    PacketHeader header;
    Bytes packet;
    PathId path;
    Output& out;
    TimePoint now;
  };

  void on_data(LinkEpoch& epoch, const Arrival& arrival);
  void on_control(const Arrival& arrival);
  void read_data(ConstBytes frames, const Arrival& arrival);
  void read_control(LinkEpoch& epoch, ConstBytes frames, const Arrival& arrival);
  void on_fragment(LinkEpoch& epoch, const FragmentFrame& fragment, const Arrival& arrival);
  void on_pong(LinkEpoch& epoch, const PathReport& report, const Arrival& arrival);
  void deliver(const DatagramFrame& datagram, const Arrival& arrival);

  ClientState& state_;
  ClientProber& prober_;
  ClientHandshaking& handshaking_;
  ClientOutbound& outbound_;
  std::uint64_t datagrams_ = 0;
};

}  // namespace mptunnel
