// What a router does with a packet that it passes on (RFC 1812, section 5.3.1; RFC 8200, section 3).
#pragma once

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// Takes one from the TTL or hop limit of a packet that parse_ip_packet() reads. The checksum of an IPv4
/// header is as right, or wrong, as it was. False, and nothing changed, if none would be left: the packet
/// goes no further.
bool lower_hop_limit(Bytes packet);

}  // namespace mptunnel
