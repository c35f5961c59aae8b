#include "mptunnel/ports/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/host/log.h"
#include "mptunnel/net/clock.h"
#include "mptunnel/ports/derived_port.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstRetry = 1s;
constexpr Duration kLongestRetry = 30s;
/// How often a name is looked up while its path is down.
constexpr Duration kResolveWhileDown = 10s;
/// How long an address is given to answer before the next is tried: longer with each round, for paths that
/// are slow (RFC 8305, section 8, has 250 ms to connect).
constexpr Duration kFirstAttempt = 300ms;
constexpr Duration kLongestAttempt = 10s;
/// How soon a path that led back to us is tried again.
constexpr Duration kShutFor = 5min;

}  // namespace

std::vector<Endpoint> interleave_families(const std::vector<Endpoint>& addresses) {
  std::vector<Endpoint> first;
  std::vector<Endpoint> second;
  for (const Endpoint& address : addresses)
    (address.family == addresses.front().family ? first : second).push_back(address);
  std::vector<Endpoint> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

Bridge::Bridge(PathId id, const BridgeConfig& config, std::string name, std::string device,
               const BridgeContext& context)
    : id_(id),
      config_(config),
      name_(std::move(name)),
      device_(std::move(device)),
      context_(context),
      resolve_timer_(context.loop, [this] { resolve(); }),
      attempt_timer_(context.loop, [this] { try_next(); }),
      retry_(kFirstRetry),
      attempt_(kFirstAttempt) {}

void Bridge::start() {
  resolve();
}

void Bridge::resolve() {
  is_shut_ = false;
  // A slow name server is waited for.
  if (request_.pending()) return;
  request_ = context_.resolver.resolve(config_.remote.host, config_.remote.port,
                                       [this](const ResolveResult& result) { on_resolved(result); });
}

void Bridge::on_resolved(const ResolveResult& result) {
  resolve_timer_.set(monotonic_now() + retry_);
  retry_ = std::min(2 * retry_, Duration{kLongestRetry});
  if (!result) {
    // An address that is in use stays in use: a name server that fails is no reason to give a path up.
    if (!socket_) problem_ = result.error();
    say(result.error());
    return;
  }
  candidates_ = interleave_families(*result);
  if (config_.bind)
    std::erase_if(candidates_, [this](const Endpoint& e) { return e.family != config_.bind->family; });
  if (candidates_.empty()) {
    close("its name has no address of the family of its bind address");
    return;
  }
  const bool is_present = std::find(candidates_.begin(), candidates_.end(), remote_) != candidates_.end();
  if (!is_present || !socket_) {
    turn_to(is_present ? remote_ : candidates_.front());
  } else if (!is_up_) {
    check_source();
  }
  if (!socket_) return;
  retry_ = kFirstRetry;
  resolve_timer_.set(monotonic_now() +
                     (is_up_ ? context_.resolve_interval
                             : std::min<Duration>(kResolveWhileDown, context_.resolve_interval)));
}

const Endpoint& Bridge::after(const Endpoint& remote) const {
  const auto found = std::find(candidates_.begin(), candidates_.end(), remote);
  return found == candidates_.end() || found + 1 == candidates_.end() ? candidates_.front() : *(found + 1);
}

void Bridge::turn_to(const Endpoint& remote, bool quietly) {
  const Endpoint before = remote_;
  Endpoint candidate = remote;
  std::string problem;
  tl::expected<void, std::string> used;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, candidates_.size()); ++i) {
    if (i > 0) candidate = after(candidate);
    used = use(candidate);
    if (used) break;
    if (i == 0) problem = used.error();
  }
  is_up_ = false;
  if (!used) {
    remote_ = remote;
    close(problem);
    return;
  }
  remote_ = candidate;
  tried_quietly_ = tried_quietly_ || quietly;
  if (quietly) {
    log_debug("bridge {}: trying {}", name_, remote_.to_string());
  } else if (before.is_set() && before != remote_) {
    log_info("bridge {} moved from {} to {}", name_, before.to_string(), remote_.to_string());
  } else {
    log_info("bridge {} is {}, sending from {}{}{}", name_, remote_.to_string(),
             socket_->local_endpoint().to_string(), device_.empty() ? "" : " over ", device_);
  }
  problem_.clear();
  if (!quietly) said_problem_.clear();
  warn_of_tunnel();
  watch_attempt();
  // The engine may believe that it is there still, when only a new socket could be had.
  context_.on_available(id_, true);
  context_.on_readdressed(id_);
}

