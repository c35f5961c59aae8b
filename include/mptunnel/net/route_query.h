// Questions to the kernel's routing, by rtnetlink: where datagrams would go, and whether the next machine on
// the way answers. Each is a call or two of the system; nothing is sent on the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/endpoint.h"

namespace mptunnel {

/// UDP datagrams as routing sees them.
struct RouteQuestion {
  Endpoint remote;
  Endpoint source = {};         ///< unset: what routing chooses; with a port, rules may look at it
  std::uint32_t interface = 0;  ///< the index of the one that the socket is bound to; 0: none
  std::uint32_t mark = 0;       ///< SO_MARK
};

/// Where they go.
struct NextHop {
  std::uint32_t interface = 0;  ///< the index of the one that they leave by
  Endpoint gateway = {};        ///< unset if the remote address itself is on the link; port 0
  Endpoint source = {};         ///< the address that they leave from; port 0

  friend bool operator==(const NextHop&, const NextHop&) = default;
};

/// The error is an errno: no route (ENETUNREACH, EHOSTUNREACH), one of the type `prohibit` (EACCES) or
/// `blackhole` (EINVAL), or why the kernel could not be asked (ENOBUFS, EPROTO and the like).
///
/// With an interface, IPv4 takes every address to be on that link even if no route says so: see has_route().
/// IPv6 says ENETUNREACH.
tl::expected<NextHop, int> next_hop_towards(const RouteQuestion& question);

/// Whether a route in the tables leads there, and not only the guess that an interface without one allows.
/// True if the kernel can't say (before Linux 4.13).
bool has_route(const RouteQuestion& question);

/// What the kernel knows of a machine on a link, by ARP or neighbour discovery.
enum class NeighbourState : std::uint8_t {
  unknown,   ///< nothing, or this kernel can't say (before Linux 5.0)
  answers,   ///< it answered, or need not be asked
  is_asked,  ///< no answer yet (INCOMPLETE)
  silent,    ///< it did not answer (FAILED)
};
NeighbourState neighbour_state(const Endpoint& address, std::uint32_t interface);

/// What EACCES or EINVAL says of a send, a connect or a look for a route: a route or rule that lets nothing
/// pass, and where to see it.
std::string why_not_routed(int error, const Endpoint& to);

/// That no route over the interface leads there, and the cure. `effect` is what the system does instead; it
/// begins with a comma, or is empty.
std::string no_route_over(std::string_view interface, const Endpoint& to, std::string_view effect = {});

}  // namespace mptunnel
