// Endpoints as the kernel has them: socket addresses, and control messages of a datagram to send.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

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

/// Room for the control messages of a datagram to send: one each of local address, DSCP and segment size.
/// What a received datagram carries is read where it is received.
inline constexpr std::size_t kSendControlBytes =
    CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint16_t));

template <typename T>
void append_note(msghdr& message, int level, int type, const T& value) {
  auto* header =
      reinterpret_cast<cmsghdr*>(static_cast<std::uint8_t*>(message.msg_control) + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

inline void append_local_address(msghdr& message, bool ipv6_socket, const Endpoint& local) {
  if (ipv6_socket) {
    in6_pktinfo info{};
    info.ipi6_addr = to_in6_addr(local);
    info.ipi6_ifindex = local.scope;
    append_note(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else if (local.family == Family::ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.address.data(), sizeof info.ipi_spec_dst);
    append_note(message, IPPROTO_IP, IP_PKTINFO, info);
  }
}

/// The packet's family decides, not the socket's: to a mapped address the kernel sends IPv4, and ignores the
/// traffic class.
inline void append_traffic_class(msghdr& message, bool ipv6_packet, int traffic_class) {
  if (ipv6_packet) {
    append_note(message, IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
  } else {
    append_note(message, IPPROTO_IP, IP_TOS, traffic_class);
  }
}

}  // namespace mptunnel
