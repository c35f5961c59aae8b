#include "mptunnel/ports/derived_port.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/log.h"

namespace mptunnel {

tl::expected<SocketFactory::Socket, SocketError> open_on_derived_port(SocketFactory& sockets,
                                                                      SocketRequest request,
                                                                      ConstBytes secret,
                                                                      std::string_view purpose) {
  // Always in one order: while another program keeps the first, all restarts come to the same next one.
  for (int i = 0; i < kDerivedPorts; ++i) {
    const std::string name = i == 0 ? std::string(purpose) : fmt::format("{} {}", purpose, i);
    request.bind.port = derive_port(secret, name);
    auto socket = sockets.open(request);
    if (socket || socket.error().error != EADDRINUSE) return socket;
    log_debug("{}: source port {} is taken", purpose, request.bind.port);
  }
  request.bind.port = 0;
  return sockets.open(request);
}

}  // namespace mptunnel
