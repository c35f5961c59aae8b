#include "mptunnel/engine/event_limiter.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace mptunnel {
namespace {

using Rate = NewsBudget::Rate;

constexpr double kOnceAMinute = 1.0 / 60;
constexpr Rate kUnlimited{1e9, 1e9};
constexpr Rate kEachHalfMinute{1 / std::chrono::duration<double>(kNewsEach).count(), kNewsBurst};
constexpr Rate kThenHourly{1.0 / 3600, kNewsBeforeHourly};

struct Rule {
  const char* name;  ///< of what was left out, in the plural; null: it is not told
  Rate of_source;
  Rate of_all;
  Rate in_the_long_run = kUnlimited;  ///< of a source
};

// A client is a line when its session starts and ends, and one for each path: a few clients that restart a
// few times within a minute are told whole.
constexpr std::array<Rule, static_cast<std::size_t>(EventKind::count_)> kRules{{
    {"refusals by full tables", {kOnceAMinute, 1}, {1, 10}},
    {"handshakes with another key", {kOnceAMinute, 1}, {0.1, 10}},
    {"refused handshakes", {kOnceAMinute, 1}, {0.1, 10}},
    {"refusals by quotas of keys", {kOnceAMinute, 4}, {0.1, 20}},
    {"seconds in which a client went beyond its max-rate", {kOnceAMinute, 1}, {0.1, 20}},
    {"starts and ends of sessions", {0.1, 20}, {0.5, 100}},
    {"clashes of identities", {kOnceAMinute, 4}, {0.1, 20}},
    {"changes of paths", {0.2, 40}, {0.5, 100}},
    {nullptr, {0.2, 40}, {0.5, 100}},
    {"paths that lose much", {1.0 / 30, 4}, {0.1, 20}, kThenHourly},
    {"lines that take less than they are given", {1.0 / 30, 4}, {0.1, 20}, kThenHourly},
    {"marks that vanish or pass again", {1.0 / 30, 4}, {0.1, 20}, kThenHourly},
    {"warnings of fragments", {kOnceAMinute, 4}, {0.1, 20}},
    {"answers about inner addresses", {1.0 / 30, 8}, {0.5, 100}},
    {"starts and ends of the session", {1.0 / 30, 20}, kUnlimited, {1.0 / 3600, 60}},
    {"times that no path answered", {1.0 / 30, 2}, kUnlimited, kThenHourly},
    {"changes of bridges", kEachHalfMinute, {0.5, 100}, kThenHourly},
    {"changes of the reserve", kEachHalfMinute, {0.5, 100}, kThenHourly},
}};

const Rule& rule_of(EventKind kind) {
  return kRules[static_cast<std::size_t>(kind)];
}
bool is_wavering(PathState was, PathState state) {
  const bool is_suspect = was == PathState::suspect || state == PathState::suspect;
  return is_suspect && state != PathState::down;
}

}  // namespace

struct EventLimiter::Subject {
  EventKind kind{};
  Endpoint from;             ///< not set if it is about nobody
  std::uint64_t source = 0;  ///< whose budget it is
  std::optional<PathId> path;
};

/// nullopt: nobody else causes it.
struct EventLimiter::SubjectOf {
  using Found = std::optional<Subject>;

  static Found about(EventKind kind, const Endpoint& from) {
    return Subject{kind, from, source_network(from), std::nullopt};
  }
  /// A path of mpclient.
  static Found about(EventKind kind, PathId path, unsigned part = 0) {
    return Subject{kind, {}, std::uint64_t{path.value} * 2 + part, path};
  }
  static Found about_all(EventKind kind) { return Subject{kind, {}, 0, std::nullopt}; }
  /// A client that has a key of its own is a source, whoever shares its network.
  static Found about(EventKind kind, const SessionRef& session, const Endpoint& from) {
    if (session.key_name.empty()) return about(kind, from);
    return Subject{kind, from, std::hash<std::string>{}(session.key_name), std::nullopt};
  }