tl::expected<void, std::string> Bridge::use(const Endpoint& remote) {
  if (auto problem = interface_problem(remote)) return tl::unexpected(std::move(*problem));
  const bool is_same_family = socket_ && socket_->local_endpoint().family == remote.family;
  if (!is_same_family || !has_valid_device()) return open(remote);
  // The source port stays: a bridge may answer only the port that it saw first.
  if (const auto connected = socket_->connect(remote); !connected)
    return tl::unexpected(connected.error().what);
  return {};
}

void Bridge::watch_attempt() {
  attempt_timer_.set(candidates_.size() > 1 && !is_up_ && socket_ ? monotonic_now() + attempt_ : kNever);
}

void Bridge::try_next() {
  if (is_up_ || candidates_.size() < 2) return;
  if (++attempts_ % candidates_.size() == 0) attempt_ = std::min(2 * attempt_, Duration{kLongestAttempt});
  const Endpoint before = remote_;
  turn_to(after(remote_), true);
  // The others can't be sent to: this one it is, whether it answers or not.
  if (remote_ == before && socket_) attempt_timer_.set(monotonic_now() + kLongestAttempt);
}

tl::expected<void, std::string> Bridge::open(const Endpoint& remote) {
  SocketRequest request{.use = SocketUse::bridge, .bind = {}, .connect = remote, .device = device_};
  request.bind.family = remote.family;
  if (config_.bind) request.bind = *config_.bind;
  // The old socket has the port that the new one shall have.
  watcher_.reset();
  socket_.reset();
  tl::expected<SocketFactory::Socket, SocketError> socket = tl::unexpected(SocketError{EADDRINUSE, {}});
  if (request.bind.port != 0) {
    socket = context_.sockets.open(request);
  } else {
    if (last_port_ != 0) {
      SocketRequest again = request;
      again.bind.port = last_port_;
      socket = context_.sockets.open(again);
    }
    if (!socket && socket.error().error == EADDRINUSE)
      socket = open_on_derived_port(context_.sockets, request, context_.identity, name_);
  }
  if (!socket) {
    // The engine is told by close(), or by turn_to() with the next candidate.
    return tl::unexpected(socket.error().what);
  }
  socket_ = std::move(*socket);
  last_port_ = socket_->local_endpoint().port;
  const NetworkInterface* device = device_.empty() ? nullptr : context_.interfaces.find(device_);
  device_index_ = device == nullptr ? 0 : device->index;
  watcher_ =
      std::make_unique<ReadWatcher>(context_.loop, socket_->fd(), [this] { context_.on_readable(id_); });
  return {};
}

void Bridge::close(std::string problem) {
  problem_ = std::move(problem);
  say(problem_);
  resolve_timer_.set(std::min(resolve_timer_.deadline(), monotonic_now() + retry_));
  attempt_timer_.cancel();
  is_up_ = false;
  watcher_.reset();
  socket_.reset();
  context_.on_available(id_, false);
}

std::optional<std::string> Bridge::interface_problem(const Endpoint& remote) const {
  const InterfaceTable& table = context_.interfaces;
  // Without rtnetlink the table says nothing: the socket will.
  if (table.interfaces().empty()) return std::nullopt;
  if (!device_.empty()) {
    const NetworkInterface* device = table.find(device_);
    if (device == nullptr) return fmt::format("there is no interface {}", device_);
    if (!device->is_up) return fmt::format("interface {} is down", device_);
    if (!config_.bind && !device->is_loopback && !device->has_address(remote.family)) {
      return fmt::format("interface {} has no {} address", device_,
                         remote.family == Family::ipv6 ? "IPv6" : "IPv4");
    }
  }
  if (config_.bind && !config_.bind->is_any() && !config_.bind->is_loopback()) {
    const NetworkInterface* owner = table.owner_of(config_.bind->with_port(0));
    if (owner == nullptr)
      return fmt::format("{} is not an address of this host", config_.bind->address_string());
    if (!owner->is_up)
      return fmt::format("interface {} of {} is down", owner->name, config_.bind->address_string());
  }
  return std::nullopt;
}

bool Bridge::has_valid_device() const {
  if (device_.empty() || context_.interfaces.interfaces().empty()) return true;
  // A socket that is bound to an interface that is gone stays bound to it.
  const NetworkInterface* device = context_.interfaces.find(device_);
  return device != nullptr && device->index == device_index_;
}

