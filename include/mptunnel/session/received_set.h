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
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class ReceivedSet {
 public:
  static constexpr std::uint32_t kBlockNumbers = 512;

  /// `quota` numbers, rounded up to whole blocks, may lie between the mark and the highest; at least two
  /// blocks.
  explicit ReceivedSet(std::uint32_t quota = kReceivedSetNumbers);

  /// Whether the number was inserted before, or lies below the mark. Changes nothing.
  [[nodiscard]] bool contains(PacketNumber number) const;

  /// Inserts an authenticated packet's number. False where contains() would have said true.
  bool insert(PacketNumber number, TimePoint now);

  /// Raises the mark over blocks that were left behind by higher numbers kReorderAge ago.
  void age(TimePoint now);

  /// Everything below is seen or given up. A multiple of kBlockNumbers.
  [[nodiscard]] PacketNumber low_water() const { return PacketNumber{low_water_}; }
  /// Numbers inserted so far.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// Numbers below the mark that never came: the residual loss.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }
  /// Blocks given up early, or refused, because of the quota.
  [[nodiscard]] std::uint64_t forced() const { return forced_; }
  [[nodiscard]] std::size_t blocks() const { return blocks_.size(); }

 private:
  struct Block {
    std::array<std::uint64_t, kBlockNumbers / 64> bits{};
    std::uint32_t count = 0;
    TimePoint passed = kNever;  ///< when a higher block came, or this one came below a higher one
  };
  using Blocks = std::map<std::uint32_t, Block>;  // libstdc++'s is a red-black tree

  Block* find_or_make(std::uint32_t key, TimePoint now);
  Block& make(std::uint32_t key, TimePoint now);
  void close_lowest();

  Blocks blocks_;
  std::vector<Blocks::node_type> spare_;
  std::size_t max_blocks_;
  std::uint32_t low_water_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t forced_ = 0;
  Blocks::iterator recent_;  ///< the block last inserted into, or end()
};

}  // namespace mptunnel
