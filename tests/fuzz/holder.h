// The two ends that a hostile holder of the key can attack.
#pragma once

#include <cstddef>

#include "fuzz/input.h"

namespace mptunnel::fuzz {

/// Of one input.
inline constexpr std::size_t kMaxSteps = 200;
inline constexpr std::size_t kMaxHandshakes = 24;
inline constexpr int kCallsAtOnce = 3;

/// Three clients, of two identities, against one ServerEngine with small tables.
void attack_server(Input& input);
/// A server against one ClientEngine.
void attack_client(Input& input);

}  // namespace mptunnel::fuzz
