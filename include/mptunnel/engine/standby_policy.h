// Which of the paths that are kept in reserve carry data: as many as make up `min_paths` together with those
// that are up, backups before metered ones. A path that was called in rests again only once the others have
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

  /// Decides anew, and sets the paths' standby. Returns the paths that changed, in the order of the
  /// decisions.
  std::vector<PathId> update(std::span<ClientPath> paths, TimePoint now);
  /// When update() could let a path rest by time alone; kNever if none waits for it.
  [[nodiscard]] TimePoint next_rest(std::span<const ClientPath> paths) const;
  /// The path starts anew.
  void reset(PathId path) { reserves_[path.value] = {}; }

 private:
  struct Reserve {
    bool called_in = false;                 ///< it took over from others
    std::optional<TimePoint> enough_since;  ///< since when it is not needed any more
  };

  std::size_t min_paths_;
  std::array<Reserve, kMaxPaths> reserves_{};
};

}  // namespace mptunnel
