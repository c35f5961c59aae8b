#include "mptunnel/apps/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/base/log.h"
#include "mptunnel/net/clock.h"
#include "mptunnel/net/source_address.h"

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

bool is_loopback(const Endpoint& address) {
  if (address.family == Family::ipv4) return address.address[0] == 127;
  return address.family == Family::ipv6 && address.with_port(0) == *parse_numeric_endpoint("::1", 0);
}

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
  if (!is_present || !socket_) turn_to(is_present ? remote_ : candidates_.front());
  if (!socket_) return;
  retry_ = kFirstRetry;
  resolve_timer_.set(monotonic_now() + (is_down_
                                            ? std::min<Duration>(kResolveWhileDown, context_.resolve_interval)
                                            : context_.resolve_interval));
}

void Bridge::turn_to(const Endpoint& remote, bool quietly) {
  const bool had_socket = socket_.has_value();
  const Endpoint before = std::exchange(remote_, remote);
  if (const auto problem = interface_problem()) {
    close(*problem);
    return;
  }
  if (had_socket && remote.family == before.family) {
    // The source port stays: a bridge may answer only the port that it saw first.
    if (const auto connected = socket_->connect(remote); !connected) {
      close(connected.error().what);
      return;
    }
    // What the engine knows is of another path.
    context_.on_available(id_, false);
  } else if (!open(remote)) {
    return;
  }
  if (quietly) {
    log_debug("bridge {}: trying {}", name_, remote.to_string());
  } else if (before.is_set() && before != remote) {
    log_info("bridge {} moved from {} to {}", name_, before.to_string(), remote.to_string());
  } else {
    log_info("bridge {} is {}, sending from {}{}{}", name_, remote.to_string(),
             socket_->local_endpoint().to_string(), device_.empty() ? "" : " over ", device_);
  }
  problem_.clear();
  said_problem_.clear();
  is_up_ = false;
  warn_of_tunnel();
  watch_attempt();
  context_.on_available(id_, true);
}

void Bridge::watch_attempt() {
  attempt_timer_.set(candidates_.size() > 1 && !is_up_ && socket_ ? monotonic_now() + attempt_ : kNever);
}

void Bridge::try_next() {
  if (is_up_ || candidates_.size() < 2) return;
  const auto present = std::find(candidates_.begin(), candidates_.end(), remote_);
  const bool is_last = present == candidates_.end() || present + 1 == candidates_.end();
  if (++attempts_ % candidates_.size() == 0) attempt_ = std::min(2 * attempt_, Duration{kLongestAttempt});
  turn_to(is_last ? candidates_.front() : *(present + 1), true);
  tried_quietly_ = true;
  // An address that has no route here is passed over, for another that may.
  if (!socket_ && attempts_ % candidates_.size() != 0) attempt_timer_.set(monotonic_now());
}

bool Bridge::open(const Endpoint& remote) {
  if (socket_) close("");
  UdpSocketOptions options;
  options.connect = remote;
  options.device = device_;
  options.buffer_bytes = kSocketBufferBytes;
  options.offload = context_.tuning.offload;
  options.allow_fragments = false;
  options.bind.family = remote.family;
  if (config_.bind) options.bind = *config_.bind;
  tl::expected<UdpSocket, SocketError> socket = tl::unexpected(SocketError{EADDRINUSE, {}});
  if (options.bind.port != 0) {
    socket = UdpSocket::open(options);
  } else {
    if (last_port_ != 0) {
      UdpSocketOptions again = options;
      again.bind.port = last_port_;
      socket = UdpSocket::open(again);
    }
    if (!socket && socket.error().error == EADDRINUSE)
      socket = open_on_derived_port(options, context_.identity, name_);
  }
  if (!socket) {
    close(socket.error().what);
    return false;
  }
  socket_.emplace(std::move(*socket));
  last_port_ = socket_->local_endpoint().port;
  const NetworkInterface* device = device_.empty() ? nullptr : context_.interfaces.find(device_);
  device_index_ = device == nullptr ? 0 : device->index;
  watcher_ =
      std::make_unique<ReadWatcher>(context_.loop, socket_->fd(), [this] { context_.on_readable(id_); });
  return true;
}

