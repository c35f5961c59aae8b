#include "mptunnel/ports/listen_sockets.h"

#include <cerrno>

#include "mptunnel/host/log.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

}  // namespace

tl::expected<void, std::string> ListenSockets::open(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    auto sockets = context_.sockets.open_group(
        {.use = use_, .bind = address.endpoint, .connect = {}, .device = {}}, kSocketsPerAddress, steering_);
    if (!sockets) {
      if (address.may_be_missing && is_missing_family(sockets.error().error)) continue;
      return tl::unexpected(sockets.error().what);
    }
    Listener& listener = listeners_.emplace_back(Listener{address.endpoint, std::move(*sockets), {}});
    for (const auto& socket : listener.sockets) {
      listener.watchers.push_back(std::make_unique<ReadWatcher>(
          context_.loop, socket->fd(), [this, opened = socket.get()] { on_readable_(*opened); }));
    }
  }
  if (listeners_.empty()) return tl::unexpected(std::string("no address to listen on is available"));
  for (const Listener& listener : listeners_)
    log_info("listening on {}", listener.sockets.front()->local_endpoint().to_string());
  hint_small_buffer(*listeners_.front().sockets.front());
  return {};
}

DatagramSocket* ListenSockets::find(const Route& route) {
  DatagramSocket* found = nullptr;
  for (const Listener& listener : listeners_) {
    const Endpoint& here = listener.endpoint;
    if (here.family != route.remote.family) continue;
    if (route.local.port != 0 && here.port != route.local.port) continue;
    if (here.address == route.local.address) return listener.sockets.front().get();
    if (here.is_any() || found == nullptr) found = listener.sockets.front().get();
  }
  return found;
}

}  // namespace mptunnel
