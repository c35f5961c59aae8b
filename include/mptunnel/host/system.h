// What a program has to do with the system that it runs on, in small: how it ends, its limits, what others
// see of it, the host's id.
#pragma once

#include <cstdint>
#include <string>

namespace mptunnel {

/// How a program ends that does not work.
inline constexpr int kExitUsage = 2;   ///< command line, environment, configuration, key
inline constexpr int kExitSystem = 1;  ///< what the system refused

/// Raises the soft limit of open files to the hard one. Returns the limit that holds then.
std::uint64_t raise_open_file_limit();

/// From now on this process leaves no core file, and no other process of its user can look into its memory
/// (prctl(2), PR_SET_DUMPABLE): keys are there.
void forbid_core_dumps();

/// A text that names this host and stays: /etc/machine-id, else D-Bus's, else the host name. Empty if there
/// is none.
std::string machine_id();

}  // namespace mptunnel
