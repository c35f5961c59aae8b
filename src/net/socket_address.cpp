#include "mptunnel/net/socket_address.h"

#include <algorithm>
#include <cstring>

namespace mptunnel {
namespace {

constexpr std::size_t kMappedPrefixBytes = 12;  // ::ffff:0:0/96, RFC 4291 section 2.5.5.2

}  // namespace

in6_addr to_in6_addr(const Endpoint& endpoint) {
  in6_addr result{};
  if (endpoint.family == Family::ipv6) {
    std::memcpy(result.s6_addr, endpoint.address.data(), sizeof result.s6_addr);
  } else {
    result.s6_addr[10] = 0xff;
    result.s6_addr[11] = 0xff;
    std::memcpy(result.s6_addr + kMappedPrefixBytes, endpoint.address.data(), sizeof(in_addr));
  }
  return result;
}

Endpoint from_address(const in_addr& address) {
  Endpoint endpoint;
  endpoint.family = Family::ipv4;
  std::memcpy(endpoint.address.data(), &address, sizeof address);
  return endpoint;
}

Endpoint from_address(const in6_addr& address, std::uint32_t scope) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    in_addr ipv4{};
    std::memcpy(&ipv4, address.s6_addr + kMappedPrefixBytes, sizeof ipv4);
    return from_address(ipv4);
  }
  Endpoint endpoint;
  endpoint.family = Family::ipv6;
  std::memcpy(endpoint.address.data(), address.s6_addr, endpoint.address.size());
  if (IN6_IS_ADDR_LINKLOCAL(&address)) endpoint.scope = scope;
  return endpoint;
}

socklen_t to_socket_address(const Endpoint& endpoint, bool as_ipv6, SocketAddress& out) {
  if (as_ipv6) {
    out.ipv6 = sockaddr_in6{};
    out.ipv6.sin6_family = AF_INET6;
    out.ipv6.sin6_port = htons(endpoint.port);
    out.ipv6.sin6_addr = to_in6_addr(endpoint);
    out.ipv6.sin6_scope_id = endpoint.scope;
    return sizeof out.ipv6;
  }
  if (endpoint.family != Family::ipv4) return 0;
  out.ipv4 = sockaddr_in{};
  out.ipv4.sin_family = AF_INET;
  out.ipv4.sin_port = htons(endpoint.port);
  std::memcpy(&out.ipv4.sin_addr, endpoint.address.data(), sizeof out.ipv4.sin_addr);
  return sizeof out.ipv4;
}

Endpoint from_socket_address(const SocketAddress& address) {
  switch (address.any.sa_family) {
    case AF_INET:
      return from_address(address.ipv4.sin_addr).with_port(ntohs(address.ipv4.sin_port));
    case AF_INET6:
      return from_address(address.ipv6.sin6_addr, address.ipv6.sin6_scope_id)
          .with_port(ntohs(address.ipv6.sin6_port));
    default:
      return {};
  }
}

}  // namespace mptunnel
