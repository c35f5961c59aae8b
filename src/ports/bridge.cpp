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
/// After so much silence it is explained, and the explanation looked at again.
constexpr Duration kExplainAfter = 1500ms;
/// What ICMP said before may be of an outage that was over by then: a path that is down was silent for
/// longer.
constexpr Duration kJustBeforeDown = 5s;

}  // namespace

Bridge::Bridge(PathId id, const BridgeConfig& config, const std::string& name, const std::string& device,
               const BridgeContext& context, LimitedLog& lines)
    : id_(id),
      config_(config),
      zone_(zone_of(config.remote.host)),
      context_(context),
      log_(name, device, lines),
      names_(config.remote, context.ports, [this](const ResolveResult& result) { on_resolved(result); }),
      socket_(
          context.ports, context.interfaces, {device, config.bind}, context.identity, name,
          [this] { context_.events.on_bridge_readable(id_); },
          [this] { context_.events.on_bridge_elsewhere_readable(id_); }),
      route_(context.ports.routing, context.interfaces, {device, config.bind}, context.mark),
      attempt_alarm_(context.ports.clock.make_alarm([this] { try_next(); })),
      silence_alarm_(context.ports.clock.make_alarm([this] { explain_silence(); })),
      port_alarm_(context.ports.clock.make_alarm([this] { try_port(); })),
      known_alarm_(context.ports.clock.make_alarm([this] { use_known("its name server does not answer"); })) {
}

void Bridge::start() {
  names_.ask();
  if (context_.known != nullptr) known_alarm_->set(context_.ports.clock.now() + kKnownAfter);
}

void Bridge::use_known(const std::string& why) {
  // An interface that comes again has another number.
  if (context_.known == nullptr || remote_.is_set() || !zone_.empty()) return;
  candidates_.assign(context_.known->find(config_.remote),
                     config_.bind ? std::optional(config_.bind->family) : std::nullopt);
  if (candidates_.empty()) return;
  log_.uses_known(candidates_.first(), why);
  turn_to(candidates_.first());
  // It is said already, whenever a lookup fails again.
  if (socket_.is_open()) log_.knows_problem(why);
}

void Bridge::on_resolved(const ResolveResult& result) {
  shut_on_ = 0;
  if (is_link_missing()) return close(words_of_missing_interface(zone_));
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
    follow_route();
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
  has_moved_ = is_up_ && candidate != before;
  is_up_ = false;
  sent_to_ = {};
  may_go_elsewhere_ = true;
  remote_ = is_usable ? candidate : remote;
  if (!is_usable) return close(std::move(first.error()));
  if (quietly) {
    log_.attempts(remote_);
  } else {
    log_.turned_to(remote_, socket_.local(), before);
  }
  problem_.clear();
  route_.reset();
  route_.look(remote_, socket_.local());
  note_tunnel();
  await_answer();
  // The engine may believe that it is there still, when only a new socket could be had.
  context_.events.on_bridge_available(id_, true);
  context_.events.on_bridge_readdressed(id_);
}

void Bridge::await_answer() {
  const TimePoint now = context_.ports.clock.now();
  is_up_ = false;
  answered_from_ = {};
  hear_elsewhere();
  watch_attempt();
  silence_alarm_->set(now + kExplainAfter);
  if (port_alarm_->deadline() != kNever) return;
  received_ = context_.events.received_by(id_);
  port_alarm_->set(now + port_patience(port_turns_));
}

void Bridge::hear_elsewhere() {
  if (has_moved_ || candidates_.has_rival(remote_)) return socket_.hear_none();
  socket_.hear_all();
}

void Bridge::hear_besides() {
  if (!sent_to_.is_set()) return hear_elsewhere();
  socket_.hear_all();
  socket_.hear_only(remote_);
}

