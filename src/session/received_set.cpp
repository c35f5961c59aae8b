#include "mptunnel/session/received_set.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

constexpr std::uint32_t kBlockShift = 9;
static_assert(ReceivedSet::kBlockNumbers == 1U << kBlockShift);
constexpr std::size_t kMaxSpare = 64;

constexpr std::uint32_t block_of(PacketNumber number) {
  return number.value >> kBlockShift;
}
constexpr std::size_t word_of(PacketNumber number) {
  return number.value % ReceivedSet::kBlockNumbers / 64;
}
constexpr std::uint64_t bit_of(PacketNumber number) {
  return std::uint64_t{1} << number.value % 64;
}

}  // namespace

ReceivedSet::ReceivedSet(std::uint32_t quota)
    : max_blocks_(std::max<std::size_t>(2, (std::size_t{quota} + kBlockNumbers - 1) / kBlockNumbers)),
      recent_(blocks_.end()) {}

bool ReceivedSet::contains(PacketNumber number) const {
  if (number.value < low_water_) return true;
  const std::uint32_t key = block_of(number);
  if (recent_ != blocks_.end() && recent_->first == key) {
    return (recent_->second.bits[word_of(number)] & bit_of(number)) != 0;
  }
  const auto found = blocks_.find(key);
  return found != blocks_.end() && (found->second.bits[word_of(number)] & bit_of(number)) != 0;
}

bool ReceivedSet::insert(PacketNumber number, TimePoint now) {
  if (number.value < low_water_) return false;
  const std::uint32_t key = block_of(number);
  Block* block = find_or_make(key, now);
  if (block == nullptr) return false;
  std::uint64_t& word = block->bits[word_of(number)];
  if ((word & bit_of(number)) != 0) return false;
  word |= bit_of(number);
  ++block->count;
  ++received_;
  while (!blocks_.empty() && blocks_.begin()->second.count == kBlockNumbers &&
         blocks_.begin()->first == low_water_ >> kBlockShift) {
    close_lowest();
  }
  return true;
}

void ReceivedSet::age(TimePoint now) {
  while (!blocks_.empty() && blocks_.begin()->second.passed != kNever &&
         now - blocks_.begin()->second.passed >= kReorderAge) {
    close_lowest();
  }
}

ReceivedSet::Block* ReceivedSet::find_or_make(std::uint32_t key, TimePoint now) {
  if (recent_ != blocks_.end() && recent_->first == key) return &recent_->second;
  const auto found = blocks_.find(key);
  if (found != blocks_.end()) {
    recent_ = found;
    return &found->second;
  }
  age(now);
  if (key < low_water_ >> kBlockShift) return nullptr;
  if (blocks_.size() >= max_blocks_) {
    ++forced_;
    if (key < blocks_.begin()->first) return nullptr;
    close_lowest();
  }
  return &make(key, now);
}

ReceivedSet::Block& ReceivedSet::make(std::uint32_t key, TimePoint now) {
  const bool highest = blocks_.empty() || blocks_.rbegin()->first < key;
  if (highest && !blocks_.empty()) {
    Block& left_behind = blocks_.rbegin()->second;
    left_behind.passed = now;
  }
  if (spare_.empty()) {
    recent_ = blocks_.try_emplace(key).first;
  } else {
    Blocks::node_type node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = key;
    node.mapped() = Block{};
    recent_ = blocks_.insert(std::move(node)).position;
  }
  recent_->second.passed = highest ? kNever : now;
  return recent_->second;
}

void ReceivedSet::close_lowest() {
  const auto lowest = blocks_.begin();
  const std::uint32_t end = (lowest->first + 1) << kBlockShift;
  missing_ += end - low_water_ - lowest->second.count;
  low_water_ = end;
  if (recent_ == lowest) recent_ = blocks_.end();
  Blocks::node_type node = blocks_.extract(lowest);
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(node));
}

}  // namespace mptunnel
