// The frame that says what came of the DATA of a key after its last report.
#pragma once

#include <cstdint>

#include "mptunnel/base/ids.h"

namespace mptunnel {

/// What its sender has counted under a key by which it seals nothing any more. The client sends it, and the
/// server answers with its own of the same key.
struct EpochCountsFrame {
  SessionIndex index;           ///< the receiver's name for the key epoch
  std::uint32_t sealed = 0;     ///< DATA packets that the sender made, all of them
  std::uint32_t opened = 0;     ///< different DATA packets of the receiver that have come so far
  std::uint32_t recovered = 0;  ///< of these, what no copy brought but REPAIR did
};

}  // namespace mptunnel
