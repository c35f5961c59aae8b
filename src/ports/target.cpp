#include "mptunnel/ports/target.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mptunnel/base/cursor.h"
#include "mptunnel/host/log.h"
#include "mptunnel/net/clock.h"
#include "mptunnel/ports/derived_port.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstRetry = 1s;
constexpr Duration kLongestRetry = 30s;

}  // namespace

Target::Target(HostPort address, Duration resolve_interval, SocketFactory& sockets, Loop& loop,
               Resolver& resolver, OnReadable on_readable)
    : address_(std::move(address)),
      resolve_interval_(resolve_interval),
      sockets_(sockets),
      loop_(loop),
      resolver_(resolver),
      on_readable_(std::move(on_readable)),
      timer_(loop, [this] { resolve(); }),
      retry_(kFirstRetry) {}

void Target::start() {
  resolve();
}

void Target::resolve() {
  request_ = resolver_.resolve(address_.host, address_.port,
                               [this](const ResolveResult& result) { on_resolved(result); });
}

void Target::on_resolved(const ResolveResult& result) {
  if (!result) {
    if (said_problem_ != result.error()) {
      log_warning("target {}: {}; trying again until it works", to_string(address_), result.error());
      said_problem_ = result.error();
    }
    timer_.set(monotonic_now() + retry_);
    retry_ = std::min(2 * retry_, Duration{kLongestRetry});
    return;
  }
  said_problem_.clear();
  retry_ = kFirstRetry;
  timer_.set(monotonic_now() + resolve_interval_);
  if (std::find(result->begin(), result->end(), remote_) != result->end()) return;
  remote_ = result->front();
  log_info("target {} is {}", to_string(address_), remote_.to_string());
  for (auto& [handle, flow] : flows_) connect(handle, flow);
}

void Target::open(FlowHandle handle, std::uint64_t hash) {
  Flow& flow = flows_[handle];
  flow.hash = hash;
  if (remote_.is_set()) connect(handle, flow);
}

void Target::connect(FlowHandle handle, Flow& flow) {
  flow.watcher.reset();
  flow.socket.reset();
  std::array<std::uint8_t, 8> hash{};
  ByteWriter(hash).u64(flow.hash);
  SocketRequest request{.use = SocketUse::target, .bind = {}, .connect = remote_, .device = {}};
  request.bind.family = remote_.family;
  auto socket = open_on_derived_port(sockets_, request, hash, "target");
  if (!socket) {
    if (!said_socket_error_) log_error("no socket towards the target for a flow: {}", socket.error().what);
    said_socket_error_ = true;
    return;
  }
  said_socket_error_ = false;
  flow.socket = std::move(*socket);
  flow.watcher =
      std::make_unique<ReadWatcher>(loop_, flow.socket->fd(), [this, handle] { on_readable_(handle); });
}

void Target::close(FlowHandle handle) {
  flows_.erase(handle);
}

DatagramSocket* Target::socket(FlowHandle handle) {
  const auto found = flows_.find(handle);
  if (found == flows_.end()) return nullptr;
  // A flow that got no socket, for lack of descriptors or of an address, tries again with its next datagram.
  if (!found->second.socket && remote_.is_set()) connect(handle, found->second);
  return found->second.socket.get();
}

void Target::on_error(int error) {
  if (error == said_error_ || error == EAGAIN || error == ENOBUFS) return;
  said_error_ = error;
  // Its name may lead to another address by now.
  timer_.set(std::min(timer_.deadline(), monotonic_now() + kLongestRetry));
  if (error == ECONNREFUSED) {
    log_warning("target {} refuses: nothing listens on {} (said once; it is tried on)", to_string(address_),
                remote_.to_string());
  } else {
    log_warning("target {}: sending to {} fails: {} (said once; it is tried on)", to_string(address_),
                remote_.to_string(), std::strerror(error));
  }
}

void Target::on_answer() {
  if (said_error_ == 0) return;
  said_error_ = 0;
  log_info("target {} answers", to_string(address_));
}

}  // namespace mptunnel
