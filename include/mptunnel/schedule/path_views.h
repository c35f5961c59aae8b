// What a scheduler knows of the paths: values, taken once for all datagrams that came together.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// One path that may carry data.
struct PathView {
  PathState state;
  std::size_t mtu;  ///< the largest packet that it carries whole, in bytes of UDP payload
  Duration rtt;     ///< smoothed; zero before the first sample
};

/// The paths of a session that may carry data now, whichever a scheduler picks among them. Which these are
/// is the engine's to say: it knows what is down, and which backups rest.
class PathViews {
 public:
  void add(PathId path, const PathView& view) {
    paths_.insert(path);
    views_[path.value] = view;
    smallest_mtu_ = std::min(smallest_mtu_, view.mtu);
  }

  [[nodiscard]] PathSet paths() const { return paths_; }
  [[nodiscard]] bool empty() const { return paths_.empty(); }
  /// `path` is one of paths().
  [[nodiscard]] const PathView& of(PathId path) const { return views_[path.value]; }
  /// The largest packet that all of them carry whole; kMaxPacketBytes if there is none.
  [[nodiscard]] std::size_t smallest_mtu() const { return smallest_mtu_; }
  /// Those of `among` that a packet of `size` bytes is too large for.
  [[nodiscard]] PathSet too_small_for(std::size_t size, PathSet among) const {
    PathSet result;
    if (size <= smallest_mtu_) return result;
    for (const PathId path : among) {
      if (of(path).mtu < size) result.insert(path);
    }
    return result;
  }
  /// The largest packet that each of `among` carries whole.
  [[nodiscard]] std::size_t smallest_mtu(PathSet among) const {
    std::size_t smallest = kMaxPacketBytes;
    for (const PathId path : among) smallest = std::min(smallest, of(path).mtu);
    return smallest;
  }

 private:
  PathSet paths_;
  std::size_t smallest_mtu_ = kMaxPacketBytes;
  std::array<PathView, kMaxPaths> views_;  ///< those of paths_ alone are initialized: made for each batch
};

}  // namespace mptunnel
