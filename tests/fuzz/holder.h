// The two ends that a hostile holder of the key can attack.
#pragma once

#include "fuzz/input.h"

namespace mptunnel::fuzz {

/// Three clients, of two identities, against one ServerEngine with small tables.
void attack_server(Input& input);
/// A server against one ClientEngine.
void attack_client(Input& input);

}  // namespace mptunnel::fuzz
