#include "mptunnel/net/source_address.h"

namespace mptunnel {

tl::expected<Endpoint, SocketError> source_address_towards(const Endpoint& remote,
                                                           const std::string& device) {
  UdpSocketOptions options;
  options.connect = remote;
  options.device = device;
  options.offload = false;
  const auto socket = UdpSocket::open(options);
  if (!socket) return tl::make_unexpected(socket.error());
  return socket->local_endpoint().with_port(0);
}

}  // namespace mptunnel
