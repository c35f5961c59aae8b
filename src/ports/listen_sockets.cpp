#include "mptunnel/ports/listen_sockets.h"

#include <cerrno>

#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

/// Logs a line if the system does not allow the buffers that are wanted, with what to do about it.
void hint_small_buffer(const DatagramSocket& socket) {
  const std::size_t got = socket.receive_buffer_bytes();
  if (got >= kSocketBufferBytes) return;
  log_warning(
      "the system limits receive buffers to {} KiB, {} KiB are wanted: bursts may be lost; run "
      "'sysctl -w net.core.rmem_max={} net.core.wmem_max={}', or give the program CAP_NET_ADMIN",
      got >> 10U, kSocketBufferBytes >> 10U, kSocketBufferBytes, kSocketBufferBytes);
}

}  // namespace

tl::expected<void, std::string> ListenSockets::open(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    auto sockets =
        context_.sockets.open_group({.use = use_, .bind = address.endpoint, .connect = {}, .device = {}},
                                    kSocketsPerAddress + (steering_.apart ? 1 : 0), steering_);
    if (!sockets) {
      if (address.may_be_missing && is_missing_family(sockets.error().error)) continue;
      return tl::unexpected(sockets.error().what);
    }
    watch(listeners_.emplace_back(Listener{address.endpoint, std::move(*sockets), {}, {}}));
  }
  if (listeners_.empty()) return tl::unexpected(std::string("no address to listen on is available"));
  for (const Listener& listener : listeners_)
    log_info("listening on {}", listener.sockets.front()->local_endpoint().to_string());
  hint_small_buffer(*listeners_.front().sockets.front());
  return {};
}

void ListenSockets::watch(Listener& listener) {
  for (const auto& socket : listener.sockets) {
    listener.watchers.push_back(std::make_unique<ReadWatcher>(
        context_.loop, socket->fd(), [this, opened = socket.get()] { on_readable_(*opened); }));
  }
  if (!steering_.apart || listener.sockets.size() == 1) return;
  std::unique_ptr<ReadWatcher>& apart = listener.watchers.back();
  listener.pause = context_.clock.make_alarm([&apart] { apart->resume(); });
  apart = std::make_unique<ReadWatcher>(context_.loop, listener.sockets.back()->fd(), [this, &listener] {
    listener.watchers.back()->pause();
    listener.pause->set(context_.clock.now() + kApartReadEach);
    on_readable_(*listener.sockets.back());
  });
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

SocketFactory::Socket ListenSockets::open_sender(const DatagramSocket& socket) {
  SocketRequest request{.use = use_, .bind = socket.local_endpoint(), .connect = {}, .device = {}};
  request.sends_only = true;
  auto opened = context_.sockets.open(request);
  if (opened) return std::move(*opened);
  log_debug("no socket for a path of its own: {}", opened.error().what);
  return nullptr;
}

}  // namespace mptunnel
