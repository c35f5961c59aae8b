// Lowers the MSS that an end of a TCP connection announces to what fits the tunnel, so that the other end
// sends no segment that is too large, whatever becomes of ICMP on its way (RFC 4459, section 3.2).
#pragma once

#include <cstddef>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {

/// Lowers each MSS option of a TCP SYN to what fits packets of `mtu` bytes: less the IP and TCP headers
/// without options (RFC 6691), and not below kLeastMss. `bytes` are those that `packet` views; their checksum
/// is complete, and stays as right as it was. Whether anything changed. Other packets, and a SYN without the
/// option, stay as they are.
bool clamp_mss(Bytes bytes, const IpPacket& packet, std::size_t mtu);

}  // namespace mptunnel
