// What this host is called.
#pragma once

#include <string>

namespace mptunnel {

/// A text that names this host and stays: /etc/machine-id, else D-Bus's, else the host name. Empty if there
/// is none.
std::string machine_id();

}  // namespace mptunnel