void Bridge::try_port() {
  if (is_up_ || !socket_.is_open()) return;
  has_moved_ = false;
  const Endpoint before = socket_.local();
  // A path that is heard, though it does not answer, is known by its port to whoever sends.
  const std::uint64_t received = context_.events.received_by(id_);
  if (std::exchange(received_, received) == received && socket_.turn_port(remote_)) {
    ++port_turns_;
    log_.tries_port(socket_.local(), before);
    // Each of the name's addresses has a turn from this port.
    candidates_.note_answered();
    await_answer();
    context_.events.on_bridge_readdressed(id_);
  }
  port_alarm_->set(context_.ports.clock.now() + port_patience(port_turns_));
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
  stop_trying();
  is_up_ = false;
  socket_.close();
  context_.events.on_bridge_available(id_, false);
}

void Bridge::on_interfaces() {
  if (names_.is_paused()) return;
  if (!remote_.is_set() || !is_on_its_link()) {
    // A name that did not resolve without a network may do now.
    names_.ask_within(kResolveAfterChange);
    return;
  }
  const bool has_problem = interface_problem(context_.interfaces, socket_.from(), remote_).has_value();
  if (!socket_.is_open() || has_problem || !socket_.has_valid_device()) {
    if (socket_.is_open() || !has_problem || candidates_.size() > 1) turn_to(remote_);
    return;
  }
  follow_route();
}

void Bridge::on_routes() {
  if (shut_on_ != 0) {
    const auto hop = route_.choice(remote_);
    // The pause of what led back ends with the tunnel.
    if (hop && hop->interface != std::exchange(shut_on_, hop->interface)) names_.ask();
    return;
  }
  if (names_.is_paused()) return;
  if (!remote_.is_set() || !is_on_its_link()) {
    names_.ask_within(kResolveAfterChange);
  } else if (socket_.is_open()) {
    follow_route();
  } else if (candidates_.size() > 1 || route_.choice(remote_)) {
    turn_to(remote_);
  }
}

void Bridge::follow_route() {
  if (!socket_.is_open()) return;
  const std::uint32_t before = route_.interface();
  const bool is_other = route_.look(remote_, socket_.local());
  if (!config_.bind && !follow_source()) return;
  note_tunnel();
  // What the path is like depends on its interface; a path that is down is tried at once.
  if (!is_other || (is_up_ && route_.interface() == before)) return;
  await_answer();
  context_.events.on_bridge_readdressed(id_);
}

bool Bridge::follow_source() {
  const Endpoint before = socket_.local();
  const auto hop = route_.choice(sent_to_.is_set() ? sent_to_ : remote_);
  if (hop ? !hop->source.is_set() : !is_no_route(hop.error())) return true;
  if (hop && hop->source == before.with_port(0)) {
    // Whose the address is does not matter: a route may give that of any interface.
    const NetworkInterface* leaves_by = context_.interfaces.find(hop->interface);
    // Routing still says so, although the interface has lost its carrier.
    if (leaves_by == nullptr || leaves_by->is_up) return true;
    close(fmt::format("interface {} is down", leaves_by->name));
    return false;
  }
  // An address beside the one in use is no better.
  const NetworkInterface* present = context_.interfaces.owner_of(before);
  if (hop && is_up_ && present != nullptr && present->is_up && present->index == hop->interface) return true;
  const bool is_heard = socket_.elsewhere() != nullptr;
  if (!socket_.use(sent_to_.is_set() ? sent_to_ : remote_)) {
    turn_to(remote_);
    return false;
  }
  if (socket_.local() == before) {
    // The system chooses as it did: nothing is new.
    if (is_heard) hear_besides();
    return true;
  }
  if (sent_to_.is_set() && !socket_.use(remote_)) {
    turn_to(remote_);
    return false;
  }
  sent_to_ = {};
  log_.sends_from(socket_.local(), before);
  route_.look(remote_, socket_.local());
  note_tunnel();
  await_answer();
  context_.events.on_bridge_readdressed(id_);
  return false;
}

void Bridge::note_tunnel() {
  const NetworkInterface* tunnel = route_.tunnel();
  const std::uint32_t index = tunnel == nullptr ? 0 : tunnel->index;
  if (index == tunnel_) return;
  tunnel_ = index;
  if (tunnel != nullptr) {
    log_.leads_over_tunnel(tunnel->name, remote_);
  } else {
    log_.leaves_tunnel();
  }
  context_.events.on_bridge_held(id_, tunnel != nullptr);
}

