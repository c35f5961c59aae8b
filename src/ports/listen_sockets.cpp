#include "mptunnel/ports/listen_sockets.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

/// Whether it may be there later: the address, or the interface that a link-local one names.
bool is_absent_yet(int error) {
  return error == EADDRNOTAVAIL || error == ENODEV;
}

void say_absent(const Endpoint& endpoint) {
  log_warning("{} is not an address of this host yet: waiting for it, to use port {} there",
              endpoint.address_string(), endpoint.port);
}

void say_listening(const Endpoint& endpoint) {
  log_info("listening on {}", endpoint.to_string());
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
    const auto opened = open_one(address.endpoint, !address.may_be_missing);
    if (opened || (address.may_be_missing && is_missing_family(opened.error().error))) continue;
    if (!is_absent_yet(opened.error().error)) return tl::unexpected(opened.error().what);
    pending_.push_back({address.endpoint, opened.error().what});
  }
  if (listeners_.empty() && pending_.empty())
    return tl::unexpected(std::string("no address to listen on is available"));
  for (const Listener& listener : listeners_) {
    const Endpoint local = listener.sockets.front()->local_endpoint();
    listener.is_absent ? say_absent(local) : say_listening(local);
  }
  for (const Pending& pending : pending_) say_absent(pending.endpoint);
  if (!listeners_.empty()) hint_small_buffer(*listeners_.front().sockets.front());
  return {};
}

tl::expected<void, SocketError> ListenSockets::open_one(const Endpoint& endpoint, bool may_be_absent) {
  SocketRequest request{.use = use_, .bind = endpoint, .connect = {}, .device = {}};
  const std::size_t count = kSocketsPerAddress + (steering_.apart ? 1 : 0);
  auto sockets = context_.sockets.open_group(request, count, steering_);
  if (!sockets && may_be_absent && sockets.error().error == EADDRNOTAVAIL) {
    request.free_bind = true;
    sockets = context_.sockets.open_group(request, count, steering_);
  }
  if (!sockets) return tl::unexpected(std::move(sockets.error()));
  watch(listeners_.emplace_back(Listener{endpoint, std::move(*sockets), {}, {}, request.free_bind}));
  return {};
}

bool ListenSockets::is_waiting() const {
  return !pending_.empty() || std::any_of(listeners_.begin(), listeners_.end(),
                                          [](const Listener& listener) { return listener.is_absent; });
}

void ListenSockets::on_interfaces(const InterfaceTable& table) {
  std::erase_if(pending_, [this](Pending& pending) {
    const auto opened = open_one(pending.endpoint, true);
    if (!opened && opened.error().what != pending.problem) {
      pending.problem = opened.error().what;
      log_warning("{}; trying again when interfaces or addresses change", pending.problem);
    }
    if (opened && !listeners_.back().is_absent) say_listening(pending.endpoint);
    return opened.has_value();
  });
  for (Listener& listener : listeners_) {
    if (!listener.is_absent || table.owner_of(listener.endpoint) == nullptr) continue;
    listener.is_absent = false;
    say_listening(listener.sockets.front()->local_endpoint());
  }
}

void ListenSockets::watch(Listener& listener) {
  for (const auto& socket : listener.sockets) {
    listener.watchers.push_back(std::make_unique<ReadWatcher>(
        context_.loop, socket->fd(), [this, opened = socket.get()] { on_readable_(*opened); }));
  }
  // Without steering the last one is one of all.
  if (!steering_.apart || !listener.sockets.back()->is_steered()) return;
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
  if (!socket.is_steered()) return nullptr;
  SocketRequest request{.use = use_, .bind = socket.local_endpoint(), .connect = {}, .device = {}};
  request.sends_only = true;
  auto opened = context_.sockets.open(request);
  if (opened) return std::move(*opened);
  log_debug("no socket for a path of its own: {}", opened.error().what);
  return nullptr;
}

}  // namespace mptunnel
