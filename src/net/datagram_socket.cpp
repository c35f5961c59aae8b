#include "mptunnel/net/datagram_socket.h"

namespace mptunnel {

SendOutcome DatagramSocket::send(const SendRun& run) {
  SendOutcome outcome;
  send(std::span(&run, 1), {&outcome, 1});
  return outcome;
}

SendOutcome DatagramSocket::send_pieces(std::span<const ConstBytes> datagrams, const Route& to,
                                        std::uint8_t dscp) {
  SendOutcome outcome;
  if (datagrams.empty()) return outcome;
  const SendPieces pieces{datagrams, to, dscp};
  send(std::span(&pieces, 1), {&outcome, 1});
  return outcome;
}

}  // namespace mptunnel
