#include "mptunnel/engine/standby_policy.h"

#include <algorithm>

namespace mptunnel {

std::vector<PathId> StandbyPolicy::update(std::span<ClientPath> paths, TimePoint now) {
  std::vector<PathId> changed;
  auto up = static_cast<std::size_t>(std::count_if(paths.begin(), paths.end(), [](const ClientPath& path) {
    return !path.probed.traits().is_reserve() && path.probed.is_up();
  }));
  // Those that cost by the byte come last.
  for (const bool metered : {false, true}) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      ProbedPath& path = paths[i].probed;
      Reserve& reserve = reserves_[i];
      if (!path.traits().is_reserve() || path.traits().metered != metered) continue;
      const bool is_needed = up < min_paths_;
      if (path.is_up()) ++up;
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
