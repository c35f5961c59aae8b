#include "mptunnel/engine/server_session.h"

#include <algorithm>

namespace mptunnel {

PathSet ServerSession::data_paths(TimePoint now) const {
  PathSet wanted;
  PathSet usable;
  if (superseded || dormant) return wanted;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!paths[i] || !paths[i]->is_usable(now)) continue;
    const PathId path{static_cast<std::uint8_t>(i)};
    usable.insert(path);
    if (paths[i]->carries_data(now)) wanted.insert(path);
  }
  return !wanted.empty() ? wanted : usable;
}

Carriers ServerSession::carriers(TimePoint now) const {
  return carriers_of(data_paths(now), mtu_of());
}

TimePoint ServerSession::next_mtu_probe(const ServerPath& path, TimePoint now) const {
  const bool is_in_use = !dormant && !superseded && !path.is_spared() && path.state(now) == PathState::up;
  return is_in_use ? path.mtu.next_probe(is_moving(now)) : kNever;
}

PathTraffic* ServerSession::find_traffic(const Route& from, std::optional<PathId> path) {
  if (path) return &sealing().path(*path);
  for (Stray& stray : strays) {
    if (stray.from == from) return stray.owner ? &sealing().path(*stray.owner) : &stray.counts;
  }
  return nullptr;
}

PathTraffic& ServerSession::traffic_from(const Route& from, std::optional<PathId> path) {
  if (PathTraffic* known = find_traffic(from, path)) return *known;
  if (strays.size() >= kMaxPaths) strays.erase(strays.begin());
  return strays.emplace_back(Stray{from, std::nullopt, {}}).counts;
}

void ServerSession::take_strays(PathId path, const std::optional<Route>& old_route) {
  const Route& from = paths[path.value]->route();
  const auto found =
      std::find_if(strays.begin(), strays.end(), [&](const Stray& s) { return s.from == from; });
  if (found != strays.end()) {
    sealing().path(path).add_counts(found->counts);
    strays.erase(found);
  }
  if (!old_route || *old_route == from) return;
  if (strays.size() >= kMaxPaths) strays.erase(strays.begin());
  strays.push_back({*old_route, path, {}});
}

Arrivals ServerSession::data_in() const {
  Arrivals all = retired_in;
  return all += sealing().data_in();
}

Arrivals ServerSession::data_out() const {
  Arrivals all = retired_out;
  return all += sealing().data_out();
}

void ServerSession::retire(const KeyEpoch& keys) {
  retired_in += keys.data_in();
  retired_out += keys.data_out();
}

std::optional<PathId> ServerSession::path_at(const Route& route) const {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] && paths[i]->route() == route) return PathId{static_cast<std::uint8_t>(i)};
  }
  return std::nullopt;
}

std::vector<SessionIndex> ServerSession::add_epoch(std::unique_ptr<KeyEpoch> keys, TimePoint now) {
  std::uint32_t order = 0;
  for (Epoch& epoch : epochs) {
    epoch.until = std::min(epoch.until, now + kOldKeyOpensFor);
    order = std::max(order, epoch.order + 1);
  }
  std::vector<SessionIndex> gone;
  if (epochs.size() >= kMaxEpochs) {
    gone.push_back(epochs.front().keys->local_index());
    epochs.erase(epochs.begin());
  }
  if (!epochs.empty()) {
    retire(sealing());
    keys->join_paths(sealing().paths());
  }
  epochs.push_back({std::move(keys), order, kNever});
  return gone;
}

}  // namespace mptunnel
