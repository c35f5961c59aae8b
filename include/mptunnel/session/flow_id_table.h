// Which flow an id names. Ids may be of a peer's choice: what is kept grows with the flows that are open, not
// with the highest id. A look-up is three loads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/flow_limits.h"

namespace mptunnel {

template <typename Flow>
class FlowIdTable {
 public:
  /// Null if the id names no flow.
  [[nodiscard]] Flow* find(FlowId id) const {
    const std::size_t place = id.value / (kFan * kFan);
    if (place >= branches_.size() || branches_[place] == nullptr) return nullptr;
    const Leaf* leaf = branches_[place]->leaves[id.value / kFan % kFan].get();
    return leaf == nullptr ? nullptr : leaf->flows[id.value % kFan];
  }
  /// `id`, which is no larger than kMaxFlowId, names `flow` from now on. The flow stays its owner's, where it
  /// is.
  void set(FlowId id, Flow& flow) {
    MPT_ASSERT(id.value <= kMaxFlowId);
    const std::size_t place = id.value / (kFan * kFan);
    if (branches_.size() <= place) branches_.resize(place + 1);
    auto& branch = branches_[place];
    if (branch == nullptr) branch = std::make_unique<Branch>();
    auto& leaf = branch->leaves[id.value / kFan % kFan];
    if (leaf == nullptr) {
      leaf = std::make_unique<Leaf>();
      ++branch->used;
    }
    Flow*& named = leaf->flows[id.value % kFan];
    if (named == nullptr) ++leaf->used;
    named = &flow;
  }
  void erase(FlowId id) {
    if (find(id) == nullptr) return;
    auto& branch = branches_[id.value / (kFan * kFan)];
    auto& leaf = branch->leaves[id.value / kFan % kFan];
    leaf->flows[id.value % kFan] = nullptr;
    if (--leaf->used > 0) return;
    leaf.reset();
    if (--branch->used == 0) branch.reset();
  }
  void clear() { branches_.clear(); }
  /// What is allocated.
  [[nodiscard]] std::size_t bytes() const {
    std::size_t bytes = branches_.capacity() * sizeof(branches_.front());
    for (const auto& branch : branches_) {
      if (branch != nullptr) bytes += sizeof(Branch) + branch->used * sizeof(Leaf);
    }
    return bytes;
  }

 private:
  static constexpr std::size_t kFan = 64;
  static_assert(kMaxFlowId < kFan * kFan * kFan);
  struct Leaf {
    std::array<Flow*, kFan> flows{};
    std::size_t used = 0;  ///< those that are not null; with the last one the leaf goes
  };
  struct Branch {
    std::array<std::unique_ptr<Leaf>, kFan> leaves{};
    std::size_t used = 0;  ///< as of a leaf
  };

  std::vector<std::unique_ptr<Branch>> branches_;
};

}  // namespace mptunnel