bool Bridge::has_valid_source() const {
  const Endpoint local = socket_->local_endpoint().with_port(0);
  if (local.is_loopback() || context_.interfaces.interfaces().empty()) return true;
  const NetworkInterface* owner = context_.interfaces.owner_of(local);
  return owner != nullptr && owner->is_up;
}

void Bridge::on_interfaces() {
  if (is_shut_) return;
  if (!remote_.is_set()) {
    // A name that did not resolve without a network may do now.
    resolve_timer_.set(std::min(resolve_timer_.deadline(), monotonic_now() + 100ms));
    return;
  }
  if (!socket_ || interface_problem(remote_) || !has_valid_device()) {
    if (socket_ || !interface_problem(remote_) || candidates_.size() > 1) turn_to(remote_);
    return;
  }
  if (!has_valid_source() || !is_up_) check_source();
}

void Bridge::check_source() {
  if (config_.bind || !socket_) return;
  const Endpoint before = socket_->local_endpoint();
  const auto source = context_.sockets.source_address_towards(remote_, device_);
  const NetworkInterface* owner = source ? context_.interfaces.owner_of(*source) : nullptr;
  if (source && *source == before.with_port(0)) {
    // Routing still says so, although the interface has lost its carrier.
    if (owner != nullptr && !owner->is_up) close(fmt::format("interface {} is down", owner->name));
    return;
  }
  // The VPN that runs through this program may have taken the route to the bridge.
  if (owner != nullptr && owner->is_tunnel && has_valid_source()) return;
  if (const auto used = use(remote_); !used) {
    turn_to(remote_);
    return;
  }
  log_info("bridge {} sends from {} now, and not from {} any more", name_,
           socket_->local_endpoint().to_string(), before.to_string());
  is_up_ = false;
  warn_of_tunnel();
  watch_attempt();
  context_.on_readdressed(id_);
}

void Bridge::warn_of_tunnel() {
  if (!device_.empty() || warned_of_tunnel_) return;
  const NetworkInterface* owner = context_.interfaces.owner_of(socket_->local_endpoint().with_port(0));
  if (owner == nullptr || !owner->is_tunnel) return;
  warned_of_tunnel_ = true;
  log_warning(
      "bridge {} is reached over {}, a tunnel: if that tunnel itself runs through this program, it carries "
      "itself; "
      "give the bridge a route, or a dev=INTERFACE, of its own",
      name_, owner->name);
}

void Bridge::say(const std::string& problem) {
  if (problem == said_problem_) return;
  said_problem_ = problem;
  log_warning("bridge {}: {}; trying again until it works, the other paths are not affected", name_, problem);
}

bool Bridge::is_news(TimePoint now) {
  const bool news = wavering_.take(now);
  if (!news && !said_wavering_)
    log_warning(
        "bridge {} wavers: it loses much, answers late, or comes and goes; further changes are told "
        "now and then",
        name_);
  said_wavering_ = !news;
  return news;
}

void Bridge::on_up() {
  if (std::exchange(tried_quietly_, false))
    log_info("bridge {} is {}, sending from {}", name_, remote_.to_string(),
             socket_->local_endpoint().to_string());
  is_up_ = true;
  said_error_ = 0;
  problem_.clear();
  attempts_ = 0;
  attempt_ = kFirstAttempt;
  attempt_timer_.cancel();
}

void Bridge::on_suspect() {
  // The route may lead elsewhere by now, without an interface having changed.
  check_source();
}

void Bridge::on_down() {
  is_up_ = false;
  if (is_shut_) return;
  resolve_timer_.set(std::min(resolve_timer_.deadline(), monotonic_now() + kFirstRetry));
  watch_attempt();
}

void Bridge::shut_for_loop() {
  // The engine's event has its line already.
  said_problem_ = "what is sent on it comes back in from the application: the tunnel would carry itself";
  is_shut_ = true;
  request_.cancel();
  close(said_problem_);
  resolve_timer_.set(monotonic_now() + kShutFor);
}

void Bridge::on_error(int error) {
  if (error == said_error_ || error == EAGAIN || error == ENOBUFS || error == EMSGSIZE) return;
  said_error_ = error;
  problem_ = error == ECONNREFUSED
                 ? fmt::format("nothing listens on {} (connection refused)", remote_.to_string())
                 : fmt::format("sending to {} fails: {}", remote_.to_string(), std::strerror(error));
  log_warning("bridge {}: {}", name_, problem_);
}

}  // namespace mptunnel
