// Counts of packets that came from an address which is no path's yet, or no longer, at the server. The path
// that turns out to have the address takes them over.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/path/path_traffic.h"

namespace mptunnel {

class StrayTraffic {
 public:
  /// `link` outlives the object.
  explicit StrayTraffic(SessionLink& link) : link_(link) {}

  /// What counts the packets from this address, which is no path's. find(): null if nothing genuine came from
  /// there yet.
  PathTraffic* find(const Route& from);
  PathTraffic& make(const Route& from);
  [[nodiscard]] bool empty() const { return strays_.empty(); }
  /// The path has the address `now_at`: what came from there before belongs to it, and so does what still
  /// comes from `before`, the address that it had.
  void assign(PathId path, const Route& now_at, const std::optional<Route>& before);

 private:
  struct Stray {
    Route from;
    std::optional<PathId> owner;  ///< the path that had it
    PathTraffic counts;           ///< while there is no owner
  };

  Stray& add(const Stray& stray);

  SessionLink& link_;
  std::vector<Stray> strays_;  ///< at most kMaxPaths
};

}  // namespace mptunnel
