#include "mptunnel/engine/event_limiter.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

namespace mptunnel {
namespace {

constexpr double kOnceAMinute = 1.0 / 60;

struct Rule {
  const char* name;  ///< of what was left out, in the plural; null: it is not told
  NetworkBudget::Rate of_network;
  NetworkBudget::Rate of_all;
};

// A client is a line when its session starts and ends, and one for each path: a few clients that restart a
// few times within a minute are told whole.
constexpr std::array<Rule, static_cast<std::size_t>(EventKind::count_)> kRules{{
    {"refusals by full tables", {kOnceAMinute, 1}, {1, 10}},
    {"handshakes with another key", {kOnceAMinute, 1}, {0.1, 10}},
    {"refused handshakes", {kOnceAMinute, 1}, {0.1, 10}},
    {"refusals by quotas of keys", {kOnceAMinute, 4}, {0.1, 20}},
    {"starts and ends of sessions", {0.1, 20}, {0.5, 100}},
    {"clashes of identities", {kOnceAMinute, 4}, {0.1, 20}},
    {"changes of paths", {0.2, 40}, {0.5, 100}},
    {nullptr, {0.2, 40}, {0.5, 100}},
    {"warnings of fragments", {kOnceAMinute, 4}, {0.1, 20}},
}};

const Rule& rule_of(EventKind kind) {
  return kRules[static_cast<std::size_t>(kind)];
}
TokenBucket bucket(const NetworkBudget::Rate& rate) {
  return {rate.per_second, rate.burst};
}

}  // namespace

struct EventLimiter::Subject {
  EventKind kind{};
  Endpoint from;             ///< not set if it is about nobody
  std::uint64_t source = 0;  ///< whose budget it is
};

/// nullopt: nobody else causes it.
struct EventLimiter::SubjectOf {
  using Found = std::optional<Subject>;

  static Found about(EventKind kind, const Endpoint& from) {
    return Subject{kind, from, source_network(from)};
  }
  /// A client that has a key of its own is a source, whoever shares its network.
  static Found about(EventKind kind, const SessionRef& session, const Endpoint& from) {
    if (session.key_name.empty()) return about(kind, from);
    return Subject{kind, from, std::hash<std::string>{}(session.key_name)};
  }

  Found operator()(const TablesFull& event) const {
    return Subject{EventKind::full_table, {}, static_cast<std::uint64_t>(event.drop)};
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
    return about(EventKind::quota, event.session, event.session.from);
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
    const bool is_wavering = event.was == PathState::suspect || event.state == PathState::suspect;
    return about(is_wavering && event.state != PathState::down ? EventKind::wavering_path : EventKind::path,
                 event.route.remote);
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
  Found operator()(const EventsLeftOut&) const { return std::nullopt; }
  // Of mpclient.
  Found operator()(const SessionStarted&) const { return std::nullopt; }
  Found operator()(const SessionLost&) const { return std::nullopt; }
  Found operator()(const SessionEnded&) const { return std::nullopt; }
  Found operator()(const SessionRefused&) const { return std::nullopt; }
  Found operator()(const NoAnswer&) const { return std::nullopt; }
  Found operator()(const PathChanged&) const { return std::nullopt; }
  Found operator()(const PathStandby&) const { return std::nullopt; }
  Found operator()(const PathLooped&) const { return std::nullopt; }
  Found operator()(const PathProved&) const { return std::nullopt; }
  Found operator()(const PathReturns&) const { return std::nullopt; }
  Found operator()(const Fragmenting&) const { return std::nullopt; }
};

EventLimiter::EventLimiter() {
  for (const Rule& rule : kRules) all_.push_back(bucket(rule.of_all));
}

void EventLimiter::filter(Output& out, std::size_t first, TimePoint now) {
  const auto begin = out.events.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end =
      std::remove_if(begin, out.events.end(), [&](const Event& event) { return !is_allowed(event, now); });
  out.events.erase(end, out.events.end());
}

bool EventLimiter::is_allowed(const Event& event, TimePoint now) {
  const auto subject = std::visit(SubjectOf{}, event);
  if (!subject) return true;
  const auto kind = static_cast<std::size_t>(subject->kind);
  // What its source's budget refuses costs the others nothing.
  if (budget_of(subject->kind, subject->source).take(now) && all_[kind].take(now)) return true;
  if (kRules[kind].name == nullptr) return false;
  ++left_out_[kind].count;
  left_out_[kind].last_from = subject->from;
  if (due_ == kNever) {
    since_ = now;
    due_ = now + kLeftOutAfter;
  }
  return false;
}

TokenBucket& EventLimiter::budget_of(EventKind kind, std::uint64_t source) {
  const SourceKey key{kind, source};
  auto found = sources_.find(key);
  if (found == sources_.end()) {
    if (sources_.size() >= kEventSources) {
      sources_.erase(by_age_.front());
      by_age_.pop_front();
    }
    const auto place = by_age_.insert(by_age_.end(), key);
    found = sources_.emplace(key, Source{bucket(rule_of(kind).of_network), place}).first;
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
  left_out_ = {};
  due_ = kNever;
  if (!told.kinds.empty()) out.events.emplace_back(std::move(told));
}

}  // namespace mptunnel