  Found operator()(const TablesFull& event) const {
    return Subject{EventKind::full_table, {}, static_cast<std::uint64_t>(event.drop), std::nullopt};
  }
  Found operator()(const NetworkFull& event) const {
    return about(EventKind::full_table, event.route.remote);
  }
  Found operator()(const HandshakeOtherKey& event) const {
    return about(EventKind::other_key, event.route.remote);
  }
  Found operator()(const HandshakeDisabled& event) const {
    return about(EventKind::refused_handshake, event.route.remote);
  }
  Found operator()(const ClientQuotaReached& event) const {
    return about(event.drop == Drop::key_rate ? EventKind::over_rate : EventKind::quota, event.session,
                 event.session.from);
  }
  Found operator()(const HandshakeRefused& event) const {
    return about(EventKind::refused_handshake, event.route.remote);
  }
  Found operator()(const ClientSessionStarted& event) const {
    return about(EventKind::session, event.session, event.route.remote);
  }
  Found operator()(const ClientTakenOver& event) const {
    return about(EventKind::session, event.session, event.route.remote);
  }
  Found operator()(const ClientSessionEnded& event) const {
    return about(EventKind::session, event.session, event.session.from);
  }
  Found operator()(const ClientSessionSilent& event) const {
    return about(EventKind::session, event.session, event.session.from);
  }
  Found operator()(const IdentitiesClash& event) const {
    return about(EventKind::clash, event.session, event.route.remote);
  }
  Found operator()(const ClientPathChanged& event) const {
    return about(is_wavering(event.was, event.state) ? EventKind::wavering_path : EventKind::path,
                 event.session, event.route.remote);
  }
  Found operator()(const ClientPathLossy& event) const {
    return about(EventKind::lossy_path, event.session, event.route.remote);
  }
  Found operator()(const ClientPathOverloaded& event) const {
    return about(EventKind::overload, event.session, event.route.remote);
  }
  Found operator()(const ClientPathMark& event) const {
    return about(EventKind::mark, event.session, event.route.remote);
  }
  Found operator()(const ClientPathMoved& event) const {
    return about(EventKind::path, event.session, event.to.remote);
  }
  Found operator()(const ClientPathStayed& event) const {
    return about(EventKind::path, event.session, event.route.remote);
  }
  Found operator()(const ClientFragmenting& event) const {
    return about(EventKind::fragmenting, event.session, event.session.from);
  }
  Found operator()(const ClientInnerAddresses& event) const {
    return about(EventKind::addresses, event.session, event.session.from);
  }
  Found operator()(const EventsLeftOut&) const { return std::nullopt; }
  // Of mpclient.
  Found operator()(const SessionStarted& event) const {
    // New keys of the same session are made by time.
    return event.resumed ? std::nullopt : about_all(EventKind::own_session);
  }
  Found operator()(const SessionEnded&) const { return about_all(EventKind::own_session); }
  Found operator()(const SessionRefused&) const { return about_all(EventKind::own_session); }
  Found operator()(const NoAnswer&) const { return about_all(EventKind::own_session); }
  Found operator()(const SessionLost&) const { return about_all(EventKind::outage); }
  Found operator()(const TrafficResumed&) const { return about_all(EventKind::outage); }
  Found operator()(const PathChanged& event) const {
    return about(is_wavering(event.was, event.state) ? EventKind::wavering_path : EventKind::bridge,
                 event.path);
  }
  Found operator()(const PathLossy& event) const {
    return about(EventKind::lossy_path, event.path, static_cast<unsigned>(event.direction));
  }
  Found operator()(const PathOverloaded& event) const { return about(EventKind::overload, event.path); }
  Found operator()(const PathOneWay& event) const { return about(EventKind::bridge, event.path); }
  Found operator()(const PathMark& event) const { return about(EventKind::mark, event.path); }
  Found operator()(const PathStandby& event) const { return about(EventKind::reserve, event.path); }
  Found operator()(const PathLooped& event) const { return about(EventKind::bridge, event.path); }
  Found operator()(const PathProved& event) const { return about(EventKind::bridge, event.path); }
  Found operator()(const PathReturns& event) const { return about(EventKind::bridge, event.path); }
  Found operator()(const InnerAddresses&) const { return about_all(EventKind::addresses); }
  Found operator()(const InnerUnsupported&) const { return about_all(EventKind::addresses); }
  Found operator()(const Fragmenting& event) const { return about(EventKind::fragmenting, event.path); }
};

EventLimiter::EventLimiter() {
  for (const Rule& rule : kRules) all_.emplace_back(rule.of_all.per_second, rule.of_all.burst);
}

void EventLimiter::filter(Output& out, std::size_t first, TimePoint now) {
  const auto begin = out.events.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end =
      std::remove_if(begin, out.events.end(), [&](const Event& event) { return !allows(event, now); });
  out.events.erase(end, out.events.end());
}

bool EventLimiter::ends_said_outage(const Event& event) {
  const auto* resumed = std::get_if<TrafficResumed>(&event);
  return resumed != nullptr && (std::exchange(is_outage_said_, false) || resumed->after >= kNewsEach);
}

bool EventLimiter::allows(const Event& event, TimePoint now) {
  const auto subject = std::visit(SubjectOf{}, event);
  if (!subject || ends_said_outage(event)) return true;
  const auto kind = static_cast<std::size_t>(subject->kind);
  const bool is_end = std::holds_alternative<TrafficResumed>(event);
  // What its source's budget refuses costs the others nothing.
  if (!is_end && budget_of(subject->kind, subject->source).take(now) && all_[kind].take(now)) {
    if (std::holds_alternative<SessionLost>(event) || std::holds_alternative<SessionEnded>(event))
      is_outage_said_ = true;
    return true;
  }
  // The end of an outage that was left out is one with its begin.
  if (kRules[kind].name == nullptr || is_end) return false;
  ++left_out_[kind].count;
  left_out_[kind].last_from = subject->from;
  if (subject->path) last_path_ = subject->path;
  if (due_ == kNever) {
    if (now - reported_ >= patience_) patience_ = kLeftOutAfter;
    since_ = now;
    due_ = now + patience_;
  }
  return false;
}

NewsBudget& EventLimiter::budget_of(EventKind kind, std::uint64_t source) {
  const SourceKey key{kind, source};
  auto found = sources_.find(key);
  if (found == sources_.end()) {
    if (sources_.size() >= kEventSources) {
      sources_.erase(by_age_.front());
      by_age_.pop_front();
    }
    const auto place = by_age_.insert(by_age_.end(), key);
    const Rule& rule = rule_of(kind);
    found = sources_.emplace(key, Source{NewsBudget(rule.of_source, rule.in_the_long_run), place}).first;
  } else {
    by_age_.splice(by_age_.end(), by_age_, found->second.place);
  }
  return found->second.budget;
}

void EventLimiter::report(Output& out, TimePoint now) {
  EventsLeftOut told;
  told.span = now - since_;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const LeftOut& left_out = left_out_[kind];
    if (left_out.count != 0) told.kinds.push_back({kRules[kind].name, left_out.count, left_out.last_from});
  }
  told.path = std::exchange(last_path_, std::nullopt);
  left_out_ = {};
  due_ = kNever;
  reported_ = now;
  patience_ = std::min<Duration>(2 * patience_, kLeftOutAfterMost);
  if (!told.kinds.empty()) out.events.emplace_back(std::move(told));
}

}  // namespace mptunnel
