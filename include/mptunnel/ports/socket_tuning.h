// What all sockets of a program have in common.
#pragma once

#include <cstddef>

namespace mptunnel {

/// Kernel buffers of the sockets that carry everything: a burst of half a second at 60 Mbit/s. The kernel may
/// give less.
inline constexpr std::size_t kSocketBufferBytes = std::size_t{4} << 20U;

struct SocketTuning {
  bool offload = true;    ///< UDP_SEGMENT and UDP_GRO where the kernel has them
  bool copy_dscp = true;  ///< packets get the DSCP of the datagrams in them
};

}  // namespace mptunnel
