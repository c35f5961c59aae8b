#include "mptunnel/ports/derived_port.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/log.h"

namespace mptunnel {

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

}  // namespace mptunnel
