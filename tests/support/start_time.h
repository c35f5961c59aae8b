// When a test begins that makes its own time.
#pragma once

#include "mptunnel/base/time.h"

namespace mptunnel::test {

/// Some time: not zero, so that there is one before it.
inline constexpr TimePoint kStart{std::chrono::seconds(1000)};

}  // namespace mptunnel::test
