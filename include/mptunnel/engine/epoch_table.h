// Which session and key a packet's index means, at the server. What it is not: the owner of either.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/engine/link/link_epoch.h"

namespace mptunnel {

struct ServerSession;

struct EpochRef {
  ServerSession* session = nullptr;
  LinkEpoch* epoch = nullptr;
};

/// Indices fall into lanes, `index % lanes`: the program receives each lane by a socket of its own, and a
/// client that floods should share its lane with as few others as possible.
class EpochTable {
 public:
  /// `lanes` is at least 1.
  explicit EpochTable(std::size_t lanes);

  /// Null if no key has this index.
  [[nodiscard]] const EpochRef* find(SessionIndex index) const {
    const auto found = by_index_.find(index);
    return found == by_index_.end() ? nullptr : &found->second;
  }
  /// The index is not in use.
  void add(SessionIndex index, const EpochRef& epoch);
  void erase(SessionIndex index);

  /// A lane with the fewest indices. Lanes that are equal take turns, because an index that is given out
  /// comes into use only later.
  [[nodiscard]] std::size_t next_lane();
  /// Whether a new epoch in this lane may have the index.
  [[nodiscard]] bool is_free(SessionIndex index, std::size_t lane) const {
    return lane_of(index) == lane && !by_index_.contains(index);
  }

 private:
  [[nodiscard]] std::size_t lane_of(SessionIndex index) const { return index.value % in_lane_.size(); }

  std::unordered_map<SessionIndex, EpochRef> by_index_;
  std::vector<std::uint32_t> in_lane_;
  std::size_t turn_ = 0;
};

}  // namespace mptunnel
