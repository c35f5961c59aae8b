// The state of one path, as both ends show it. How it comes about: probed_path.h, server_path.h.
#pragma once

#include <cstdint>

namespace mptunnel {

enum class PathState : std::uint8_t { fresh, up, suspect, down };
/// "new", "up", "suspect", "down".
const char* name_of(PathState state);

}  // namespace mptunnel
