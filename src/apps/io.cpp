#include "mptunnel/apps/io.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "mptunnel/base/log.h"
#include "mptunnel/crypto/kdf.h"

namespace mptunnel {

Drop drop_for(int error) {
  switch (error) {
    case EAGAIN:
      return Drop::would_block;
    case ENOBUFS:
    case ENOMEM:
      return Drop::no_buffers;
    case EMSGSIZE:
      return Drop::message_size;
    case ECONNREFUSED:
      return Drop::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ENODEV:
      return Drop::unreachable;
    default:
      return Drop::socket_error;
  }
}

tl::expected<UdpSocket, SocketError> open_on_derived_port(UdpSocketOptions options, ConstBytes secret,
                                                          std::string_view purpose) {
  // Always in one order: while another program keeps the first, all restarts come to the same next one.
  for (int i = 0; i < kDerivedPorts; ++i) {
    const std::string name = i == 0 ? std::string(purpose) : fmt::format("{} {}", purpose, i);
    options.bind.port = derive_port(secret, name);
    auto socket = UdpSocket::open(options);
    if (socket || socket.error().error != EADDRINUSE) return socket;
    log_debug("{}: source port {} is taken", purpose, options.bind.port);
  }
  options.bind.port = 0;
  return UdpSocket::open(options);
}

void hint_small_buffer(const UdpSocket& socket) {
  const std::size_t got = socket.receive_buffer_bytes();
  if (got >= kSocketBufferBytes) return;
  log_warning(
      "the system limits receive buffers to {} KiB, {} KiB are wanted: bursts may be lost; run "
      "'sysctl -w net.core.rmem_max={} net.core.wmem_max={}', or give the program CAP_NET_ADMIN",
      got >> 10U, kSocketBufferBytes >> 10U, kSocketBufferBytes, kSocketBufferBytes);
}

}  // namespace mptunnel
