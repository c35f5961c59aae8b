// Packets of one session that come in fragments, by whatever paths: kept until they are whole or too old.
// Bounded in count, bytes and time, and together with all other sessions in bytes. What is kept grows with
// what came, never with what a fragment says is still to come.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <tl/expected.hpp>
#include <tuple>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// It holds the bytes that came, and kFragmentRecordBytes for each packet and each part.
class FragmentAssembler final : public BudgetHolder {
 public:
  /// `budget` outlives the assembler.
  explicit FragmentAssembler(FragmentBudget& budget) { join_budget(budget); }

  /// A packet that has become whole.
  struct Whole {
    std::vector<std::uint8_t> packet;  ///< header and all
    OuterEcn ecn;                      ///< joined_ecn() of the fragments that it was made of
    friend bool operator==(const Whole&, const Whole&) = default;
  };
  /// Takes a fragment that came under the key epoch with this index (ours), in a packet with this ECN.
  /// Returns the packet if it is whole now. Errors: copy (all of it was there), bad_frame (it contradicts
  /// what came before, or the packet comes in too many parts).
  tl::expected<std::optional<Whole>, Drop> add(SessionIndex epoch, const FragmentFrame& fragment,
                                               OuterEcn ecn, TimePoint now);
  /// Forgets what is too old. Returns how many packets were given up since the last call, for age or for
  /// room: each is to be counted as Drop::fragment_expired.
  std::size_t expire(TimePoint now);
  [[nodiscard]] std::size_t packets() const { return packets_.size(); }
  /// How many packets had to go for room, in all.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  using Key = std::tuple<SessionIndex, PacketType, PacketNumber>;
  struct Part {
    std::uint32_t offset = 0;
    std::vector<std::uint8_t> bytes;
    [[nodiscard]] std::uint32_t end() const { return offset + static_cast<std::uint32_t>(bytes.size()); }
  };
  struct Begun {
    Key key;
    std::uint32_t total = 0;
    std::uint32_t missing = 0;
    std::vector<Part> parts;  ///< in order; none overlaps another
    std::size_t cost = kFragmentRecordBytes;
    TimePoint until;
    OuterEcn ecn;
  };
  using Packets = std::list<Begun>;

  Packets::iterator begin(const Key& key, std::uint32_t total, TimePoint now);
  /// In the session's own share, then in the budget.
  void make_all_room(std::size_t bytes);
  /// Keeps what of the fragment is new. Whether any of it was.
  bool keep(Begun& packet, const FragmentFrame& fragment);
  static std::vector<std::uint8_t> join(const Begun& packet);
  void charge(Begun& packet, std::size_t bytes);
  void forget(Packets::iterator packet);
  /// Gives the oldest packet up for room.
  void evict();
  bool yield() override;

  Packets packets_;  ///< the oldest first
  std::map<Key, Packets::iterator> by_key_;
  std::uint64_t evicted_ = 0;
  std::uint64_t evicted_told_ = 0;  ///< of these, by expire()
};

}  // namespace mptunnel
