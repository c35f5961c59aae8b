#include "mptunnel/repair/symbol_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mptunnel/base/assert.h"
#include "mptunnel/repair/limits.h"

namespace mptunnel {
namespace {

constexpr std::size_t kFirstRingBytes = std::size_t{16} << 10U;

}  // namespace

SymbolStore::SymbolStore(Limits limits) : limits_(limits) {
  MPT_ASSERT(limits.symbols > 0 && limits.bytes >= kMaxSymbolBytes);
}

void SymbolStore::make_tables() {
  slots_.resize(std::bit_ceil(limits_.symbols));
  arrivals_.resize(slots_.size());
}

bool SymbolStore::put(std::uint64_t number, ConstBytes bytes, TimePoint now) {
  MPT_ASSERT(bytes.size() <= kMaxSymbolBytes);
  if (slots_.empty()) make_tables();
  expire(now);
  if (number < floor_) return false;
  Slot& slot = slot_of(number);
  if (slot.used && slot.number >= number) {
    if (slot.number > number) floor_ = std::max(floor_, number + 1);
    return false;
  }
  if (slot.used) free_slot(slot);
  if (arrived_ == arrivals_.size()) drop_oldest();
  std::optional<std::size_t> begin = place_for(bytes.size());
  while (!begin) {
    if (ring_.size() < limits_.bytes) {
      grow(bytes.size());
    } else {
      drop_oldest();
    }
    begin = place_for(bytes.size());
  }
  // What went for it may have been higher.
  if (number < floor_) return false;
  if (!bytes.empty()) std::memcpy(ring_.data() + *begin, bytes.data(), bytes.size());
  end_ = *begin + bytes.size();
  slot = {number, *begin, bytes.size(), true};
  arrivals_[(first_arrival_ + arrived_++) % arrivals_.size()] = {number, *begin, now};
  ++size_;
  return true;
}

std::optional<ConstBytes> SymbolStore::find(std::uint64_t number) const {
  if (!contains(number)) return std::nullopt;
  const Slot& slot = slot_of(number);
  return ConstBytes(ring_).subspan(slot.begin, slot.size);
}

bool SymbolStore::contains(std::uint64_t number) const {
  if (slots_.empty()) return false;
  const Slot& slot = slot_of(number);
  return slot.used && slot.number == number;
}

void SymbolStore::expire(TimePoint now) {
  while (arrived_ > 0 && now - arrivals_[first_arrival_].time >= limits_.age) drop_oldest();
}

std::size_t SymbolStore::count_since(TimePoint time) const {
  std::size_t count = 0;
  while (count < arrived_ &&
         arrivals_[(first_arrival_ + arrived_ - 1 - count) % arrivals_.size()].time >= time) {
    ++count;
  }
  return count;
}

bool SymbolStore::drop_oldest() {
  if (arrived_ == 0) return false;
  const Arrival& oldest = arrivals_[first_arrival_];
  Slot& slot = slot_of(oldest.number);
  if (slot.used && slot.number == oldest.number) free_slot(slot);
  first_arrival_ = (first_arrival_ + 1) % arrivals_.size();
  --arrived_;
  return true;
}

void SymbolStore::free_slot(Slot& slot) {
  slot.used = false;
  --size_;
  floor_ = std::max(floor_, slot.number + 1);
}

void SymbolStore::clear() {
  *this = SymbolStore(limits_);
}

std::size_t SymbolStore::memory() const {
  return ring_.capacity() + slots_.capacity() * sizeof(Slot) + arrivals_.capacity() * sizeof(Arrival);
}

/// The places lie one behind the other from the oldest to end_, by way of the ring's end or not. They never
/// meet, so that begin == end_ does not mean a full ring.
std::optional<std::size_t> SymbolStore::place_for(std::size_t bytes) const {
  if (arrived_ == 0) return bytes <= ring_.size() ? std::optional<std::size_t>(0) : std::nullopt;
  const std::size_t begin = arrivals_[first_arrival_].begin;
  if (end_ < begin) return bytes < begin - end_ ? std::optional(end_) : std::nullopt;
  if (bytes <= ring_.size() - end_) return end_;
  return bytes < begin ? std::optional<std::size_t>(0) : std::nullopt;
}

void SymbolStore::grow(std::size_t bytes) {
  ByteArena larger(
      std::min(limits_.bytes, std::max({kFirstRingBytes, 2 * ring_.size(), ring_.size() + bytes})));
  std::size_t end = 0;
  for (std::size_t i = 0; i < arrived_; ++i) {
    Arrival& arrival = arrivals_[(first_arrival_ + i) % arrivals_.size()];
    const std::size_t from = std::exchange(arrival.begin, end);
    Slot& slot = slot_of(arrival.number);
    if (!slot.used || slot.number != arrival.number) continue;
    if (slot.size > 0) std::memcpy(larger.data() + end, ring_.data() + from, slot.size);
    slot.begin = end;
    end += slot.size;
  }
  ring_ = std::move(larger);
  end_ = end;
}

}  // namespace mptunnel
