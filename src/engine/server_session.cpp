#include "mptunnel/engine/server_session.h"

namespace mptunnel {

ServerSession::ServerSession(SessionHandle own, const ClientHelloFrame& hello, const Route& route,
                             LinkContext& context, TimePoint now)
    : handle(own),
      identity(hello.identity),
      process(hello.process),
      network(source_network(route.remote)),
      first_route(route),
      sender(own, link, context),
      receiver(context),
      last_heard(now),
      last_moved(now) {}

PathSet ServerSession::carrying(TimePoint now) const {
  PathSet wanted;
  PathSet usable;
  if (superseded || dormant) return wanted;
  for (const PathId id : all_paths()) {
    const ServerPath& path = *paths[id.value];
    if (!path.is_usable(now)) continue;
    usable.insert(id);
    if (path.carries_data(now)) wanted.insert(id);
  }
  return wanted.empty() ? usable : wanted;
}

PathViews ServerSession::views(TimePoint now) const {
  PathViews views;
  for (const PathId id : carrying(now)) {
    const ServerPath& path = *paths[id.value];
    views.add(id, {path.state(now), path.mtu.mtu(), path.rtt().smoothed()});
  }
  return views;
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

TimePoint ServerSession::next_mtu_probe(const ServerPath& path, TimePoint now) const {
  const bool is_in_use = !dormant && !superseded && !path.is_spared() && path.state(now) == PathState::up;
  return is_in_use ? path.mtu.next_probe(is_moving(now)) : kNever;
}

PathTraffic* ServerSession::find_traffic(const Route& from, std::optional<PathId> path) {
  return path ? link.traffic(*path) : strays.find(from);
}

std::optional<OutgoingFlow> ServerSession::outgoing(FlowHandle flow) {
  const ServerFlow* found = flows.find(flow);
  return found == nullptr ? std::nullopt : std::optional(OutgoingFlow{flow, found->id, std::nullopt});
}

}  // namespace mptunnel
