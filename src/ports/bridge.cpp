#include "mptunnel/ports/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// How often a name is looked up while its path is down.
constexpr Duration kResolveWhileDown = 10s;
/// How soon it is after a path went down.
constexpr Duration kResolveAfterDown = 1s;
/// How soon a name that had no address is looked up after interfaces have changed.
constexpr Duration kResolveAfterChange = 100ms;
/// How long the first lookup may take before addresses are used that answered in a former run. A name server
/// behind the tunnel does not say that it is missing: the lookup ends after 10 s or more.
constexpr Duration kKnownAfter = 2s;
/// How soon a path that led back to us is tried again.
constexpr Duration kShutFor = 5min;

}  // namespace

Bridge::Bridge(PathId id, const BridgeConfig& config, const std::string& name, const std::string& device,
               const BridgeContext& context)
    : id_(id),
      config_(config),
      context_(context),
      log_(name, device),
      names_(config.remote, context.ports, [this](const ResolveResult& result) { on_resolved(result); }),
      socket_(context.ports, context.interfaces, {device, config.bind}, context.identity, name,
              [this] { context_.events.on_bridge_readable(id_); }),
      attempt_alarm_(context.ports.clock.make_alarm([this] { try_next(); })),
      known_alarm_(context.ports.clock.make_alarm([this] { use_known("its name server does not answer"); })) {
}

void Bridge::start() {
  names_.ask();
  if (context_.known != nullptr) known_alarm_->set(context_.ports.clock.now() + kKnownAfter);
}

void Bridge::use_known(const std::string& why) {
  if (context_.known == nullptr || remote_.is_set()) return;
  candidates_.assign(context_.known->find(config_.remote),
                     config_.bind ? std::optional(config_.bind->family) : std::nullopt);
  if (candidates_.empty()) return;
  log_.uses_known(candidates_.first(), why);
  turn_to(candidates_.first());
  // It is said already, whenever a lookup fails again.
  if (socket_.is_open()) log_.knows_problem(why);
}

void Bridge::on_resolved(const ResolveResult& result) {
  if (!result) {
    // An address that is in use stays in use: a name server that fails is no reason to give a path up.
    if (!socket_.is_open()) problem_ = result.error();
    log_.has_problem(result.error());
    return use_known(result.error());
  }
  known_alarm_->cancel();
  candidates_.assign(*result, config_.bind ? std::optional(config_.bind->family) : std::nullopt);
  if (candidates_.empty()) return close("its name has no address of the family of its bind address");
  const bool is_present = candidates_.contains(remote_);
  if (!is_present || !socket_.is_open()) {
    turn_to(is_present ? remote_ : candidates_.first());
  } else if (!is_up_) {
    check_source();
  }
  if (!socket_.is_open()) return;
  names_.found(is_up_ ? context_.resolve_interval
                      : std::min<Duration>(kResolveWhileDown, context_.resolve_interval));
}

void Bridge::turn_to(const Endpoint& remote, bool quietly) {
  const Endpoint before = remote_;
  Endpoint candidate = remote;
  auto first = socket_.use(candidate);
  bool is_usable = first.has_value();
  for (std::size_t i = 1; !is_usable && i < candidates_.size(); ++i) {
    candidate = candidates_.after(candidate);
    is_usable = socket_.use(candidate).has_value();
  }
  is_up_ = false;
  remote_ = is_usable ? candidate : remote;
  if (!is_usable) return close(std::move(first.error()));
  if (quietly) {
    log_.attempts(remote_);
  } else {
    log_.turned_to(remote_, socket_.local(), before);
  }
  problem_.clear();
  warn_of_tunnel();
  watch_attempt();
  // The engine may believe that it is there still, when only a new socket could be had.
  context_.events.on_bridge_available(id_, true);
  context_.events.on_bridge_readdressed(id_);
}

void Bridge::watch_attempt() {
  const bool is_attempt = candidates_.size() > 1 && !is_up_ && socket_.is_open();
  attempt_alarm_->set(is_attempt ? context_.ports.clock.now() + candidates_.patience() : kNever);
}

void Bridge::try_next() {
  if (is_up_ || candidates_.size() < 2) return;
  candidates_.note_unanswered();
  const Endpoint before = remote_;
  turn_to(candidates_.after(remote_), true);
  // The others can't be sent to: this one it is, whether it answers or not.
  if (remote_ == before && socket_.is_open())
    attempt_alarm_->set(context_.ports.clock.now() + CandidateList::kLongestPatience);
}

void Bridge::close(std::string problem) {
  problem_ = std::move(problem);
  log_.has_problem(problem_);
  names_.ask_soon();
  attempt_alarm_->cancel();
  is_up_ = false;
  socket_.close();
  context_.events.on_bridge_available(id_, false);
}

void Bridge::on_interfaces() {
  if (names_.is_paused()) return;
  if (!remote_.is_set()) {
    // A name that did not resolve without a network may do now.
    names_.ask_within(kResolveAfterChange);
    return;
  }
  const bool has_problem = interface_problem(context_.interfaces, socket_.from(), remote_).has_value();
  if (!socket_.is_open() || has_problem || !socket_.has_valid_device()) {
    if (socket_.is_open() || !has_problem || candidates_.size() > 1) turn_to(remote_);
    return;
  }
  if (!is_up_ || !socket_.has_valid_source()) check_source();
}

void Bridge::check_source() {
  if (config_.bind || !socket_.is_open()) return;
  const Endpoint before = socket_.local();
  const auto source = context_.ports.sockets.source_address_towards(remote_, device());
  const NetworkInterface* owner = source ? context_.interfaces.owner_of(*source) : nullptr;
  if (source && *source == before.with_port(0)) {
    // Routing still says so, although the interface has lost its carrier.
    if (owner != nullptr && !owner->is_up) close(fmt::format("interface {} is down", owner->name));
    return;
  }
  // The VPN that runs through this program may have taken the route to the bridge.
  if (owner != nullptr && owner->is_tunnel && socket_.has_valid_source()) return;
  if (!socket_.use(remote_)) return turn_to(remote_);
  log_.sends_from(socket_.local(), before);
  is_up_ = false;
  warn_of_tunnel();
  watch_attempt();
  context_.events.on_bridge_readdressed(id_);
}

void Bridge::warn_of_tunnel() {
  if (!device().empty()) return;
  const NetworkInterface* tunnel = tunnel_of(context_.interfaces, socket_.local());
  if (tunnel != nullptr) log_.leads_over_tunnel(tunnel->name);
}

void Bridge::on_up() {
  log_.answers(remote_, socket_.is_open() ? socket_.local() : Endpoint{});
  is_up_ = true;
  if (context_.known != nullptr) context_.known->note(config_.remote, remote_);
  problem_.clear();
  candidates_.note_answered();
  attempt_alarm_->cancel();
}

void Bridge::on_down() {
  is_up_ = false;
  if (names_.is_paused()) return;
  names_.ask_within(kResolveAfterDown);
  watch_attempt();
}

void Bridge::shut_for_loop() {
  const std::string problem =
      "what is sent on it comes back in from the application: the tunnel would carry itself";
  // The engine's event has its line already.
  log_.knows_problem(problem);
  names_.pause(kShutFor);
  close(problem);
}

void Bridge::on_error(int error) {
  if (auto problem = log_.meets_error(error, remote_)) problem_ = std::move(*problem);
}

}  // namespace mptunnel
