// Which of its addresses this host would send from.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

/// The address, with port 0, that the kernel would choose now for datagrams to `remote`, out of the interface
/// `device` unless that is empty. Nothing is sent. The error says why there is none: no route (ENETUNREACH,
/// EHOSTUNREACH, EADDRNOTAVAIL), no such interface (ENODEV), no right to bind to it (EPERM), and the like.
///
/// With an interface, IPv4 takes every address to be reachable on that link even if no route says so
/// (ip_route_output_key()), and may choose another interface's address if it has none: ask an InterfaceTable
/// whether the interface is up and has an address.
tl::expected<Endpoint, SocketError> source_address_towards(const Endpoint& remote, const std::string& device);

}  // namespace mptunnel
