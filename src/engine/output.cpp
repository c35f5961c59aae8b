#include "mptunnel/engine/output.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/bytes.h"

namespace mptunnel {

void Output::clear() {
  arena.clear();
  runs.clear();
  direct.clear();
  deliveries.clear();
  pieces.clear();
  flow_changes.clear();
  events.clear();
  kept_.clear();
}

Bytes Output::keep(std::vector<std::uint8_t> bytes) {
  return kept_.emplace_back(std::move(bytes));
}

bool Output::empty() const {
  return runs.empty() && direct.empty() && deliveries.empty() && flow_changes.empty() && events.empty();
}

Bytes Output::make_packet(std::size_t size) {
  const std::size_t offset = arena.size();
  arena.resize(offset + size);
  return Bytes(arena).subspan(offset);
}

void Output::discard_packet(std::size_t size) {
  MPT_ASSERT(size <= arena.size());
  arena.resize(arena.size() - size);
}

void Output::send(std::size_t size, PathSet paths, SessionHandle session, SessionIndex epoch, Marks marks,
                  bool has_datagrams) {
  if (paths.empty()) {
    discard_packet(size);
    return;
  }
  const std::size_t offset = arena.size() - size;
  const PacketHeader header = decode_header(ConstBytes(arena).subspan(offset)).value_or(PacketHeader{});
  if (!runs.empty()) {
    PacketRun& last = runs.back();
    const bool same_way = last.paths == paths && last.session == session && last.epoch == epoch &&
                          last.marks == marks && last.has_datagrams == has_datagrams;
    const bool fits = last.tail == last.stride && size <= last.stride && last.count < kMaxSegments &&
                      last.bytes() + size <= kMaxSegmentedBytes && last.offset + last.bytes() == offset;
    if (same_way && fits) {
      last.is_row = last.is_row && header.type == last.first.type &&
                    header.number.value == last.first.number.value + last.count;
      ++last.count;
      last.tail = size;
      return;
    }
  }
  runs.push_back({offset, size, size, 1, paths, marks, has_datagrams, session, epoch, {}, header});
}

void Output::send_direct(std::size_t size, const Route& route) {
  direct.push_back({arena.size() - size, size, route});
}

void Output::deliver(FlowHandle flow, ConstBytes payload) {
  if (deliveries.empty() || deliveries.back().flow != flow) deliveries.push_back({flow, pieces.size(), 0});
  pieces.push_back(payload);
  ++deliveries.back().count;
}

void Output::group_deliveries() {
  if (deliveries.size() < 2) return;
  std::sort(deliveries.begin(), deliveries.end(), [](const Delivery& a, const Delivery& b) {
    return a.flow != b.flow ? a.flow < b.flow : a.first < b.first;
  });
  grouped_.clear();
  std::size_t groups = 0;
  // By value: `deliveries` is compacted in place, and the group that is written may be the element being
  // read.
  for (const Delivery part : deliveries) {
    if (groups == 0 || deliveries[groups - 1].flow != part.flow)
      deliveries[groups++] = {part.flow, grouped_.size(), 0};
    const auto own = pieces_of(part);
    grouped_.insert(grouped_.end(), own.begin(), own.end());
    deliveries[groups - 1].count += part.count;
  }
  deliveries.resize(groups);
  pieces.swap(grouped_);
}

}  // namespace mptunnel
