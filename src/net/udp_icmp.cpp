// What ICMP says of datagrams that a UdpSocket sent: the kernel's error queue (ip(7), IP_RECVERR).
// errqueue.h needs timespec.
// clang-format off
#include <ctime>
#include <linux/errqueue.h>
// clang-format on
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "mptunnel/net/socket_address.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {
namespace {

/// Read at a time. If there are more the socket stays readable.
constexpr int kReportsPerCall = 64;

/// The codes of RFC 792 and RFC 1812, section 5.2.7.1; nullopt for what says nothing of the way.
std::optional<IcmpKind> kind_of_ipv4(std::uint8_t type, std::uint8_t code) {
  if (type == ICMP_TIME_EXCEEDED) return IcmpKind::in_circles;
  if (type != ICMP_DEST_UNREACH || code == ICMP_FRAG_NEEDED) return std::nullopt;
  switch (code) {
    case ICMP_NET_ANO:
    case ICMP_HOST_ANO:
    case ICMP_PKT_FILTERED:
    case ICMP_PREC_VIOLATION:
    case ICMP_PREC_CUTOFF:
      return IcmpKind::prohibited;
    case ICMP_NET_UNREACH:
    case ICMP_NET_UNKNOWN:
    case ICMP_NET_UNR_TOS:
      return IcmpKind::no_route;
    case ICMP_HOST_UNREACH:
    case ICMP_HOST_UNKNOWN:
    case ICMP_HOST_ISOLATED:
    case ICMP_HOST_UNR_TOS:
      return IcmpKind::host_unreachable;
    case ICMP_PORT_UNREACH:
    case ICMP_PROT_UNREACH:
      return IcmpKind::port_closed;
    default:
      return IcmpKind::other;
  }
}

/// Those of RFC 4443, section 3.1.
std::optional<IcmpKind> kind_of_ipv6(std::uint8_t type, std::uint8_t code) {
  constexpr std::uint8_t kFailedPolicy = 5;
  constexpr std::uint8_t kRejectRoute = 6;
  if (type == ICMP6_TIME_EXCEEDED) return IcmpKind::in_circles;
  if (type != ICMP6_DST_UNREACH) return std::nullopt;
  switch (code) {
    case ICMP6_DST_UNREACH_ADMIN:
    case kFailedPolicy:
      return IcmpKind::prohibited;
    case ICMP6_DST_UNREACH_NOROUTE:
    case ICMP6_DST_UNREACH_BEYONDSCOPE:
    case kRejectRoute:
      return IcmpKind::no_route;
    case ICMP6_DST_UNREACH_ADDR:
      return IcmpKind::host_unreachable;
    case ICMP6_DST_UNREACH_NOPORT:
      return IcmpKind::port_closed;
    default:
      return IcmpKind::other;
  }
}

/// Nullopt for what this host's own kernel says without ICMP, and for what says nothing of the way.
std::optional<IcmpReport> report_in(const cmsghdr& header) {
  if (header.cmsg_len < CMSG_LEN(sizeof(sock_extended_err) + sizeof(sockaddr_in))) return std::nullopt;
  sock_extended_err error{};
  std::memcpy(&error, CMSG_DATA(&header), sizeof error);
  const auto kind = error.ee_origin == SO_EE_ORIGIN_ICMP    ? kind_of_ipv4(error.ee_type, error.ee_code)
                    : error.ee_origin == SO_EE_ORIGIN_ICMP6 ? kind_of_ipv6(error.ee_type, error.ee_code)
                                                            : std::nullopt;
  if (!kind) return std::nullopt;
  // The offender's address follows (SO_EE_OFFENDER).
  SocketAddress offender{};
  std::memcpy(&offender, CMSG_DATA(&header) + sizeof error,
              std::min(sizeof offender, header.cmsg_len - CMSG_LEN(sizeof error)));
  return IcmpReport{*kind, from_socket_address(offender).with_port(0), {}};
}

}  // namespace

std::optional<IcmpReport> UdpSocket::take_icmp() {
  constexpr std::size_t kErrorBytes =
      CMSG_SPACE(sizeof(sock_extended_err) + sizeof(sockaddr_in6)) + 2 * CMSG_SPACE(sizeof(timespec));
  std::optional<IcmpReport> last;
  for (int i = 0; i < kReportsPerCall; ++i) {
    alignas(cmsghdr) std::array<std::uint8_t, kErrorBytes> control{};
    SocketAddress sent_to{};
    msghdr message{};
    message.msg_name = &sent_to;
    message.msg_namelen = sizeof sent_to;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(state_.fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      state_.has_icmp = false;
      break;
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      const bool is_error = (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
                            (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
      auto report = is_error ? report_in(*header) : std::nullopt;
      if (!report) continue;
      report->to = from_socket_address(sent_to);
      last = report;
    }
  }
  return last;
}

}  // namespace mptunnel
