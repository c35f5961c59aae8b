// Which flow an id names. Ids are of the peer's choice: what is kept grows with the flows that are open, not
// with the highest id. A look-up is two loads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "mptunnel/base/ids.h"

namespace mptunnel {

struct ServerFlow;

class FlowIdTable {
 public:
  /// Null if the id names no flow.
  [[nodiscard]] ServerFlow* find(FlowId id) const {
    const std::size_t place = id.value / kChunkIds;
    if (place >= chunks_.size() || chunks_[place] == nullptr) return nullptr;
    return chunks_[place]->flows[id.value % kChunkIds];
  }
  /// `id`, which is no larger than kMaxVarint, names `flow` from now on. The flow stays its owner's, where it
  /// is.
  void set(FlowId id, ServerFlow& flow);
  void erase(FlowId id);
  void clear() { chunks_.clear(); }
  /// What is allocated.
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t kChunkIds = 64;
  struct Chunk {
    std::array<ServerFlow*, kChunkIds> flows{};
    std::size_t used = 0;  ///< those that are not null; with the last one the chunk goes
  };

  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace mptunnel
