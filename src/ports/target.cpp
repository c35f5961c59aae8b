#include "mptunnel/ports/target.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mptunnel/base/cursor.h"
#include "mptunnel/host/log.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// How soon the name of a target that fails is looked up again.
constexpr Duration kResolveAfterError = 30s;

}  // namespace

Target::Target(const HostPort& address, Duration resolve_interval, const PortContext& context,
               OnReadable on_readable)
    : resolve_interval_(resolve_interval),
      context_(context),
      on_readable_(std::move(on_readable)),
      names_(address, context, [this](const ResolveResult& result) { on_resolved(result); }) {}

void Target::on_resolved(const ResolveResult& result) {
  const std::string name = to_string(names_.name());
  if (!result) {
    if (said_problem_ != result.error())
      log_warning("target {}: {}; trying again until it works", name, result.error());
    said_problem_ = result.error();
    return;
  }
  said_problem_.clear();
  names_.found(resolve_interval_);
  if (std::find(result->begin(), result->end(), remote_) != result->end()) return;
  remote_ = result->front();
  log_info("target {} is {}", name, remote_.to_string());
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
  auto socket = open_on_derived_port(context_.sockets, request, hash, "target");
  if (!socket) {
    if (!said_socket_error_) log_error("no socket towards the target for a flow: {}", socket.error().what);
    said_socket_error_ = true;
    return;
  }
  said_socket_error_ = false;
  flow.socket = std::move(*socket);
  flow.watcher = std::make_unique<ReadWatcher>(context_.loop, flow.socket->fd(),
                                               [this, handle] { on_readable_(handle); });
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
  names_.ask_within(kResolveAfterError);
  if (error == ECONNREFUSED) {
    log_warning("target {} refuses: nothing listens on {} (logged once; still sending)",
                to_string(names_.name()), remote_.to_string());
  } else {
    log_warning("target {}: sending to {} fails: {} (logged once; still sending)", to_string(names_.name()),
                remote_.to_string(), std::strerror(error));
  }
}

void Target::on_answer() {
  if (said_error_ == 0) return;
  said_error_ = 0;
  log_info("target {} answers", to_string(names_.name()));
}

}  // namespace mptunnel
