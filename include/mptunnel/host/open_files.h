// How many files the system lets this process open.
#pragma once

#include <cstdint>

namespace mptunnel {

/// Raises the soft limit of open files to the hard one. Returns the limit that holds then.
std::uint64_t raise_open_file_limit();

}  // namespace mptunnel
