// The state of one path, as both ends show it. How it comes about: probed_path.h, server_path.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mptunnel {

enum class PathState : std::uint8_t { fresh, up, suspect, down };
/// "new", "up", "suspect", "down".
inline const char* name_of(PathState state) {
  static constexpr std::array<const char*, 4> kNames{"new", "up", "suspect", "down"};
  return kNames.at(static_cast<std::size_t>(state));
}

}  // namespace mptunnel
