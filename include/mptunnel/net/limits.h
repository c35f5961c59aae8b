// What the host allows and what it is called.
#pragma once

#include <cstdint>
#include <string>

namespace mptunnel {

/// Raises the soft limit of open files to the hard one. Returns the limit that holds then.
std::uint64_t raise_open_file_limit();

/// A text that names this host and stays: /etc/machine-id, else D-Bus's, else the host name. Empty if there
/// is none.
std::string machine_id();

}  // namespace mptunnel
