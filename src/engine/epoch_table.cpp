#include "mptunnel/engine/epoch_table.h"

#include "mptunnel/base/assert.h"

namespace mptunnel {

EpochTable::EpochTable(std::size_t lanes) : in_lane_(lanes) {
  MPT_ASSERT(lanes >= 1);
}

void EpochTable::add(SessionIndex index, const EpochRef& epoch) {
  const bool is_new = by_index_.emplace(index, epoch).second;
  MPT_ASSERT(is_new);
  ++in_lane_[lane_of(index)];
}

void EpochTable::erase(SessionIndex index) {
  if (by_index_.erase(index) == 1) --in_lane_[lane_of(index)];
}

std::size_t EpochTable::next_lane() {
  const std::size_t lanes = in_lane_.size();
  turn_ = (turn_ + 1) % lanes;
  std::size_t best = turn_;
  for (std::size_t i = 1; i < lanes; ++i) {
    const std::size_t lane = (turn_ + i) % lanes;
    if (in_lane_[lane] < in_lane_[best]) best = lane;
  }
  return best;
}

}  // namespace mptunnel
