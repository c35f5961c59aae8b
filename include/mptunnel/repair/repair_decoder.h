// The receiver's end of the repair code: source symbols and repair symbols go in, in any order and with
// gaps, and what they determine together comes out. See repair/symbol.h for what they are.
//
// It believes its peer: a wrong symbol gives wrong bytes. What contradicts itself is noticed, and then all
// equations go. Memory and work for each call are bounded whatever the peer sends: DecoderLimits.
//
// The numbers of one decoder are those of one key epoch: restart() when it ends.
#pragma once

#include <span>
#include <vector>

#include "mptunnel/repair/equation_system.h"
#include "mptunnel/repair/limits.h"
#include "mptunnel/repair/symbol.h"
#include "mptunnel/repair/symbol_store.h"

namespace mptunnel {

/// What became of a repair symbol.
enum class RepairVerdict : std::uint8_t {
  kept,           ///< says something of symbols that are missing; recovered() has what it determined
  redundant,      ///< nothing of its window is missing, or others say the same
  late,           ///< reaches back to symbols that are not kept any more
  malformed,      ///< its sizes, or those of its window, can't be
  contradiction,  ///< what was received can't be true together: nothing is recovered from it
  count_
};

struct RepairCounts {
  std::uint64_t recovered = 0;  ///< symbols that came out of recovered()
  /// Symbols that repair symbols spoke of and that neither came nor were recovered in time. Those before the
  /// first symbol that this decoder was given do not count.
  std::uint64_t given_up = 0;
  std::uint64_t dropped = 0;  ///< repair symbols that went before they were used up
  std::array<std::uint64_t, static_cast<std::size_t>(RepairVerdict::count_)> verdicts{};

  [[nodiscard]] std::uint64_t operator[](RepairVerdict verdict) const {
    return verdicts.at(static_cast<std::size_t>(verdict));
  }
};

class RepairDecoder {
 public:
  explicit RepairDecoder(DecoderLimits limits = {});

  struct Recovered {
    std::uint64_t number = 0;
    ConstBytes bytes;
  };

  /// A source symbol came; it is copied. One that came before changes nothing. `bytes` has at most
  /// kMaxSymbolBytes.
  void on_source(std::uint64_t number, ConstBytes bytes, TimePoint now);
  /// A repair symbol came. Its bytes are copied if they are needed.
  RepairVerdict on_repair(const RepairSymbol& repair, TimePoint now);
  /// What the last call of these two recovered, in ascending order; valid until the next one. Each symbol
  /// comes out once, and none that on_source() was given before.
  [[nodiscard]] std::span<const Recovered> recovered() const { return recovered_; }

  /// Drops what is too old: to be called now and then where nothing comes in.
  void expire(TimePoint now);
  /// Forgets all, because numbers begin anew, and gives the memory back. The counts stay.
  void restart();
  /// Gives up the oldest symbol, or else an equation. False if there is none.
  bool drop_oldest();

  [[nodiscard]] const RepairCounts& counts() const { return counts_; }
  /// Symbols that are missing and that repair symbols speak of: a repair may still arrive for them.
  [[nodiscard]] std::size_t unknowns() const { return equations_.unknowns(); }
  [[nodiscard]] std::size_t equations() const { return equations_.equations(); }
  [[nodiscard]] std::size_t symbols() const { return store_.size(); }
  /// Memory that is held.
  [[nodiscard]] std::size_t memory() const;
  /// Of this, what source symbols take: all that can grow much in on_source().
  [[nodiscard]] std::size_t symbol_memory() const { return store_.memory(); }

 private:
  RepairVerdict read(const RepairSymbol& repair, TimePoint now);
  /// Subtracts what is known, and finds what is not. False if a known symbol is larger than the sum.
  bool reduce(const RepairSymbol& repair);
  /// False if a solution is no coded form.
  bool take_solutions(TimePoint now);
  void contradict();
  void settle_counts();

  DecoderLimits limits_;
  SymbolStore store_;
  EquationSystem equations_;
  std::vector<EquationSystem::Term> terms_;
  std::vector<std::uint8_t> sum_;
  std::vector<Recovered> recovered_;
  RepairCounts counts_;
  std::uint64_t dropped_before_ = 0;    ///< counted by equation systems of former epochs
  std::optional<std::uint64_t> first_;  ///< the number of the first source symbol
};

}  // namespace mptunnel
