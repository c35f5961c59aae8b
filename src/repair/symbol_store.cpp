#include "mptunnel/repair/symbol_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/partition_index.h"
#include "mptunnel/repair/limits.h"

namespace mptunnel {
namespace {

constexpr std::size_t kFirstRingBytes = std::size_t{16} << 10U;
constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kMostFetched = 2048;

}  // namespace

SymbolStore::SymbolStore(Limits limits) : limits_(limits) {
  MPT_ASSERT(limits.symbols > 0 && limits.bytes >= kMaxSymbolBytes);
}

void SymbolStore::make_tables() {
  slots_.resize(std::bit_ceil(limits_.symbols));
  arrivals_.resize(slots_.size());
}

bool SymbolStore::put(std::uint64_t number, ConstBytes head, ConstBytes body, TimePoint now) {
  const std::size_t size = head.size() + body.size();
  MPT_ASSERT(size <= kMaxSymbolBytes);
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
  std::optional<std::size_t> begin = place_for(size);
  while (!begin) {
    if (ring_.size() < limits_.bytes) {
      grow(size);
    } else {
      drop_oldest();
    }
    begin = place_for(size);
  }
  // What went for it may have been higher.
  if (number < floor_) return false;
  write(head, body, *begin);
  slot = {number, *begin, size, true};
  arrivals_[wrap(first_arrival_ + arrived_++)] = {number, *begin, now};
  ++size_;
  return true;
}

/// The ring is larger than the caches near the processor, as a rule: what the next symbol is likely to be
/// written to is fetched meanwhile.
void SymbolStore::write(ConstBytes head, ConstBytes body, std::size_t begin) {
  if (!head.empty()) std::memcpy(ring_.data() + begin, head.data(), head.size());
  if (!body.empty()) std::memcpy(ring_.data() + begin + head.size(), body.data(), body.size());
  end_ = begin + head.size() + body.size();
  const std::size_t fetched = std::min(std::min(end_ - begin, kMostFetched), ring_.size() - end_);
  for (std::size_t at = 0; at < fetched; at += kCacheLine) __builtin_prefetch(ring_.data() + end_ + at, 1);
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

/// They lie in the order of their times.
std::size_t SymbolStore::count_since(TimePoint time) const {
  const std::size_t before =
      partition_index(arrived_, [&](std::size_t index) { return arrival(index).time < time; });
  return arrived_ - before;
}

bool SymbolStore::drop_oldest() {
  if (arrived_ == 0) return false;
  const Arrival& oldest = arrivals_[first_arrival_];
  Slot& slot = slot_of(oldest.number);
  if (slot.used && slot.number == oldest.number) free_slot(slot);
  first_arrival_ = wrap(first_arrival_ + 1);
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
    Arrival& moved = arrivals_[wrap(first_arrival_ + i)];
    const std::size_t from = std::exchange(moved.begin, end);
    Slot& slot = slot_of(moved.number);
    if (!slot.used || slot.number != moved.number) continue;
    if (slot.size > 0) std::memcpy(larger.data() + end, ring_.data() + from, slot.size);
    slot.begin = end;
    end += slot.size;
  }
  ring_ = std::move(larger);
  end_ = end;
}

}  // namespace mptunnel
