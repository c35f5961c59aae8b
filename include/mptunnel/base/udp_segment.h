// How much one call with UDP_SEGMENT takes: the engine makes its runs no longer, and net splits what is.
#pragma once

#include <cstddef>

namespace mptunnel {

/// UDP_MAX_SEGMENTS of Linux before 6.9, which has 128.
inline constexpr std::size_t kMaxSegments = 64;
/// The segments are one IP packet on their way to the device: 65,535 bytes less the headers of either family.
inline constexpr std::size_t kMaxSegmentedBytes = 65000;

}  // namespace mptunnel
