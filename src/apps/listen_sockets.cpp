#include "mptunnel/apps/listen_sockets.h"

#include <cerrno>

#include "mptunnel/apps/io.h"

namespace mptunnel {
namespace {

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

}  // namespace

tl::expected<void, std::string> ListenSockets::open(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    UdpSocketOptions options;
    options.bind = address.endpoint;
    options.packet_info = true;
    options.buffer_bytes = kSocketBufferBytes;
    auto socket = UdpSocket::open(options);
    if (!socket) {
      if (address.may_be_missing && is_missing_family(socket.error().error)) continue;
      return tl::unexpected(socket.error().what);
    }
    auto listener = std::make_unique<Listener>(Listener{address.endpoint, std::move(*socket), nullptr});
    Listener* raw = listener.get();
    listener->watcher =
        std::make_unique<ReadWatcher>(loop_, raw->socket.fd(), [this, raw] { on_readable_(raw->socket); });
    listeners_.push_back(std::move(listener));
  }
  if (listeners_.empty()) return tl::unexpected(std::string("no address to listen on is available"));
  for (const auto& listener : listeners_)
    log_info("listening on {}", listener->socket.local_endpoint().to_string());
  return {};
}

UdpSocket* ListenSockets::find(const Route& route) {
  UdpSocket* found = nullptr;
  for (const auto& listener : listeners_) {
    const Endpoint& here = listener->endpoint;
    if (here.family != route.remote.family) continue;
    if (route.local.port != 0 && here.port != route.local.port) continue;
    if (here.address == route.local.address) return &listener->socket;
    if (here.is_any() || found == nullptr) found = &listener->socket;
  }
  return found;
}

}  // namespace mptunnel
