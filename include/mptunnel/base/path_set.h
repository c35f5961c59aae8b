// A set of paths of one session, as a value the size of a word.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/ids.h"

namespace mptunnel {

/// Paths of one session: the ids are below this. Part of the protocol (docs/protocol.md), and the bits of a
/// PathSet.
inline constexpr std::size_t kMaxPaths = 32;

/// The ids given to it are below kMaxPaths: one from a packet is checked before.
class PathSet {
 public:
  /// Visits the members in ascending order. The set it came from may change meanwhile: it has its own copy.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = PathId;
    using difference_type = std::ptrdiff_t;
    using pointer = const PathId*;
    using reference = PathId;

    constexpr Iterator() = default;
    constexpr PathId operator*() const { return PathId{static_cast<std::uint8_t>(std::countr_zero(left_))}; }
    constexpr Iterator& operator++() {
      left_ &= left_ - 1;
      return *this;
    }
    constexpr Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend constexpr bool operator==(Iterator, Iterator) = default;

   private:
    friend class PathSet;
    constexpr explicit Iterator(std::uint32_t left) : left_(left) {}

    std::uint32_t left_ = 0;  ///< the members not visited yet
  };

  constexpr PathSet() = default;
  template <std::same_as<PathId>... Paths>
  static constexpr PathSet of(Paths... paths) {
    return PathSet((bit(paths) | ... | 0U));
  }
  /// The paths 0 to `count` - 1; `count` is at most kMaxPaths.
  static constexpr PathSet first(std::size_t count) {
    MPT_ASSERT(count <= kMaxPaths);
    return PathSet(static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1));
  }
  static constexpr PathSet all() { return first(kMaxPaths); }

  [[nodiscard]] constexpr bool contains(PathId path) const { return (bits_ & bit(path)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  constexpr void insert(PathId path) { bits_ |= bit(path); }
  constexpr void erase(PathId path) { bits_ &= ~bit(path); }

  /// Union, intersection, and what is in the first set alone.
  friend constexpr PathSet operator|(PathSet a, PathSet b) { return PathSet(a.bits_ | b.bits_); }
  friend constexpr PathSet operator&(PathSet a, PathSet b) { return PathSet(a.bits_ & b.bits_); }
  friend constexpr PathSet operator-(PathSet a, PathSet b) { return PathSet(a.bits_ & ~b.bits_); }
  constexpr PathSet& operator|=(PathSet other) { return *this = *this | other; }
  constexpr PathSet& operator&=(PathSet other) { return *this = *this & other; }
  constexpr PathSet& operator-=(PathSet other) { return *this = *this - other; }
  friend constexpr bool operator==(PathSet, PathSet) = default;

  [[nodiscard]] constexpr Iterator begin() const { return Iterator(bits_); }
  [[nodiscard]] constexpr Iterator end() const { return {}; }

 private:
  constexpr explicit PathSet(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(PathId path) {
    MPT_ASSERT(path.value < kMaxPaths);
    return std::uint32_t{1} << path.value;
  }

  std::uint32_t bits_ = 0;  ///< bit i is path i
};
static_assert(kMaxPaths == 32, "a path for each bit of a PathSet");

}  // namespace mptunnel
