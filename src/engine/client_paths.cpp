#include "mptunnel/engine/client_paths.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {

ClientPaths::ClientPaths(std::size_t count, std::size_t min_paths) : paths_(count), standby_(min_paths) {
  MPT_ASSERT(count <= kMaxPaths);
}

void ClientPaths::set_traits(PathId path, const PathTraits& traits) {
  MPT_ASSERT(path.value < kMaxPaths);
  if (!contains(path)) paths_.resize(std::size_t{path.value} + 1);
  paths_[path.value].probed.set_traits(traits);
}

bool ClientPaths::set_available(PathId path, bool available) {
  MPT_ASSERT(contains(path));
  ClientPath& own = paths_[path.value];
  if (own.probed.is_available() == available) return false;
  own.probed.set_available(available);
  own.mtu.stop();
  standby_.reset(path);
  return true;
}

PathSet ClientPaths::available() const {
  PathSet set;
  for (const PathId path : all()) {
    if ((*this)[path].probed.is_available()) set.insert(path);
  }
  return set;
}

PathSet ClientPaths::carrying(TimePoint now) const {
  PathSet set;
  for (const PathId path : all()) {
    const ProbedPath& probed = (*this)[path].probed;
    if (probed.carries_data() && !probed.is_standby()) set.insert(path);
  }
  const bool is_outage_new = all_down_since_ && now - *all_down_since_ < kAllDownCopiesFor;
  return set.empty() && is_outage_new ? available() : set;
}

PathViews ClientPaths::views(TimePoint now) const {
  PathViews views;
  for (const PathId path : carrying(now)) {
    const ClientPath& own = (*this)[path];
    views.add(path, {own.probed.state(), own.mtu.mtu(), own.probed.rtt().smoothed()});
  }
  return views;
}

std::optional<Duration> ClientPaths::fastest_rtt() const {
  std::optional<Duration> fastest;
  for (const ClientPath& path : paths_) {
    if (!path.probed.is_available() || !path.probed.rtt().has_sample()) continue;
    fastest = std::min(fastest.value_or(Duration::max()), path.probed.rtt().smoothed());
  }
  return fastest;
}

bool ClientPaths::update_outage(bool has_session, TimePoint now) {
  const bool carries_data =
      std::any_of(paths_.begin(), paths_.end(), [](const ClientPath& p) { return p.probed.carries_data(); });
  if (carries_data || !has_session) {
    all_down_since_.reset();
    return false;
  }
  if (!all_down_since_) all_down_since_ = now;
  return true;
}

void ClientPaths::note_large(PathSet paths, TimePoint now) {
  for (const PathId path : paths) (*this)[path].mtu.note_large(now);
}

}  // namespace mptunnel