void Bridge::close(std::string problem) {
  problem_ = std::move(problem);
  if (!problem_.empty()) {
    say(problem_);
    resolve_timer_.set(std::min(resolve_timer_.deadline(), monotonic_now() + retry_));
  }
  attempt_timer_.cancel();
  is_up_ = false;
  if (!socket_) return;
  watcher_.reset();
  socket_.reset();
  context_.on_available(id_, false);
}

std::optional<std::string> Bridge::interface_problem() const {
  const InterfaceTable& table = context_.interfaces;
  // Without rtnetlink the table says nothing: the socket will.
  if (table.interfaces().empty()) return std::nullopt;
  if (!device_.empty()) {
    const NetworkInterface* device = table.find(device_);
    if (device == nullptr) return fmt::format("there is no interface {}", device_);
    if (!device->is_up) return fmt::format("interface {} is down", device_);
    if (!config_.bind && !device->is_loopback && !device->has_address(remote_.family)) {
      return fmt::format("interface {} has no {} address", device_,
                         remote_.family == Family::ipv6 ? "IPv6" : "IPv4");
    }
  }
  if (config_.bind && !config_.bind->is_any() && !is_loopback(*config_.bind)) {
    const NetworkInterface* owner = table.owner_of(config_.bind->with_port(0));
    if (owner == nullptr)
      return fmt::format("{} is not an address of this host", config_.bind->address_string());
    if (!owner->is_up)
      return fmt::format("interface {} of {} is down", owner->name, config_.bind->address_string());
  }
  return std::nullopt;
}

bool Bridge::has_valid_source() const {
  const Endpoint local = socket_->local_endpoint().with_port(0);
  if (is_loopback(local) || context_.interfaces.interfaces().empty()) return true;
  if (!device_.empty()) {
    const NetworkInterface* device = context_.interfaces.find(device_);
    if (device == nullptr || device->index != device_index_) return false;
  }
  const NetworkInterface* owner = context_.interfaces.owner_of(local);
  return owner != nullptr && owner->is_up;
}

void Bridge::on_interfaces() {
  if (is_shut_ || !remote_.is_set()) {
    // A name that did not resolve without a network may do now.
    if (!remote_.is_set()) resolve_timer_.set(monotonic_now() + 100ms);
    return;
  }
  if (const auto problem = interface_problem()) {
    if (socket_ || problem_ != *problem) close(*problem);
    return;
  }
  if (!socket_) {
    turn_to(remote_);
  } else if (!has_valid_source()) {
    move_source();
  }
}

void Bridge::move_source() {
  const Endpoint before = socket_->local_endpoint();
  const NetworkInterface* device = device_.empty() ? nullptr : context_.interfaces.find(device_);
  const bool is_remade = device != nullptr && device->index != device_index_;
  if (is_remade || !socket_->connect(remote_)) {
    // A socket bound to an interface that is gone stays bound to it.
    close("");
    turn_to(remote_);
    return;
  }
  log_info("bridge {} sends from {} now, {} is gone", name_, socket_->local_endpoint().to_string(),
           before.to_string());
  context_.on_available(id_, false);
  context_.on_available(id_, true);
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

bool Bridge::is_news(const Event& event, TimePoint now) {
  if (event.state != PathState::suspect && event.was != PathState::suspect) return true;
  if (event.state == PathState::down) return true;
  const bool news = wavering_.take(now);
  if (!news && !said_wavering_)
    log_warning(
        "bridge {} wavers between up and suspect: it loses much, or answers late; further changes are told "
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
  is_down_ = false;
  said_error_ = 0;
  problem_.clear();
  attempts_ = 0;
  attempt_ = kFirstAttempt;
  attempt_timer_.cancel();
}

void Bridge::on_suspect() {
  // The route may lead elsewhere by now, without an interface having changed.
  if (!socket_ || config_.bind || interface_problem()) return;
  const auto source = source_address_towards(remote_, device_);
  if (source && *source != socket_->local_endpoint().with_port(0)) move_source();
}

void Bridge::on_down() {
  is_down_ = true;
  is_up_ = false;
  resolve_timer_.set(std::min(resolve_timer_.deadline(), monotonic_now() + kFirstRetry));
  watch_attempt();
}

void Bridge::shut_for_loop() {
  close("what is sent on it comes back in from the application: the tunnel would carry itself");
  is_shut_ = true;
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
