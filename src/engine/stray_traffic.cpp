#include "mptunnel/engine/stray_traffic.h"

#include <algorithm>

namespace mptunnel {

PathTraffic* StrayTraffic::find(const Route& from) {
  for (Stray& stray : strays_) {
    if (stray.from == from) return stray.owner ? link_.traffic(*stray.owner) : &stray.counts;
  }
  return nullptr;
}

PathTraffic& StrayTraffic::make(const Route& from) {
  PathTraffic* known = find(from);
  return known != nullptr ? *known : add({from, std::nullopt, {}}).counts;
}

void StrayTraffic::assign(PathId path, const Route& now_at, const std::optional<Route>& before) {
  const auto found =
      std::find_if(strays_.begin(), strays_.end(), [&](const Stray& stray) { return stray.from == now_at; });
  if (found != strays_.end()) {
    link_.traffic(path)->add_counts(found->counts);
    strays_.erase(found);
  }
  if (before && *before != now_at) add({*before, path, {}});
}

StrayTraffic::Stray& StrayTraffic::add(const Stray& stray) {
  if (strays_.size() >= kMaxPaths) strays_.erase(strays_.begin());
  return strays_.emplace_back(stray);
}

}  // namespace mptunnel
