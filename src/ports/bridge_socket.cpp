#include "mptunnel/ports/bridge_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "mptunnel/host/log.h"
#include "mptunnel/net/route_query.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// How long a path may be silent before it is tried from another source port. What remembers the usual one (a
/// NAT, conntrack, a socat child) and leads it to a place that is no more keeps doing so while it is used.
constexpr Duration kUsualPortPatience = 5s;
/// How long each port has its turn then, in the first round: all have had one 23 s after the path went down.
/// The turns of each later round are twice as long, for paths that are slow, and to leave a NAT with few
/// ports alone.
constexpr Duration kPortPatience = 3s;
constexpr Duration kPortPatienceMax = 30s;
/// The usual port has its turn before each of the others.
constexpr unsigned kPortsInRound = 2 * (kDerivedPorts - 1);

}  // namespace

Duration port_patience(unsigned turns) {
  if (turns == 0) return kUsualPortPatience;
  const unsigned round = std::min((turns - 1) / kPortsInRound, 8U);
  return std::min<Duration>(kPortPatience * (1U << round), kPortPatienceMax);
}

BridgeSocket::BridgeSocket(const PortContext& context, const InterfaceTable& table, SendFrom from,
                           const ClientIdentity& identity, std::string name, LoopCallback on_readable,
                           LoopCallback on_elsewhere_readable)
    : context_(context),
      table_(table),
      from_(std::move(from)),
      identity_(identity),
      name_(std::move(name)),
      on_readable_(std::move(on_readable)),
      on_elsewhere_readable_(std::move(on_elsewhere_readable)) {}

tl::expected<void, std::string> BridgeSocket::use(const Endpoint& remote) {
  if (auto problem = interface_problem(table_, from_, remote)) return tl::unexpected(std::move(*problem));
  const bool is_same_family = socket_ && local().family == remote.family;
  if (!is_same_family || !has_valid_device()) return open(remote);
  const auto connected = socket_->connect(remote);
  hear_none();
  if (!connected) return tl::unexpected(why_not(connected.error(), remote));
  return {};
}

tl::expected<void, std::string> BridgeSocket::use_heard(const Endpoint& remote, const Endpoint& instead) {
  const Endpoint before = local();
  SocketFactory::Socket heard = std::exchange(elsewhere_, nullptr);
  std::unique_ptr<ReadWatcher> watcher = std::exchange(elsewhere_watcher_, nullptr);
  if (auto used = use(remote); !used) return used;
  if (heard && local() == before) {
    elsewhere_ = std::move(heard);
    elsewhere_watcher_ = std::move(watcher);
  } else {
    hear_all();
  }
  hear_only(instead);
  return {};
}

std::string BridgeSocket::why_not(const SocketError& error, const Endpoint& remote) const {
  // IPv6 says so at once; IPv4 looks for it on the link itself.
  const bool has_no_route = error.error == ENETUNREACH || error.error == EHOSTUNREACH;
  return has_no_route && !from_.device.empty() ? no_route_over(from_.device, remote) : error.what;
}

void BridgeSocket::close() {
  hear_none();
  watcher_.reset();
  socket_.reset();
}

void BridgeSocket::hear_all() {
  hear_none();
  SocketRequest request;
  request.bind = local();
  request.device = from_.device;
  request.shares_port = true;
  socket_->let_share(true);
  auto socket = context_.sockets.open(request);
  socket_->let_share(false);
  if (!socket)
    return log_debug("bridge {}: answers from elsewhere are not heard: {}", name_, socket.error().what);
  elsewhere_ = std::move(*socket);
  elsewhere_watcher_ = std::make_unique<ReadWatcher>(context_.loop, elsewhere_->fd(), on_elsewhere_readable_);
}

void BridgeSocket::hear_only(const Endpoint& elsewhere) {
  // Without a route there it goes on hearing all.
  if (elsewhere_) static_cast<void>(elsewhere_->connect(elsewhere));
}

void BridgeSocket::hear_none() {
  elsewhere_watcher_.reset();
  elsewhere_.reset();
}

SocketRequest BridgeSocket::request_to(const Endpoint& remote) const {
  SocketRequest request{.use = SocketUse::bridge, .bind = {}, .connect = remote, .device = from_.device};
  request.bind.family = remote.family;
  if (from_.bind) request.bind = *from_.bind;
  return request;
}

tl::expected<void, std::string> BridgeSocket::open(const Endpoint& remote) {
  // The old socket has the port that the new one shall have.
  close();
  auto socket = open_on_a_port(request_to(remote));
  if (!socket) return tl::unexpected(why_not(socket.error(), remote));
  take(std::move(*socket));
  return {};
}

bool BridgeSocket::turn_port(const Endpoint& remote) {
  SocketRequest request = request_to(remote);
  if (request.bind.port != 0 || !is_open()) return false;
  constexpr int kOthers = kDerivedPorts - 1;
  // The usual one has its turn before each of the others.
  for (int i = 0; i < 2 * kOthers; ++i) {
    port_choice_ = port_choice_ == 0 ? 1 + other_ports_++ % kOthers : 0;
    request.bind.port = derived_port(identity_, name_, port_choice_);
    if (request.bind.port == last_port_) continue;
    auto socket = context_.sockets.open(request);
    if (socket) {
      close();
      take(std::move(*socket));
      return true;
    }
    if (socket.error().error != EADDRINUSE) break;
  }
  return false;
}

void BridgeSocket::take(SocketFactory::Socket socket) {
  socket_ = std::move(socket);
  last_port_ = local().port;
  const NetworkInterface* device = from_.device.empty() ? nullptr : table_.find(from_.device);
  device_index_ = device == nullptr ? 0 : device->index;
  watcher_ = std::make_unique<ReadWatcher>(context_.loop, socket_->fd(), on_readable_);
}

tl::expected<SocketFactory::Socket, SocketError> BridgeSocket::open_on_a_port(const SocketRequest& request) {
  if (request.bind.port != 0) return context_.sockets.open(request);
  if (last_port_ != 0) {
    SocketRequest again = request;
    again.bind.port = last_port_;
    auto socket = context_.sockets.open(again);
    if (socket || socket.error().error != EADDRINUSE) return socket;
  }
  return open_on_derived_port(context_.sockets, request, identity_, name_);
}

}  // namespace mptunnel
