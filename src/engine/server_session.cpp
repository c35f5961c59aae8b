#include "mptunnel/engine/server_session.h"

#include <algorithm>

namespace mptunnel {

StrayTraffic::Stray* StrayTraffic::stray_at(const Route& from) {
  const auto found =
      std::find_if(strays_.begin(), strays_.end(), [&](const Stray& stray) { return stray.from == from; });
  return found == strays_.end() ? nullptr : &*found;
}

PathTraffic* StrayTraffic::find(const Route& from) {
  Stray* known = stray_at(from);
  if (known == nullptr) return nullptr;
  return known->owner ? link_.traffic(*known->owner) : &known->counts;
}

PathTraffic* StrayTraffic::find_stranger(const Route& from) {
  Stray* known = stray_at(from);
  return known != nullptr && !known->owner ? &known->counts : nullptr;
}

PathTraffic& StrayTraffic::make(const Route& from) {
  PathTraffic* known = find(from);
  return known != nullptr ? *known : add({from, std::nullopt, {}}).counts;
}

void StrayTraffic::assign(PathId path, const Route& now_at, const std::optional<Route>& before) {
  if (const Stray* found = stray_at(now_at)) {
    link_.traffic(path)->add_counts(found->counts);
    strays_.erase(strays_.begin() + (found - strays_.data()));
  }
  if (before && *before != now_at) add({*before, path, {}});
}

StrayTraffic::Stray& StrayTraffic::add(const Stray& stray) {
  if (strays_.size() >= kMaxPaths) strays_.erase(strays_.begin());
  return strays_.emplace_back(stray);
}

ServerSession::ServerSession(SessionHandle own, const Claimant& claimant, const Route& route,
                             LinkContext& context, TimePoint now)
    : handle(own),
      account(claimant.account),
      identity(claimant.hello.identity),
      process(claimant.hello.process),
      first_route(route),
      network(claimant.network),
      unsettled_since(now),
      link(kMaxEpochs - 1, &context.received),
      sender(own, link, context),
      receiver(context),
      last_heard(now),
      last_moved(now) {}

SessionRef ServerSession::ref() const {
  return {handle, identity, account.name(), first_route.remote, names.of(kClientItself), {}};
}

SessionRef ServerSession::ref(PathId path) const {
  SessionRef session = ref();
  session.path_name = names.of(path);
  return session;
}

SessionTotals ServerSession::totals() const {
  return {from_client, to_client, last_heard - link.since().value_or(last_heard)};
}

PathSet ServerSession::carrying(TimePoint now) const {
  PathSet wanted;
  if (superseded || dormant) return wanted;
  const PathSet possible = open_to_data(now);
  for (const PathId id : possible) {
    if (paths[id.value]->carries_data(now)) wanted.insert(id);
  }
  return wanted.empty() ? possible : wanted;
}

ReportedPaths ServerSession::reported(const LinkEpoch& epoch, TimePoint now) const {
  ReportedPaths reported{carrying(now), {}, *epoch.paths()};
  for (const PathId id : reported.carrying) {
    if (paths[id.value]->rtt().is_queued()) reported.queued.insert(id);
  }
  return reported;
}

PathSet ServerSession::usable(TimePoint now) const {
  PathSet set;
  for (const PathId id : all_paths()) {
    if (paths[id.value]->is_usable(now)) set.insert(id);
  }
  return set;
}

Duration ServerSession::slowest_rtt(TimePoint now) const {
  Duration slowest{};
  for (const PathId id : usable(now)) slowest = std::max(slowest, paths[id.value]->rtt().smoothed());
  return slowest;
}

PathViews ServerSession::views(TimePoint now) const {
  PathViews views;
  for (const PathId id : carrying(now)) {
    const ServerPath& path = *paths[id.value];
    const PathState state = path.is_out_alone() ? PathState::suspect : path.state(now);
    views.add(id, {state, path.mtu.mtu(), path.rtt().smoothed(),
                   is_mtu_probed(path, now) && path.mtu.is_doubted(now), path.mtu.is_certain()});
  }
  return views;
}

PathSet ServerSession::open_to_data(TimePoint now) const {
  PathSet set = usable(now);
  for (const PathId id : set) {
    if (paths[id.value]->is_held()) set.erase(id);
  }
  return set;
}

PathSet ServerSession::all_paths() const {
  PathSet set;
  for (const PathId id : PathSet::all()) {
    if (paths[id.value]) set.insert(id);
  }
  return set;
}

std::optional<PathId> ServerSession::path_at(const Route& route) const {
  for (const PathId id : PathSet::all()) {
    if (paths[id.value] && paths[id.value]->route() == route) return id;
  }
  return std::nullopt;
}

bool ServerSession::is_mtu_probed(const ServerPath& path, TimePoint now) const {
  return !dormant && !superseded && !path.is_spared() && path.state(now) == PathState::up;
}

TimePoint ServerSession::next_mtu_probe(const ServerPath& path, TimePoint now) const {
  return is_mtu_probed(path, now) ? path.mtu.next_probe(is_moving(now)) : kNever;
}

PathTraffic* ServerSession::traffic_at(const Route& from) {
  const auto path = path_at(from);
  return path ? link.traffic(*path) : strays.find_stranger(from);
}

}  // namespace mptunnel
