// The client's paths: which there are, which carry data, and which of them rest. It sends nothing.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/base/path_set.h"
#include "mptunnel/engine/standby_policy.h"
#include "mptunnel/path/client_path.h"
#include "mptunnel/schedule/path_views.h"

namespace mptunnel {

class ClientPaths {
 public:
  /// `count` paths at first, at most kMaxPaths; see set_traits().
  ClientPaths(std::size_t count, std::size_t min_paths);

  /// Makes the path if there is none with this id yet.
  void set_traits(PathId path, const PathTraits& traits);
  /// False if the path is so already.
  bool set_available(PathId path, bool available);
  [[nodiscard]] bool contains(PathId path) const { return path.value < paths_.size(); }
  /// The path exists.
  ClientPath& operator[](PathId path) { return paths_[path.value]; }
  const ClientPath& operator[](PathId path) const { return paths_[path.value]; }
  [[nodiscard]] PathSet all() const { return PathSet::first(paths_.size()); }
  [[nodiscard]] PathSet available() const;
  /// Those that datagrams go to: neither down nor at rest. If all are down, all for kAllDownCopiesFor.
  [[nodiscard]] PathSet carrying(TimePoint now) const;
  [[nodiscard]] PathViews views(TimePoint now) const;
  /// Of the available paths; nullopt before the first answer.
  [[nodiscard]] std::optional<Duration> fastest_rtt() const;

  /// Backups begin or stop to carry data, as the states of all paths demand. Returns those that changed.
  std::vector<PathId> update_standby(TimePoint now) { return standby_.update(paths_, now); }
  [[nodiscard]] TimePoint next_rest() const { return standby_.next_rest(paths_); }
  /// To be called when a path's state or the session has changed. Returns whether a session has no path that
  /// carries data.
  bool update_outage(bool has_session, TimePoint now);
  void end_outage() { all_down_since_.reset(); }
  /// A packet larger than kBaseMtu went to these.
  void note_large(PathSet paths, TimePoint now);

 private:
  std::vector<ClientPath> paths_;
  StandbyPolicy standby_;
  std::optional<TimePoint> all_down_since_;
};

}  // namespace mptunnel
