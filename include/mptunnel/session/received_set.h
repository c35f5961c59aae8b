// The packet numbers seen under one key: dedup of copies and replay protection in one. Exact, whatever the
// delays of the paths, within its quota.
//
//     everything below low_water() is seen
//     |                       red-black tree of 512-number bitmaps, keyed by block
//     v                       v
//     ########################[1101...]----------[0010...][1111...]
//
// In order, one block fills up, raises the mark and is used again for the next: no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// It holds kReceivedBlockBytes for each block, those to be used again included.
class ReceivedSet final : public BudgetHolder {
 public:
  static constexpr std::uint32_t kBlockNumbers = 512;

  /// `quota` numbers, rounded up to whole blocks, may lie between the mark and the highest; at least two
  /// blocks.
  explicit ReceivedSet(std::uint32_t quota = kReceivedSetNumbers);
  /// Shares `budget`, which outlives the set, from now on. Whoever has to yield closes its lowest blocks
  /// early, but keeps the two highest.
  void share(ReceivedBudget& budget) { join_budget(budget); }

  /// Whether the number was inserted before, or lies below the mark. Changes nothing.
  [[nodiscard]] bool contains(PacketNumber number) const {
    if (number.value < low_water_) return true;
    const Block* block = find(block_of(number));
    return block != nullptr && (block->bits[word_of(number)] & bit_of(number)) != 0;
  }

  /// Inserts an authenticated packet's number. False if contains() would have said true.
  bool insert(PacketNumber number, TimePoint now) {
    if (number.value < low_water_) return false;
    const std::uint32_t key = block_of(number);
    Block* block = find(key);
    if (block == nullptr) block = make(key, now);
    if (block == nullptr) return false;
    std::uint64_t& word = block->bits[word_of(number)];
    if ((word & bit_of(number)) != 0) return false;
    word |= bit_of(number);
    ++received_;
    if (++block->count == kBlockNumbers && key == low_water_ >> kBlockShift) close_lowest();
    return true;
  }

  /// Raises the mark over blocks that were left behind by higher numbers kReorderAge ago.
  void age(TimePoint now);

  /// Everything below is seen or given up. A multiple of kBlockNumbers.
  [[nodiscard]] PacketNumber low_water() const { return PacketNumber{low_water_}; }
  /// Numbers inserted so far.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// Of these, those from `number` on; what is below the mark counts as inserted.
  [[nodiscard]] std::uint64_t received_from(PacketNumber number) const;
  /// Numbers below the mark that never came: the residual loss.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }
  /// Blocks given up early, or refused, because of the quota or the budget.
  [[nodiscard]] std::uint64_t forced() const { return forced_; }
  [[nodiscard]] std::size_t blocks() const { return blocks_.size(); }

 private:
  struct Block {
    std::array<std::uint64_t, kBlockNumbers / 64> bits{};
    std::uint32_t count = 0;
    TimePoint passed = kNever;  ///< when a higher block came, or this one came below a higher one
  };
  using Blocks = std::map<std::uint32_t, Block>;  // libstdc++'s is a red-black tree
  /// A block that was looked up lately.
  struct Recent {
    std::uint32_t key = 0xffffffff;  ///< no block's: keys have 23 bits
    Block* block = nullptr;
  };

  static constexpr std::uint32_t kBlockShift = 9;
  static_assert(kBlockNumbers == 1U << kBlockShift);
  static constexpr std::uint32_t block_of(PacketNumber number) { return number.value >> kBlockShift; }
  static constexpr std::size_t word_of(PacketNumber number) { return number.value % kBlockNumbers / 64; }
  static constexpr std::uint64_t bit_of(PacketNumber number) { return std::uint64_t{1} << number.value % 64; }

  /// Neighbours seldom share a place. The fold keeps paths that are a multiple of 32 blocks apart from doing
  /// so all the time.
  static constexpr std::size_t place_of(std::uint32_t key) { return (key ^ key >> 5U) % kRecent; }
  static constexpr std::size_t kRecent = 32;

  /// The block that is there, or nullptr. `key` does not lie below the mark.
  Block* find(std::uint32_t key) const {
    const Recent& recent = recent_[place_of(key)];
    return recent.key == key ? recent.block : find_in_tree(key);
  }
  Block* find_in_tree(std::uint32_t key) const;
  /// A block that is not there yet; nullptr if the key lies below the mark by now, or the quota or the budget
  /// refuses it.
  Block* make(std::uint32_t key, TimePoint now);
  Block& add(std::uint32_t key, TimePoint now);
  /// And the full ones right above it.
  void close_lowest();
  bool yield() override;

  Blocks blocks_;
  std::vector<Blocks::node_type> spare_;
  std::size_t max_blocks_;
  std::uint32_t low_water_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t forced_ = 0;
  /// The last block looked up of those that share a place. An entry of a closed block stays and does no harm:
  /// its numbers lie below the mark for good.
  mutable std::array<Recent, kRecent> recent_{};
};

}  // namespace mptunnel
