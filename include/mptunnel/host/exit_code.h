// How a program ends that does not work.
#pragma once

namespace mptunnel {

inline constexpr int kExitUsage = 2;   ///< command line, environment, configuration, key
inline constexpr int kExitSystem = 1;  ///< what the system refused

}  // namespace mptunnel
