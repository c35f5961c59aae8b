// What a router or a host has said, by ICMP, about datagrams that were sent. Whoever can forge an address can
// say it, too: it explains why nothing comes back, and decides nothing.
#pragma once

#include <cstdint>

#include "mptunnel/base/endpoint.h"

namespace mptunnel {

enum class IcmpKind : std::uint8_t {
  prohibited,        ///< administratively: a firewall, or a route that forbids
  no_route,          ///< whoever says it knows no way to that network
  host_unreachable,  ///< it knows the way, and the host does not answer there
  port_closed,       ///< nothing listens on the port
  in_circles,        ///< the datagram went on for too long (time exceeded)
  other,
};

struct IcmpReport {
  IcmpKind kind = IcmpKind::other;
  Endpoint from;  ///< who says it: a router on the way, the host itself, or this one; port 0
  Endpoint to;    ///< where the datagram was sent
};

}  // namespace mptunnel
