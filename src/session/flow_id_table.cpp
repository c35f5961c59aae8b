#include "mptunnel/session/flow_id_table.h"

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/cursor.h"

namespace mptunnel {

void FlowIdTable::set(FlowId id, ServerFlow& flow) {
  MPT_ASSERT(id.value <= kMaxVarint);
  const std::size_t place = id.value / kChunkIds;
  if (chunks_.size() <= place) chunks_.resize(place + 1);
  auto& chunk = chunks_[place];
  if (chunk == nullptr) chunk = std::make_unique<Chunk>();
  ServerFlow*& named = chunk->flows[id.value % kChunkIds];
  if (named == nullptr) ++chunk->used;
  named = &flow;
}

void FlowIdTable::erase(FlowId id) {
  if (find(id) == nullptr) return;
  auto& chunk = chunks_[id.value / kChunkIds];
  chunk->flows[id.value % kChunkIds] = nullptr;
  if (--chunk->used == 0) chunk.reset();
}

std::size_t FlowIdTable::bytes() const {
  const auto chunks = std::count_if(chunks_.begin(), chunks_.end(),
                                    [](const std::unique_ptr<Chunk>& chunk) { return chunk != nullptr; });
  return chunks_.capacity() * sizeof(chunks_.front()) + static_cast<std::size_t>(chunks) * sizeof(Chunk);
}

}  // namespace mptunnel
