// Between Endpoint and the kernel's socket addresses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "mptunnel/base/endpoint.h"

namespace mptunnel {

/// Room for either family.
union SocketAddress {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

/// Writes `endpoint`, which must be set, for a socket of the given family: IPv4 becomes a mapped address
/// if `as_ipv6`. Returns the length, or 0 if an IPv4 socket can't reach it.
socklen_t to_socket_address(const Endpoint& endpoint, bool as_ipv6, SocketAddress& out);

/// Mapped addresses come back as IPv4. Unset for other families.
Endpoint from_socket_address(const SocketAddress& address);

/// The address alone, with port 0.
Endpoint from_address(const in_addr& address);
Endpoint from_address(const in6_addr& address, std::uint32_t scope);

/// `endpoint` must be set. IPv4 becomes a mapped address.
in6_addr to_in6_addr(const Endpoint& endpoint);

}  // namespace mptunnel
