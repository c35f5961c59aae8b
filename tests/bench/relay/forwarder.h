// Sends what one receive call brought to as many sockets as are wanted, in the fewest messages. It keeps no
// datagram: what it has collected is valid until the buffers are used again.
#pragma once

#include <span>
#include <vector>

#include "mptunnel/net/udp_socket.h"

namespace mptunnel::bench {

class Forwarder {
 public:
  /// Takes batches of one flow, in order; replaces those before.
  void collect(std::span<const Received> batches);
  /// All that was collected, in order; mostly with one system call. What the kernel does not take is lost.
  void send(UdpSocket& socket, const Route& to);

 private:
  /// Neighbours that leave with one call: either runs, or datagrams gathered from several batches.
  struct Part {
    bool in_pieces = false;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  void add(bool in_pieces);

  std::vector<SendRun> runs_;
  std::vector<SendOutcome> outcomes_;
  std::vector<ConstBytes> pieces_;
  std::vector<Part> parts_;
};

/// Calls `visit(remote, batches)` for each series of neighbours that came from one address.
template <typename Visit>
void for_each_sender(std::span<const Received> batches, Visit visit) {
  for (std::size_t begin = 0; begin < batches.size();) {
    const Endpoint& remote = batches[begin].route.remote;
    std::size_t end = begin + 1;
    while (end < batches.size() && batches[end].route.remote == remote) ++end;
    visit(remote, batches.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace mptunnel::bench
