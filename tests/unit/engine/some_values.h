// Values for tests to which it matters not which they are.
#pragma once

#include <chrono>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/probed_path.h"

namespace mptunnel::test {

inline constexpr SessionHandle kSession{9};
inline constexpr SessionIndex kEpoch{77};
inline constexpr PathId kPath{3};

inline constexpr PathTraits kPlain{};
inline constexpr PathTraits kBackup{.backup = true};
inline constexpr PathTraits kMetered{.metered = true};

/// The longest that datagrams are held for their order.
inline constexpr Duration kMost = std::chrono::milliseconds(20);

}  // namespace mptunnel::test
