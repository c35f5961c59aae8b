#include "mptunnel/ports/listen_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "mptunnel/host/log.h"
#include "mptunnel/ports/interface_rules.h"

namespace mptunnel {
namespace {

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

/// Whether it may be there later: the address, or the interface that a link-local one names.
bool is_absent_yet(int error) {
  return error == EADDRNOTAVAIL || error == ENODEV;
}

/// `is_first`: it has not been there.
std::string words_of_absent(const ListenAddress& address, bool is_first) {
  return fmt::format("{} is {}: waiting for it, to use port {} there", address_text(address),
                     is_first ? "not an address of this host yet" : "no longer an address of this host",
                     address.endpoint.port);
}

std::string words_of_listening(const ListenAddress& address) {
  return fmt::format("listening on {}", to_string(address));
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
  std::vector<std::string> left_out;
  for (const ListenAddress& address : addresses) {
    Wanted& wanted =
        wanted_.emplace_back(Wanted{address, LimitedLog([this] { return context_.clock.now(); })});
    const auto opened = open_one(wanted, !address.may_be_missing);
    if (opened) continue;
    if (address.may_be_missing && is_missing_family(opened.error().error)) {
      left_out.push_back(to_string(address));
      wanted_.pop_back();
      continue;
    }
    if (!is_absent_yet(opened.error().error)) return tl::unexpected(opened.error().what);
    pending_.push_back({&wanted, opened.error().what});
  }
  if (listeners_.empty() && pending_.empty())
    return tl::unexpected(std::string("no address to listen on is available"));
  for (const Listener& listener : listeners_) {
    const ListenAddress& address = listener.wanted.address;
    listener.is_absent ? log_warning("{}", words_of_absent(address, true))
                       : log_info("{}", words_of_listening(address));
  }
  for (const std::string& address : left_out) log_info("not listening on {}: this host has no IPv6", address);
  for (const Pending& pending : pending_) log_warning("{}", words_of_absent(pending.wanted->address, true));
  if (!listeners_.empty()) hint_small_buffer(*listeners_.front().sockets.front());
  return {};
}

tl::expected<void, SocketError> ListenSockets::open_one(Wanted& wanted, bool may_be_absent) {
  Endpoint endpoint = wanted.address.endpoint;
  if (const std::string& zone = wanted.address.zone; !zone.empty()) {
    endpoint.scope = interface_number(zone);
    if (endpoint.scope == 0) return tl::unexpected(SocketError{ENODEV, words_of_missing_interface(zone)});
  }
  SocketRequest request{.use = use_, .bind = endpoint, .connect = {}, .device = {}};
  const std::size_t count = kSocketsPerAddress + (steering_.apart ? 1 : 0);
  auto sockets = context_.sockets.open_group(request, count, steering_);
  if (!sockets && may_be_absent && sockets.error().error == EADDRNOTAVAIL) {
    request.free_bind = true;
    sockets = context_.sockets.open_group(request, count, steering_);
  }
  if (!sockets) return tl::unexpected(std::move(sockets.error()));
  watch(listeners_.emplace_back(Listener{wanted, endpoint, std::move(*sockets), {}, {}, request.free_bind}));
  return {};
}

bool ListenSockets::follows_interfaces() const {
  return !pending_.empty() || std::any_of(listeners_.begin(), listeners_.end(), [](const Listener& listener) {
    return !listener.endpoint.is_any() && !listener.endpoint.is_loopback();
  });
}

bool ListenSockets::is_listening() const {
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [](const Listener& listener) { return !listener.is_absent; });
}

std::vector<std::string> ListenSockets::addresses() const {
  std::vector<std::string> all;
  for (const Wanted& wanted : wanted_) all.push_back(to_string(wanted.address));
  return all;
}

std::vector<AwaitedAddress> ListenSockets::awaited() const {
  std::vector<AwaitedAddress> found;
  for (const Listener& listener : listeners_) {
    if (listener.is_absent)
      found.push_back({to_string(listener.wanted.address), "it is not an address of this host"});
  }
  for (const Pending& pending : pending_)
    found.push_back({to_string(pending.wanted->address), pending.problem});
  return found;
}

void ListenSockets::on_interfaces(const InterfaceTable& table) {
  // Nothing is known, because the system could not be asked.
  if (!table.interfaces().empty()) close_gone(table);
  open_pending();
  for (Listener& listener : listeners_) look(listener, table);
}

void ListenSockets::close_gone(const InterfaceTable& table) {
  closings_ += std::erase_if(listeners_, [&](const Listener& listener) {
    Wanted& wanted = listener.wanted;
    const std::string& zone = wanted.address.zone;
    if (is_same_device(table, zone, listener.endpoint.scope)) return false;
    wanted.changes.say(LogLevel::warning, words_of_absent(wanted.address, false));
    pending_.push_back({&wanted, words_of_missing_interface(zone)});
    return true;
  });
}

void ListenSockets::open_pending() {
  std::erase_if(pending_, [this](Pending& pending) {
    Wanted& wanted = *pending.wanted;
    const auto opened = open_one(wanted, true);
    if (!opened && opened.error().what != pending.problem) {
      pending.problem = opened.error().what;
      wanted.changes.say(LogLevel::warning,
                         pending.problem + "; trying again when interfaces or addresses change");
    }
    if (opened && !listeners_.back().is_absent)
      wanted.changes.say(LogLevel::info, words_of_listening(wanted.address));
    return opened.has_value();
  });
}

void ListenSockets::look(Listener& listener, const InterfaceTable& table) {
  const bool is_there = table.owner_of(listener.endpoint) != nullptr;
  Wanted& wanted = listener.wanted;
  // The table has no addresses of this host alone, and none beyond its limits: what it never had says
  // nothing.
  const bool has_gone = !is_there && listener.was_seen && !table.overflowed();
  listener.was_seen = listener.was_seen || is_there;
  if (listener.is_absent && is_there) {
    listener.is_absent = false;
    wanted.changes.say(LogLevel::info, words_of_listening(wanted.address));
  } else if (!listener.is_absent && has_gone) {
    listener.is_absent = true;
    wanted.changes.say(LogLevel::warning, words_of_absent(wanted.address, false));
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
    const bool is_other_link = here.scope != 0 && route.local.scope != 0 && here.scope != route.local.scope;
    if (here.address == route.local.address && !is_other_link) return listener.sockets.front().get();
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
