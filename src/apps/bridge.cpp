#include "mptunnel/apps/bridge.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mptunnel/net/clock.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstRetry = 1s;
constexpr Duration kLongestRetry = 30s;
/// A name that works is looked up again this often.
constexpr Duration kResolveInterval = 5min;
/// And this often while its path is down.
constexpr Duration kResolveWhileDown = 10s;

}  // namespace

Bridge::Bridge(PathId id, BridgeConfig config, const ClientIdentity& identity, const SocketTuning& tuning,
               Loop& loop, Resolver& resolver, Callbacks callbacks)
    : id_(id),
      config_(std::move(config)),
      identity_(identity),
      tuning_(tuning),
      loop_(loop),
      resolver_(resolver),
      callbacks_(std::move(callbacks)),
      timer_(loop, [this] { resolve(); }),
      retry_(kFirstRetry) {}

void Bridge::start() {
  resolve();
}

void Bridge::resolve() {
  request_ = resolver_.resolve(config_.remote.host, config_.remote.port,
                               [this](const ResolveResult& result) { on_resolved(result); });
}

void Bridge::on_resolved(const ResolveResult& result) {
  if (!result) {
    // An address that is in use stays in use: a name server that fails is no reason to give a path up.
    retry_later(result.error());
    return;
  }
  std::vector<Endpoint> usable = *result;
  if (config_.bind)
    std::erase_if(usable, [this](const Endpoint& e) { return e.family != config_.bind->family; });
  if (usable.empty()) {
    retry_later("has no address of the family of its bind address");
    return;
  }
  const auto present = std::find(usable.begin(), usable.end(), remote_);
  if (present == usable.end()) {
    turn_to(usable.front());
  } else if (is_down_ && usable.size() > 1) {
    turn_to(present + 1 == usable.end() ? usable.front() : *(present + 1));
  }
  if (!socket_) return;
  retry_ = kFirstRetry;
  said_problem_.clear();
  timer_.set(monotonic_now() + (is_down_ ? kResolveWhileDown : kResolveInterval));
}

void Bridge::turn_to(const Endpoint& remote) {
  const bool had_socket = socket_.has_value();
  if (had_socket && remote.family == remote_.family) {
    // The source port stays: a bridge may answer only the port that it saw first.
    if (const auto connected = socket_->connect(remote); !connected) {
      retry_later(connected.error().what);
      close();
      return;
    }
  } else {
    open(remote);
    if (!socket_) return;
  }
  if (remote_.is_set()) {
    log_info("bridge {} moved from {} to {}", config_.name, remote_.to_string(), remote.to_string());
  } else {
    log_info("bridge {} is {}, sending from {}", config_.name, remote.to_string(),
             socket_->local_endpoint().to_string());
  }
  remote_ = remote;
  if (!had_socket) callbacks_.on_available(id_, true);
}

void Bridge::open(const Endpoint& remote) {
  close();
  UdpSocketOptions options;
  options.connect = remote;
  if (!config_.devices.empty()) options.device = config_.devices.front();
  options.buffer_bytes = kSocketBufferBytes;
  options.offload = tuning_.offload;
  options.bind.family = remote.family;
  if (config_.bind) options.bind = *config_.bind;
  auto socket = options.bind.port != 0 ? UdpSocket::open(options)
                                       : open_on_derived_port(options, identity_, config_.name);
  if (!socket) {
    retry_later(socket.error().what);
    return;
  }
  socket_.emplace(std::move(*socket));
  watcher_ = std::make_unique<ReadWatcher>(loop_, socket_->fd(), [this] { callbacks_.on_readable(id_); });
}

void Bridge::close() {
  if (!socket_) return;
  watcher_.reset();
  socket_.reset();
  callbacks_.on_available(id_, false);
}

void Bridge::retry_later(const std::string& problem) {
  if (problem != said_problem_) {
    log_warning("bridge {}: {}; trying again until it works, the other paths are not affected", config_.name,
                problem);
    said_problem_ = problem;
  }
  timer_.set(monotonic_now() + retry_);
  retry_ = std::min(2 * retry_, Duration{kLongestRetry});
}

void Bridge::on_down() {
  is_down_ = true;
  timer_.set(std::min(timer_.deadline(), monotonic_now() + kFirstRetry));
}

void Bridge::on_up() {
  is_down_ = false;
  said_error_ = 0;
}

void Bridge::on_error(int error) {
  if (error == said_error_ || error == EAGAIN || error == ENOBUFS) return;
  said_error_ = error;
  if (error == ECONNREFUSED) {
    log_warning("bridge {}: nothing listens on {} (connection refused)", config_.name, remote_.to_string());
  } else {
    log_warning("bridge {}: sending to {} fails: {}", config_.name, remote_.to_string(),
                std::strerror(error));
  }
}

}  // namespace mptunnel
