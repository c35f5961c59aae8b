// A growing row of bytes that are written right after room was made for them: growing it does not zero them.
// What it is not: for bytes that may be read before they are written.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace mptunnel {

/// std::allocator, but for elements that come without a value: they stay as the memory is.
template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {  // NOLINT(readability-identifier-naming): the standard's name
    using other = UninitializedAllocator<U>;
  };

  using std::allocator<T>::allocator;

  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

/// resize() leaves new bytes as they are; each is to be written before it is read.
using ByteArena = std::vector<std::uint8_t, UninitializedAllocator<std::uint8_t>>;

}  // namespace mptunnel
