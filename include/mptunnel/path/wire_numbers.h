// Times and counts as packets carry them: in 32 bits, which wrap.
#pragma once

#include <chrono>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

inline std::uint32_t wire_time(TimePoint time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

constexpr Duration from_microseconds(std::uint32_t count) {
  return std::chrono::microseconds(count);
}

/// The number that ends in `low` and is nearest to `near`.
constexpr std::uint64_t widen(std::uint32_t low, std::uint64_t near) {
  const auto step = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(near));
  if (step < 0 && near < static_cast<std::uint64_t>(-std::int64_t{step})) return low;
  return near + static_cast<std::uint64_t>(std::int64_t{step});
}

}  // namespace mptunnel