void Bridge::on_proved() {
  const NetworkInterface* tunnel = route_.tunnel();
  if (tunnel != nullptr) log_.trusts_tunnel(tunnel->name);
}

void Bridge::explain_silence() {
  if (is_up_ || !socket_.is_open()) return;
  auto why = route_.explain(remote_, socket_.local(), context_.ports.clock.now());
  if (why) {
    log_.explains(*why);
    problem_ = *why;
  } else if (problem_ == explained_) {
    problem_.clear();
  }
  explained_ = why.value_or("");
  silence_alarm_->set(context_.ports.clock.now() + kExplainAfter);
}

bool Bridge::settle() {
  const Endpoint from = std::exchange(answered_from_, {});
  if (sent_to_.is_set()) {
    is_elsewhere_proved_ = true;
    log_.answers_from(sent_to_, remote_, true);
  } else if (!from.is_set() || from == remote_) {
    socket_.hear_none();
  } else if (may_go_elsewhere_ && route_.leaves_alike(remote_, from)) {
    if (socket_.use_heard(from, remote_)) {
      go_elsewhere(from);
      return false;
    }
    // That left the socket without an address.
    turn_to(remote_);
    return false;
  } else {
    socket_.hear_only(from);
    log_.answers_from(from, remote_, false);
  }
  return true;
}

void Bridge::go_elsewhere(const Endpoint& to) {
  // A forwarder that knows us by the address that it answers from (socat) takes what comes to another for a
  // new client's. If nothing answers there, on_down() follows.
  sent_to_ = to;
  is_elsewhere_proved_ = is_up_ = false;
  stop_trying();
  context_.events.on_bridge_readdressed(id_);
}

void Bridge::give_elsewhere_up() {
  if (!sent_to_.is_set()) return;
  may_go_elsewhere_ = is_elsewhere_proved_;
  sent_to_ = {};
  if (!socket_.use(remote_)) return turn_to(remote_);
  context_.events.on_bridge_readdressed(id_);
}

void Bridge::stop_trying() {
  attempt_alarm_->cancel();
  silence_alarm_->cancel();
  port_alarm_->cancel();
}

void Bridge::on_up() {
  if (socket_.is_open() && !settle()) return;
  log_.answers(remote_, socket_.is_open() ? socket_.local() : Endpoint{});
  is_up_ = true;
  if (context_.known != nullptr) context_.known->note(config_.remote, remote_);
  problem_.clear();
  route_.forget_icmp();
  candidates_.note_answered();
  port_turns_ = 0;
  has_moved_ = false;
  stop_trying();
}

void Bridge::on_suspect() {
  follow_route();
  // Its answers may have begun to come from elsewhere.
  if (socket_.is_open() && socket_.elsewhere() == nullptr) hear_elsewhere();
}

void Bridge::on_down() {
  is_up_ = false;
  route_.forget_icmp_before(context_.ports.clock.now() - kJustBeforeDown);
  if (names_.is_paused()) return;
  names_.ask_within(kResolveAfterDown);
  give_elsewhere_up();
  if (socket_.is_open()) await_answer();
  explain_silence();
}

void Bridge::shut_for_loop() {
  const std::string problem =
      "what is sent on it comes back in from the application: the tunnel would carry itself; give it "
      "dev=INTERFACE, a route of its own, or fwmark";
  // The engine's event has its line already.
  log_.knows_problem(problem);
  names_.pause(kShutFor);
  shut_on_ = route_.interface();
  close(problem);
}

void Bridge::on_icmp(const IcmpReport& report) {
  if (!socket_.is_open() || (report.to != remote_ && report.to != sent_to_)) return;
  // What this host's own kernel says by ICMP, it says better if it is asked.
  const bool is_own = report.from == socket_.local().with_port(0) && report.from != report.to.with_port(0);
  if (!is_own && route_.note_icmp(report, context_.ports.clock.now())) explain_silence();
}

void Bridge::on_error(int error) {
  const auto here = [&] {
    return is_no_route(error) && socket_.is_open() ? route_.explain_here(remote_, socket_.local())
                                                   : std::nullopt;
  };
  if (auto problem = log_.meets_error(error, remote_, here)) problem_ = std::move(*problem);
}

}  // namespace mptunnel
