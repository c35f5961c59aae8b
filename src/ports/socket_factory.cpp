#include "mptunnel/ports/socket_factory.h"

#include <utility>

#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

tl::expected<SocketFactory::Socket, SocketError> SystemSockets::open(const SocketRequest& request) {
  auto socket = UdpSocket::open(options_for(request, tuning_));
  if (!socket) return tl::unexpected(std::move(socket.error()));
  return std::make_unique<UdpSocket>(std::move(*socket));
}

tl::expected<std::vector<SocketFactory::Socket>, SocketError> SystemSockets::open_group(
    const SocketRequest& request, std::size_t count, const Steering& steering) {
  auto sockets = UdpSocket::open_group(options_for(request, tuning_), count, steering);
  if (!sockets) return tl::unexpected(std::move(sockets.error()));
  std::vector<Socket> group;
  for (UdpSocket& socket : *sockets) group.push_back(std::make_unique<UdpSocket>(std::move(socket)));
  return group;
}

tl::expected<Endpoint, SocketError> SystemSockets::source_address_towards(const Endpoint& remote,
                                                                          const std::string& device) {
  return mptunnel::source_address_towards(remote, device);
}

}  // namespace mptunnel
