// Packets with datagrams that are, or may be, too large for some paths.
#pragma once

#include <cstddef>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/ip/marks.h"

namespace mptunnel {

/// How a packet with a datagram leaves, whole or in fragments.
struct Leaving {
  Marks marks;
  Duration least_delay{};  ///< of all the paths that it goes to, see DelayLine
};
/// A sealed packet in the arena that is, or may be, too large for some paths.
struct LargePacket {
  std::size_t offset = 0;
  std::size_t size = 0;
  PathSet paths;        ///< those that it is too large for
  std::size_t mtu = 0;  ///< what each of them carries
  Leaving leaving;
};

}  // namespace mptunnel
