// Which of the paths that are kept in reserve carry data: as many as make up `min_paths` together with those
// that are up, backups before metered ones. A path that took over rests again only once the others have
// been up for kRestAfter without a break.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/client_path.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class StandbyPolicy {
 public:
  explicit StandbyPolicy(std::size_t min_paths) : min_paths_(min_paths) {}

  /// Decides for all paths, and sets their standby. Returns the paths that changed, in the order of the
  /// decisions.
  std::vector<PathId> update(std::span<ClientPath> paths, TimePoint now);
  /// When update() could let a path rest by time alone; kNever if none waits for it.
  [[nodiscard]] TimePoint next_rest(std::span<const ClientPath> paths) const;
  /// Forgets that the path took over.
  void reset(PathId path) { reserves_[path.value] = {}; }

 private:
  struct Reserve {
    bool took_over = false;                 ///< from others, which must prove themselves before it rests
    std::optional<TimePoint> enough_since;  ///< when it stopped being needed
  };

  std::size_t min_paths_;
  std::array<Reserve, kMaxPaths> reserves_{};
};

}  // namespace mptunnel
