#include "mptunnel/net/route_query.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "mptunnel/net/socket_address.h"

namespace mptunnel {
namespace {

/// The kernel answers such a question within the call that asks it; a longer silence is a broken system.
constexpr timeval kRouteAnswerPatience{0, 200'000};
constexpr std::uint32_t kRouteSequence = 1;

struct RouteSocketCloser {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

/// Room for a question or an answer about one route or neighbour.
using RouteMessage = std::array<std::uint8_t, 4096>;

/// Sends the question in `message`, and puts the answer there. Returns 0 or errno.
int ask_kernel(nlmsghdr* question, RouteMessage& message) {
  const std::unique_ptr<mnl_socket, RouteSocketCloser> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return errno;
  static_cast<void>(setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO,
                               &kRouteAnswerPatience, sizeof kRouteAnswerPatience));
  question->nlmsg_flags = static_cast<std::uint16_t>(question->nlmsg_flags | NLM_F_REQUEST);
  question->nlmsg_seq = kRouteSequence;
  if (mnl_socket_sendto(socket.get(), question, question->nlmsg_len) < 0) return errno;
  const ssize_t count = mnl_socket_recvfrom(socket.get(), message.data(), message.size());
  if (count < 0) return errno;
  const auto* answer = reinterpret_cast<const nlmsghdr*>(message.data());
  if (!mnl_nlmsg_ok(answer, static_cast<int>(count)) || answer->nlmsg_seq != kRouteSequence) return EPROTO;
  if (answer->nlmsg_type != NLMSG_ERROR) return 0;
  std::int32_t code = 0;
  if (mnl_nlmsg_get_payload_len(answer) >= sizeof code)
    std::memcpy(&code, mnl_nlmsg_get_payload(answer), sizeof code);
  return code < 0 ? -code : EPROTO;
}

void put_address(nlmsghdr* message, std::uint16_t type, const Endpoint& endpoint) {
  const in6_addr mapped = to_in6_addr(endpoint);
  // An IPv4 address is the end of its mapped form.
  if (endpoint.family == Family::ipv4) {
    mnl_attr_put(message, type, sizeof(in_addr), mapped.s6_addr + sizeof mapped - sizeof(in_addr));
  } else {
    mnl_attr_put(message, type, sizeof mapped, &mapped);
  }
}

std::uint8_t bits_of(Family family) {
  return family == Family::ipv4 ? 32 : 128;
}
std::uint8_t number_of(Family family) {
  return family == Family::ipv4 ? AF_INET : AF_INET6;
}

nlmsghdr* put_question(const RouteQuestion& question, unsigned int flags, RouteMessage& message) {
  nlmsghdr* header = mnl_nlmsg_put_header(message.data());
  header->nlmsg_type = RTM_GETROUTE;
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
  const Family family = question.remote.family;
  route->rtm_family = number_of(family);
  route->rtm_dst_len = bits_of(family);
  route->rtm_flags = flags;
  put_address(header, RTA_DST, question.remote);
  if (question.source.is_set() && !question.source.is_any() && question.source.family == family) {
    route->rtm_src_len = bits_of(family);
    put_address(header, RTA_SRC, question.source);
  }
  const std::uint32_t interface = question.interface != 0 ? question.interface : question.remote.scope;
  if (interface != 0) mnl_attr_put_u32(header, RTA_OIF, interface);
  if (question.mark != 0) mnl_attr_put_u32(header, RTA_MARK, question.mark);
  mnl_attr_put_u8(header, RTA_IP_PROTO, IPPROTO_UDP);
  if (question.source.port != 0) mnl_attr_put_u16(header, RTA_SPORT, htons(question.source.port));
  if (question.remote.port != 0) mnl_attr_put_u16(header, RTA_DPORT, htons(question.remote.port));
  return header;
}

/// What a route that leads nowhere is, as an errno; 0 for one that leads somewhere. Those of IPv4 come as
/// errors already.
int error_of_type(std::uint8_t type) {
  switch (type) {
    case RTN_UNREACHABLE:
      return EHOSTUNREACH;
    case RTN_PROHIBIT:
      return EACCES;
    case RTN_BLACKHOLE:
      return EINVAL;
    case RTN_THROW:
      return ENETUNREACH;
    default:
      return 0;
  }
}

Endpoint address_in(const nlattr& attribute, std::uint32_t scope) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (size == sizeof(in_addr)) {
    in_addr address{};
    std::memcpy(&address, mnl_attr_get_payload(&attribute), sizeof address);
    return from_address(address);
  }
  if (size != sizeof(in6_addr)) return {};
  in6_addr address{};
  std::memcpy(&address, mnl_attr_get_payload(&attribute), sizeof address);
  return from_address(address, scope);
}

/// RTA_VIA: a gateway of another family than the route's, behind two bytes with that family.
Endpoint via_in(const nlattr& attribute, std::uint32_t scope) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (size != sizeof(std::uint16_t) + sizeof(in6_addr)) return {};
  in6_addr address{};
  std::memcpy(&address, static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute)) + 2,
              sizeof address);
  return from_address(address, scope);
}

