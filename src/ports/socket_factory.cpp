#include "mptunnel/ports/socket_factory.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/log.h"

namespace mptunnel {

UdpSocketOptions options_for(const SocketRequest& request, const SocketTuning& tuning) {
  const SocketUse use = request.use;
  const bool carries_packets = use == SocketUse::bridge || use == SocketUse::paths;
  UdpSocketOptions options;
  options.bind = request.bind;
  options.connect = request.connect;
  options.device = request.device;
  options.free_bind = request.free_bind;
  options.shares_port = request.shares_port;
  options.mark = use == SocketUse::bridge ? tuning.mark : 0;
  options.packet_info = use == SocketUse::applications || use == SocketUse::paths;
  options.read_marks = carries_packets ? tuning.reads_ecn : tuning.copy_dscp;
  options.offload = tuning.offload;
  options.allow_fragments = !carries_packets;
  options.buffer_bytes = use == SocketUse::target ? kFlowBufferBytes : kSocketBufferBytes;
  options.hears_icmp = use == SocketUse::bridge && request.connect.has_value();
  options.sends_only = options.reuse_port = request.sends_only;
  options.on_notice = log_line;
  return options;
}

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

std::uint16_t derived_port(ConstBytes secret, std::string_view purpose, int choice) {
  return derive_port(secret, choice == 0 ? std::string(purpose) : fmt::format("{} {}", purpose, choice));
}

tl::expected<SocketFactory::Socket, SocketError> open_on_derived_port(SocketFactory& sockets,
                                                                      SocketRequest request,
                                                                      ConstBytes secret,
                                                                      std::string_view purpose) {
  // Always in one order: while another program keeps the first, all restarts come to the same next one.
  for (int i = 0; i < kDerivedPorts; ++i) {
    request.bind.port = derived_port(secret, purpose, i);
    auto socket = sockets.open(request);
    if (socket || socket.error().error != EADDRINUSE) return socket;
    log_debug("{}: source port {} is taken", purpose, request.bind.port);
  }
  request.bind.port = 0;
  return sockets.open(request);
}

}  // namespace mptunnel
