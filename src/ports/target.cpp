#include "mptunnel/ports/target.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/base/cursor.h"
#include "mptunnel/host/log.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

bool is_refusal(int error) {
  return error != EAGAIN && error != ENOBUFS && error != EMSGSIZE;
}

}  // namespace

Target::Target(const HostPort& address, Duration resolve_interval, const PortContext& context,
               OnReadable on_readable)
    : resolve_interval_(resolve_interval),
      context_(context),
      on_readable_(std::move(on_readable)),
      names_(address, context, [this](const ResolveResult& result) { on_resolved(result); }),
      is_name_(!parse_numeric_endpoint(address.host, address.port)),
      alarm_(context.clock.make_alarm([this] { on_alarm(); })) {}

void Target::on_resolved(const ResolveResult& result) {
  const std::string name = to_string(names_.name());
  if (!result) {
    if (said_problem_ != result.error())
      log_warning("target {}: {}; trying again until it works", name, result.error());
    said_problem_ = result.error();
    if (!failing_since_ && !remote().is_set()) failing_since_ = context_.clock.now();
    return;
  }
  if (!remote().is_set()) failing_since_.reset();
  said_problem_.clear();
  names_.found(resolve_interval_);
  if (const auto change = addresses_.assign(*result, context_.clock.now())) move(*change);
  watch();
}

void Target::on_alarm() {
  const TimePoint now = context_.clock.now();
  if (addresses_.take_lookup(now) && is_name_) names_.ask();
  if (const auto change = addresses_.take_move(now)) move(*change);
  watch();
}

void Target::start_waiting() {
  addresses_.note_sent(context_.clock.now());
  watch();
}

void Target::end_waiting() {
  addresses_.note_answer();
  if (said_error_ != 0 || said_move_)
    log_info("target {} answers from {}", to_string(names_.name()), remote().to_string());
  said_error_ = 0;
  said_move_ = false;
  failing_since_.reset();
}

std::optional<Target::Problem> Target::problem() const {
  const TimePoint now = context_.clock.now();
  if (const auto missed = addresses_.missed_since(now); missed && !failing_since_)
    return Problem{remote().to_string() + " answered before, and does not answer now", now - *missed};
  if (!failing_since_) return std::nullopt;
  const Duration lasts = now - *failing_since_;
  if (!remote().is_set()) return Problem{said_problem_, lasts};
  const std::string address = remote().to_string();
  if (said_error_ == ECONNREFUSED) return Problem{"nothing listens on " + address, lasts};
  return Problem{fmt::format("sending to {} fails: {}", address, std::strerror(said_error_)), lasts};
}

void Target::watch() {
  // One that is set early finds nothing due, and costs less than to be set with each question and answer.
  if (const TimePoint due = addresses_.deadline(); due < alarm_->deadline()) alarm_->set(due);
}

void Target::move(const TargetAddresses::Move& move) {
  log_move(move);
  for (auto& [handle, flow] : flows_) connect(handle, flow);
}

void Target::log_move(const TargetAddresses::Move& move) {
  const std::string name = to_string(names_.name());
  if (!move.from.is_set()) return log_info("target {} is {}", name, move.to.to_string());
  if (!moves_.take(context_.clock.now())) {
    ++moves_unsaid_;
    return;
  }
  const std::string unsaid =
      moves_unsaid_ == 0 ? "" : fmt::format(" ({} changes before were not logged)", moves_unsaid_);
  moves_unsaid_ = 0;
  const std::string from = move.from.to_string();
  if (move.why == TargetAddresses::Why::resolved)
    return log_info("target {} moved from {} to {}{}", name, from, move.to.to_string(), unsaid);
  said_move_ = true;
  const bool is_silent = move.why == TargetAddresses::Why::silent;
  const std::string why = is_silent                     ? "does not answer"
                          : said_error_ == ECONNREFUSED ? "refuses: nothing listens there"
                                                        : std::strerror(said_error_);
  log_warning("target {}: {} {}; {} is tried{}", name, from, why, move.to.to_string(), unsaid);
}

void Target::open(FlowHandle handle, std::uint64_t hash) {
  Flow& flow = flows_[handle];
  flow.hash = hash;
  if (!remote().is_set()) return;
  addresses_.note_flow(context_.clock.now());
  connect(handle, flow);
}

void Target::connect(FlowHandle handle, Flow& flow) {
  flow.watcher.reset();
  flow.socket.reset();
  std::array<std::uint8_t, 8> hash{};
  ByteWriter(hash).u64(flow.hash);
  SocketRequest request{.use = SocketUse::target, .bind = {}, .connect = remote(), .device = {}};
  request.bind.family = remote().family;
  auto socket = open_on_derived_port(context_.sockets, request, hash, "target");
  if (!socket) {
    if (!said_socket_error_) log_error("no socket towards the target for a flow: {}", socket.error().what);
    said_socket_error_ = true;
    if (socket.error().error == ENETUNREACH || socket.error().error == EAFNOSUPPORT ||
        socket.error().error == EADDRNOTAVAIL)
      note_unreachable(socket.error().error);
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
  if (!found->second.socket && remote().is_set()) connect(handle, found->second);
  return found->second.socket.get();
}

void Target::on_error(int error) {
  if (!is_refusal(error)) return;
  note_refused();
  // If another address has its turn now, the line about that says why.
  const bool is_said = error == std::exchange(said_error_, error) || addresses_.has_others();
  if (is_said) return;
  const std::string name = to_string(names_.name());
  if (error == ECONNREFUSED) {
    log_warning("target {} refuses: nothing listens on {} (logged once; still sending)", name,
                remote().to_string());
  } else {
    log_warning("target {}: sending to {} fails: {} (logged once; still sending)", name, remote().to_string(),
                std::strerror(error));
  }
}

void Target::note_unreachable(int error) {
  said_error_ = error;
  note_refused();
}

void Target::note_refused() {
  if (!failing_since_) failing_since_ = context_.clock.now();
  addresses_.note_refused(context_.clock.now());
  watch();
}

}  // namespace mptunnel