/// The attributes of an answer about a route, where there are such.
struct RouteAttributes {
  const nlattr* interface = nullptr;
  const nlattr* gateway = nullptr;
  const nlattr* via = nullptr;
  const nlattr* source = nullptr;
};

int visit_route_attribute(const nlattr* attribute, void* data) {
  auto& found = *static_cast<RouteAttributes*>(data);
  switch (mnl_attr_get_type(attribute)) {
    case RTA_OIF:
      if (mnl_attr_get_payload_len(attribute) == sizeof(std::uint32_t)) found.interface = attribute;
      break;
    case RTA_GATEWAY:
      found.gateway = attribute;
      break;
    case RTA_VIA:
      found.via = attribute;
      break;
    case RTA_PREFSRC:
      found.source = attribute;
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

NextHop read_next_hop(const nlmsghdr* answer) {
  RouteAttributes found;
  mnl_attr_parse(answer, sizeof(rtmsg), visit_route_attribute, &found);
  NextHop hop;
  if (found.interface != nullptr) hop.interface = mnl_attr_get_u32(found.interface);
  if (found.gateway != nullptr) hop.gateway = address_in(*found.gateway, hop.interface);
  if (found.via != nullptr) hop.gateway = via_in(*found.via, hop.interface);
  if (found.source != nullptr) hop.source = address_in(*found.source, hop.interface);
  return hop;
}

}  // namespace

tl::expected<NextHop, int> next_hop_towards(const RouteQuestion& question) {
  RouteMessage message{};
  if (const int error = ask_kernel(put_question(question, 0, message), message); error != 0)
    return tl::unexpected(error);
  const auto* answer = reinterpret_cast<const nlmsghdr*>(message.data());
  if (answer->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(answer) < sizeof(rtmsg))
    return tl::unexpected(EPROTO);
  rtmsg route{};
  std::memcpy(&route, mnl_nlmsg_get_payload(answer), sizeof route);
  if (const int error = error_of_type(route.rtm_type); error != 0) return tl::unexpected(error);
  NextHop hop = read_next_hop(answer);
  // Not repeated if it was asked for.
  if (!hop.source.is_set()) hop.source = question.source.with_port(0);
  return hop;
}

bool has_route(const RouteQuestion& question) {
  RouteMessage message{};
  const int error = ask_kernel(put_question(question, RTM_F_FIB_MATCH, message), message);
  return error != ENETUNREACH && error != EHOSTUNREACH && error != ESRCH;
}

NeighbourState neighbour_state(const Endpoint& address, std::uint32_t interface) {
  RouteMessage message{};
  nlmsghdr* header = mnl_nlmsg_put_header(message.data());
  header->nlmsg_type = RTM_GETNEIGH;
  auto* asked = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ndmsg)));
  asked->ndm_family = number_of(address.family);
  asked->ndm_ifindex = static_cast<std::int32_t>(interface);
  put_address(header, NDA_DST, address);
  if (ask_kernel(header, message) != 0) return NeighbourState::unknown;
  const auto* answer = reinterpret_cast<const nlmsghdr*>(message.data());
  if (answer->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(answer) < sizeof(ndmsg))
    return NeighbourState::unknown;
  ndmsg found{};
  std::memcpy(&found, mnl_nlmsg_get_payload(answer), sizeof found);
  if ((found.ndm_state & NUD_FAILED) != 0) return NeighbourState::silent;
  if ((found.ndm_state & NUD_INCOMPLETE) != 0) return NeighbourState::is_asked;
  return found.ndm_state == NUD_NONE ? NeighbourState::unknown : NeighbourState::answers;
}

std::string why_not_routed(int error, const Endpoint& to) {
  const char* const what =
      error == EACCES ? "'prohibit' forbids sending to" : "'blackhole' swallows what is sent to";
  return fmt::format("a route or rule of the type {} {}: see 'ip route get {}'", what, to.to_string(),
                     to.address_string());
}

std::string no_route_over(std::string_view interface, const Endpoint& to, std::string_view effect) {
  const std::string address = to.address_string();
  return fmt::format(
      "no route over {} leads to {}{}: give the interface a route, 'ip route add {} via GATEWAY dev {}'",
      interface, address, effect, address, interface);
}

}  // namespace mptunnel
