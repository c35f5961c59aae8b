// The sender's end of the repair code: it keeps copies of the source symbols sent last, and makes repair
// symbols of them. See repair/symbol.h for what these are. When one leaves, and how many, is RepairControl's
// business.
//
// The numbers of one encoder are those of one key epoch: restart() when it ends.
#pragma once

#include "mptunnel/repair/limits.h"
#include "mptunnel/repair/symbol.h"
#include "mptunnel/repair/symbol_store.h"

namespace mptunnel {

class RepairEncoder {
 public:
  explicit RepairEncoder(EncoderLimits limits = {});

  /// What a repair symbol may cover.
  struct Window {
    std::uint64_t first = 0;
    std::size_t count = 0;        ///< 0 if nothing is kept
    std::size_t coded_bytes = 0;  ///< of its repair symbol: kSymbolPrefixBytes and the longest
  };

  /// Keeps a copy of a symbol that has been sent, in two pieces. Numbers ascend; if they skip one, all before
  /// are forgotten, because a window has no gaps. So they are, too, if this one can't be kept because it is
  /// larger than kMaxSymbolBytes: then false.
  bool add(std::uint64_t number, ConstBytes head, ConstBytes body, TimePoint now);
  bool add(std::uint64_t number, ConstBytes bytes, TimePoint now) { return add(number, {}, bytes, now); }
  /// The newest symbols, at most `most` and at most kMaxRepairWindow, and none that is too old by now.
  [[nodiscard]] Window newest(std::size_t most, TimePoint now);
  /// Symbols added since then that are kept.
  [[nodiscard]] std::size_t count_since(TimePoint time) const { return store_.count_since(time); }
  /// Writes the repair symbol of a window to the front of `out`, whose former bytes do not matter. Returns
  /// how many bytes it has; 0 if a symbol of the window is not kept (any more), or if it doesn't fit.
  std::size_t make(std::uint64_t first, std::size_t count, std::uint16_t seed, Bytes out) const;

  /// Forgets all, because numbers begin anew, and gives the memory back.
  void restart();
  /// Gives up the oldest symbol. False if there is none.
  bool drop_oldest() { return store_.drop_oldest(); }
  [[nodiscard]] std::size_t symbols() const { return store_.size(); }
  /// Memory that is held.
  [[nodiscard]] std::size_t memory() const { return store_.memory(); }

 private:
  SymbolStore store_;
  std::uint64_t next_ = 0;  ///< one after the newest number
};

}  // namespace mptunnel
