#include "mptunnel/session/received_set.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

constexpr std::size_t kMaxSpare = 64;
/// In the highest block numbers still come in order, and just below it those that are a little late.
constexpr std::size_t kNeverYielded = 2;

}  // namespace

ReceivedSet::ReceivedSet(std::uint32_t quota)
    : max_blocks_(std::max<std::size_t>(2, (std::size_t{quota} + kBlockNumbers - 1) / kBlockNumbers)) {}

std::uint64_t ReceivedSet::received_from(PacketNumber number) const {
  std::uint64_t count = number.value < low_water_ ? low_water_ - number.value : 0;
  const std::uint32_t first = std::max(number.value, low_water_);
  for (auto block = blocks_.lower_bound(first >> kBlockShift); block != blocks_.end(); ++block) {
    if (block->first > first >> kBlockShift) {
      count += block->second.count;
      continue;
    }
    for (std::uint32_t inside = first % kBlockNumbers; inside < kBlockNumbers; ++inside)
      count += block->second.bits.at(inside / 64) >> inside % 64 & 1U;
  }
  return count;
}

void ReceivedSet::age(TimePoint now) {
  while (!blocks_.empty() && blocks_.begin()->second.passed != kNever &&
         now - blocks_.begin()->second.passed >= kReorderAge) {
    close_lowest();
  }
}

ReceivedSet::Block* ReceivedSet::find_in_tree(std::uint32_t key) const {
  const auto found = blocks_.find(key);
  if (found == blocks_.end()) return nullptr;
  // contains() only looks at it; insert() is no const function.
  auto* block = const_cast<Block*>(&found->second);
  recent_[place_of(key)] = {key, block};
  return block;
}

ReceivedSet::Block* ReceivedSet::make(std::uint32_t key, TimePoint now) {
  age(now);
  if (key < low_water_ >> kBlockShift) return nullptr;
  if (blocks_.size() >= max_blocks_) {
    ++forced_;
    if (key < blocks_.begin()->first) return nullptr;
    close_lowest();
  }
  if (spare_.empty()) {
    make_room(kReceivedBlockBytes);
    // The lowest block that had to go for it may be a higher one.
    if (key < low_water_ >> kBlockShift) return nullptr;
  }
  return &add(key, now);
}

ReceivedSet::Block& ReceivedSet::add(std::uint32_t key, TimePoint now) {
  const bool highest = blocks_.empty() || blocks_.rbegin()->first < key;
  if (highest && !blocks_.empty()) {
    Block& left_behind = blocks_.rbegin()->second;
    left_behind.passed = now;
  }
  Blocks::iterator added;
  if (spare_.empty()) {
    added = blocks_.try_emplace(key).first;
    take(kReceivedBlockBytes);
  } else {
    Blocks::node_type node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = key;
    node.mapped() = Block{};
    added = blocks_.insert(std::move(node)).position;
  }
  Block& block = added->second;
  block.passed = highest ? kNever : now;
  recent_[place_of(key)] = {key, &block};
  return block;
}

void ReceivedSet::close_lowest() {
  do {
    const auto lowest = blocks_.begin();
    const std::uint32_t end = (lowest->first + 1) << kBlockShift;
    missing_ += end - low_water_ - lowest->second.count;
    low_water_ = end;
    Blocks::node_type node = blocks_.extract(lowest);
    if (spare_.size() < kMaxSpare) {
      spare_.push_back(std::move(node));
    } else {
      give_back(kReceivedBlockBytes);
    }
  } while (!blocks_.empty() && blocks_.begin()->second.count == kBlockNumbers &&
           blocks_.begin()->first == low_water_ >> kBlockShift);
}

bool ReceivedSet::yield() {
  if (spare_.empty()) {
    if (blocks_.size() <= kNeverYielded) return false;
    ++forced_;
    close_lowest();
  }
  spare_.pop_back();
  give_back(kReceivedBlockBytes);
  return true;
}

}  // namespace mptunnel
