// Copies of source symbols by number, bounded by count, bytes and age: the oldest go first. What it is not: a
// memory of what was seen; of a number that is not there it can't say if it ever was.
//
// The bytes lie in one ring in the order of arrival, which grows up to its limit; the slot of a number is its
// remainder. So once it has grown nothing is allocated.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/base/byte_arena.h"
#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

class SymbolStore {
 public:
  struct Limits {
    std::size_t symbols = 0;  ///< rounded up to a power of two
    std::size_t bytes = 0;    ///< of the ring; at least kMaxSymbolBytes
    Duration age{};           ///< a symbol that has been kept for so long goes
  };
  explicit SymbolStore(Limits limits);

  /// Keeps a copy. False if the number is there or lies below the floor, or if a higher number has its slot:
  /// then the floor is above it from now on. The bytes, of both pieces together, are at most kMaxSymbolBytes.
  bool put(std::uint64_t number, ConstBytes head, ConstBytes body, TimePoint now);
  bool put(std::uint64_t number, ConstBytes bytes, TimePoint now) { return put(number, {}, bytes, now); }
  /// The bytes of a symbol, valid until the next call that is not const; nullopt if it is not kept.
  [[nodiscard]] std::optional<ConstBytes> find(std::uint64_t number) const;
  [[nodiscard]] bool contains(std::uint64_t number) const;

  /// Drops what is too old.
  void expire(TimePoint now);
  /// Drops the symbol that came first. False if there is none.
  bool drop_oldest();
  /// Drops all, and gives the memory back. The floor is 0 again.
  void clear();

  /// Above all that was dropped, or refused for a higher one. 0 at first.
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  /// Symbols that are kept.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// How many were put in since then, of the last ones that are kept.
  [[nodiscard]] std::size_t count_since(TimePoint time) const;
  /// Memory that is held, used or not.
  [[nodiscard]] std::size_t memory() const;

 private:
  struct Slot {
    std::uint64_t number = 0;
    std::size_t begin = 0;  ///< in the ring
    std::size_t size = 0;
    bool used = false;
  };
  /// A place of the ring. Its slot may have gone to a higher number.
  struct Arrival {
    std::uint64_t number = 0;
    std::size_t begin = 0;
    TimePoint time;
  };

  void make_tables();
  void write(ConstBytes head, ConstBytes body, std::size_t begin);
  [[nodiscard]] std::size_t wrap(std::size_t place) const { return place & (slots_.size() - 1); }
  /// The arrival that came so many after the first one.
  [[nodiscard]] const Arrival& arrival(std::size_t index) const {
    return arrivals_[wrap(first_arrival_ + index)];
  }
  void free_slot(Slot& slot);
  /// Where `bytes` more fit, or nullopt.
  [[nodiscard]] std::optional<std::size_t> place_for(std::size_t bytes) const;
  void grow(std::size_t bytes);
  [[nodiscard]] Slot& slot_of(std::uint64_t number) { return slots_[wrap(number)]; }
  [[nodiscard]] const Slot& slot_of(std::uint64_t number) const { return slots_[wrap(number)]; }

  Limits limits_;
  std::vector<Slot> slots_;        ///< none before the first symbol
  std::vector<Arrival> arrivals_;  ///< a ring of as many
  std::size_t first_arrival_ = 0;
  std::size_t arrived_ = 0;  ///< in arrivals_
  ByteArena ring_;
  std::size_t end_ = 0;  ///< of the newest place
  std::size_t size_ = 0;
  std::uint64_t floor_ = 0;
};

}  // namespace mptunnel
