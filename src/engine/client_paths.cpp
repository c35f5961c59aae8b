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
  ClientPath& own = paths_[path.value];
  own.was_delayed = own.was_delayed || own.probed.traits().delay > Duration{};
  own.probed.set_traits(traits);
}

bool ClientPaths::set_available(PathId path, bool available) {
  MPT_ASSERT(contains(path));
  ClientPath& own = paths_[path.value];
  if (own.probed.is_available() == available) return false;
  own.probed.set_available(available);
  own.is_told_down = false;
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

PathSet ClientPaths::held() const {
  PathSet set;
  for (const PathId path : all()) {
    if ((*this)[path].proof.is_held()) set.insert(path);
  }
  return set;
}

PathSet ClientPaths::carrying(TimePoint now) const {
  PathSet set;
  for (const PathId path : all()) {
    const ClientPath& own = (*this)[path];
    if (own.probed.carries_data() && !own.probed.is_standby() && !own.proof.is_held()) set.insert(path);
  }
  const bool is_outage_new = all_down_since_ && now - *all_down_since_ < kAllDownCopiesFor;
  return set.empty() && is_outage_new ? available() - held() : set;
}

ReportedPaths ClientPaths::reported(const PathTable& traffic, TimePoint now) const {
  ReportedPaths reported{carrying(now), {}, traffic};
  for (const PathId path : reported.carrying) {
    if ((*this)[path].probed.rtt().is_queued()) reported.queued.insert(path);
  }
  return reported;
}

PathViews ClientPaths::views(TimePoint now) const {
  PathViews views;
  for (const PathId path : carrying(now)) {
    const ClientPath& own = (*this)[path];
    views.add(path, {own.probed.state(), own.mtu.mtu(), own.probed.rtt().smoothed(),
                     own.is_mtu_probed() && own.mtu.is_doubted(now), own.mtu.is_certain()});
  }
  return views;
}

std::size_t ClientPaths::up() const {
  return static_cast<std::size_t>(
      std::count_if(paths_.begin(), paths_.end(), [](const ClientPath& path) { return path.is_of_use(); }));
}

std::size_t ClientPaths::held_back() const {
  return static_cast<std::size_t>(std::count_if(paths_.begin(), paths_.end(), [](const ClientPath& path) {
    return path.probed.is_up() && path.proof.is_held();
  }));
}

bool ClientPaths::answer() const {
  return std::any_of(paths_.begin(), paths_.end(),
                     [](const ClientPath& path) { return path.probed.carries_data(); });
}

bool ClientPaths::pass_both_ways() const {
  bool out = false;
  bool in = false;
  for (const ClientPath& path : paths_) {
    if (!path.probed.is_available() || path.proof.is_held()) continue;
    const ProbedPath::OneWay alone = path.probed.one_way();
    out = out || path.probed.is_up() || alone == ProbedPath::OneWay::out;
    in = in || path.probed.is_up() || alone == ProbedPath::OneWay::in;
  }
  return out && in;
}

std::optional<TimePoint> ClientPaths::useless_since() const {
  std::optional<TimePoint> since;
  for (const PathId path : available()) {
    const auto own = (*this)[path].useless_since();
    if (!own) return std::nullopt;
    since = std::max(since.value_or(*own), *own);
  }
  return since;
}

std::optional<Duration> ClientPaths::fastest_rtt() const {
  std::optional<Duration> fastest;
  for (const ClientPath& path : paths_) {
    if (!path.probed.is_available() || !path.probed.rtt().has_sample()) continue;
    fastest = std::min(fastest.value_or(Duration::max()), path.probed.rtt().smoothed());
  }
  return fastest;
}

Duration ClientPaths::slowest_rtt() const {
  Duration slowest{};
  for (const ClientPath& path : paths_) {
    if (path.probed.is_available() && path.probed.state() != PathState::down)
      slowest = std::max(slowest, path.probed.rtt().smoothed());
  }
  return slowest;
}

bool ClientPaths::update_outage(bool has_session, TimePoint now) {
  const bool carries_data = std::any_of(paths_.begin(), paths_.end(),
                                        [now](const ClientPath& p) { return p.counts_as_carrying(now); });
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

std::vector<PathId> StandbyPolicy::update(std::span<ClientPath> paths, TimePoint now) {
  std::vector<PathId> changed;
  auto up = static_cast<std::size_t>(std::count_if(paths.begin(), paths.end(), [](const ClientPath& path) {
    return !path.probed.traits().is_reserve() && path.is_of_use();
  }));
  // Those that cost by the byte come last.
  for (const bool metered : {false, true}) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      ProbedPath& path = paths[i].probed;
      Reserve& reserve = reserves_[i];
      if (!path.traits().is_reserve() || path.traits().metered != metered) continue;
      const bool is_needed = up < min_paths_;
      if (paths[i].is_of_use()) ++up;
      if (is_needed) {
        reserve.enough_since.reset();
      } else if (!reserve.enough_since) {
        reserve.enough_since = now;
      }
      // One that took over rests only when the others have proved themselves for a while.
      const bool standby = !is_needed && (!reserve.took_over || now - *reserve.enough_since >= kRestAfter);
      if (!path.is_available() || path.is_standby() == standby) continue;
      reserve.took_over = !standby;
      path.set_standby(standby);
      changed.push_back(PathId{static_cast<std::uint8_t>(i)});
    }
  }
  const bool is_backed = std::any_of(paths.begin(), paths.end(),
                                     [](const ClientPath& path) { return path.probed.is_standby(); });
  for (ClientPath& path : paths) path.probed.set_backed(is_backed && !path.probed.is_standby());
  return changed;
}

TimePoint StandbyPolicy::next_rest(std::span<const ClientPath> paths) const {
  TimePoint first = kNever;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Reserve& reserve = reserves_[i];
    if (reserve.took_over && reserve.enough_since && paths[i].probed.is_available())
      first = std::min(first, *reserve.enough_since + kRestAfter);
  }
  return first;
}

}  // namespace mptunnel
