// std::partition_point for what is reached by an index and has no iterators, as a ring.
#pragma once

#include <cstddef>

namespace mptunnel {

/// How many of `count` indices come before the first one that `is_before(index)` is false of. It is true of
/// all before that one, and of none after it.
template <typename IsBefore>
std::size_t partition_index(std::size_t count, IsBefore is_before) {
  std::size_t first = 0;
  while (first < count) {
    const std::size_t middle = first + (count - first) / 2;
    if (is_before(middle)) {
      first = middle + 1;
    } else {
      count = middle;
    }
  }
  return first;
}

}  // namespace mptunnel
