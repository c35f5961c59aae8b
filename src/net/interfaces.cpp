#include "mptunnel/net/interfaces.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>

#include "mptunnel/base/file.h"
#include "mptunnel/net/socket_address.h"
#include "netlink_reading.h"

namespace mptunnel {
namespace {

/// IFNAMSIZ, less its final zero.
constexpr std::size_t kMaxNameBytes = IFNAMSIZ - 1;
/// The longest kind that the kernel has is half as long.
constexpr std::size_t kMaxKindBytes = 32;

/// IFLA_INFO_KIND of what carries packets inside packets. tap devices say "tun" as well.
constexpr std::array<std::string_view, 23> kTunnelKinds{
    "amneziawg", "bareudp",   "erspan", "geneve", "gre",   "gretap",    "gtp",         "ip6erspan",
    "ip6gre",    "ip6gretap", "ip6tnl", "ipip",   "ovpn",  "ovpn-dco",  "ovpn-dco-v2", "pfcp",
    "sit",       "tun",       "vti",    "vti6",   "vxlan", "wireguard", "xfrm"};
/// An Ethernet pseudowire over L2TP has no kind, only this name unless it was given another.
constexpr std::string_view kL2tpName = "l2tpeth";

/// ARPHRD_NONE is not among them: tun and wireguard have it, and so have modems.
bool is_tunnel_type(unsigned short type) {
  return type == ARPHRD_TUNNEL || type == ARPHRD_TUNNEL6 || type == ARPHRD_SIT || type == ARPHRD_IPGRE ||
         type == ARPHRD_IP6GRE;
}

/// Unset if the attribute's size is not that of an address of the family.
Endpoint address_of(const nlattr& attribute, int family, std::uint32_t index) {
  if (family == AF_INET) {
    const auto address = number_in<in_addr>(attribute);
    return address ? from_address(*address) : Endpoint{};
  }
  const auto address = number_in<in6_addr>(attribute);
  return address ? from_address(*address, index) : Endpoint{};
}

struct LinkAttributes {
  bool has_name = false;
  std::optional<std::string> name;  ///< nothing, with `has_name`: one that nobody can use
  std::optional<std::string> kind;
};

LinkAttributes read_link(const nlmsghdr& message) {
  LinkAttributes link;
  for_each_attribute(message, sizeof(ifinfomsg), [&link](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFLA_IFNAME) {
      link.has_name = true;
      link.name = text_in(attribute, kMaxNameBytes);
    } else if (mnl_attr_get_type(&attribute) == IFLA_LINKINFO) {
      auto read_info = [&link](const nlattr& info) {
        if (mnl_attr_get_type(&info) == IFLA_INFO_KIND) link.kind = text_in(info, kMaxKindBytes);
      };
      mnl_attr_parse_nested(&attribute, visit_attribute<decltype(read_info)>, &read_info);
    }
  });
  return link;
}

struct AddressAttributes {
  Endpoint local;    ///< of an IPv4 address, and of an IPv6 one with a peer
  Endpoint address;  ///< the peer's, or the same as `local`, or the only one
  std::uint32_t flags = 0;
};

AddressAttributes read_address(const nlmsghdr& message, const ifaddrmsg& header) {
  AddressAttributes result;
  result.flags = header.ifa_flags;
  for_each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFA_LOCAL:
        result.local = address_of(attribute, header.ifa_family, header.ifa_index);
        break;
      case IFA_ADDRESS:
        result.address = address_of(attribute, header.ifa_family, header.ifa_index);
        break;
      case IFA_FLAGS:
        // All of them; the header has room for the first eight.
        result.flags = number_in<std::uint32_t>(attribute).value_or(result.flags);
        break;
      default:
        break;
    }
  });
  return result;
}

bool is_usable(const ifaddrmsg& header, std::uint32_t flags) {
  if (header.ifa_scope >= RT_SCOPE_HOST) return false;
  if ((flags & IFA_F_DADFAILED) != 0) return false;
  // The kernel sends from an optimistic address before it knows that nobody else has it.
  return (flags & IFA_F_TENTATIVE) == 0 || (flags & IFA_F_OPTIMISTIC) != 0;
}

}  // namespace

bool NetworkInterface::has_address(Family family) const {
  return std::any_of(addresses.begin(), addresses.end(),
                     [family](const Endpoint& address) { return address.family == family; });
}

bool InterfaceTable::apply(std::span<const std::uint8_t> message) {
  if (message.size() < sizeof(nlmsghdr) || message.size() > std::size_t{1} << 30U) return false;
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (!mnl_nlmsg_ok(header, static_cast<int>(message.size()))) return false;
  const auto type = header->nlmsg_type;
  if (type == RTM_NEWLINK || type == RTM_DELLINK) return apply_link(*header);
  return (type == RTM_NEWADDR || type == RTM_DELADDR) && apply_address(*header);
}

bool InterfaceTable::apply_link(const nlmsghdr& message) {
  const auto header = header_of<ifinfomsg>(message);
  // A bridge tells of its ports with the same messages, of another family: a port that leaves is not gone.
  if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) return false;
  const auto index = static_cast<std::uint32_t>(header->ifi_index);
  if (message.nlmsg_type == RTM_DELLINK) return remove(index);
  LinkAttributes link = read_link(message);
  if (link.has_name && !link.name) return remove(index);
  auto found = interfaces_.find(index);
  if (found == interfaces_.end()) {
    if (!link.name) return false;
    if (interfaces_.size() == kMaxInterfaces) {
      overflowed_ = true;
      return false;
    }
    found = interfaces_.emplace(index, NetworkInterface{}).first;
  }
  NetworkInterface& interface = found->second;
  NetworkInterface changed = interface;
  changed.index = index;
  // Not each message has all attributes (those of wireless drivers have few).
  if (link.name) changed.name = std::move(*link.name);
  if (link.kind) changed.kind = std::move(*link.kind);
  // The kernel sets IFF_RUNNING for the operational states UP and UNKNOWN alone (dev_get_flags()). The
  // carrier besides: it goes at once, the state up to a second later (linkwatch).
  constexpr unsigned int kUsable = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  changed.is_up = (header->ifi_flags & kUsable) == kUsable;
  changed.is_loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  changed.has_neighbours = (header->ifi_flags & (IFF_LOOPBACK | IFF_NOARP)) == 0;
  changed.is_tunnel =
      is_tunnel_type(header->ifi_type) ||
      std::find(kTunnelKinds.begin(), kTunnelKinds.end(), changed.kind) != kTunnelKinds.end() ||
      (changed.kind.empty() && changed.name.starts_with(kL2tpName));
  if (changed == interface) return false;
  interface = std::move(changed);
  return true;
}

bool InterfaceTable::remove(std::uint32_t index) {
  addresses_.erase(index);
  return interfaces_.erase(index) > 0;
}

bool InterfaceTable::apply_address(const nlmsghdr& message) {
  const auto header = header_of<ifaddrmsg>(message);
  if (!header || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)) return false;
  const auto found = interfaces_.find(header->ifa_index);
  if (found == interfaces_.end()) return false;
  const AddressAttributes read = read_address(message, *header);
  const Address changed{.address = read.local.is_set() ? read.local : read.address,
                        .peer = read.address,
                        .prefix_bits = header->ifa_prefixlen,
                        .is_deprecated = (read.flags & IFA_F_DEPRECATED) != 0};
  if (!changed.address.is_set() || changed.address.is_any()) return false;
  const bool usable = message.nlmsg_type == RTM_NEWADDR && is_usable(*header, read.flags);
  return change_addresses(found->second, changed, usable);
}

bool InterfaceTable::change_addresses(NetworkInterface& interface, const Address& changed, bool is_usable) {
  std::vector<Address>& all = addresses_[interface.index];
  const auto present = std::find_if(all.begin(), all.end(), [&](const Address& other) {
    return other.address == changed.address && other.peer == changed.peer &&
           other.prefix_bits == changed.prefix_bits;
  });
  if (present != all.end()) {
    if (is_usable) {
      if (present->is_deprecated == changed.is_deprecated) return false;
      *present = changed;
    } else {
      all.erase(present);
    }
  } else if (is_usable && all.size() < kMaxAddresses) {
    all.push_back(changed);
  } else {
    overflowed_ = overflowed_ || is_usable;
    return false;
  }
  std::vector<Endpoint> shown;
  std::set<Endpoint> seen;
  for (const bool deprecated : {false, true}) {
    for (const Address& one : all) {
      if (one.is_deprecated == deprecated && seen.insert(one.address).second) shown.push_back(one.address);
    }
  }
  if (shown == interface.addresses) return false;
  interface.addresses = std::move(shown);
  return true;
}

const NetworkInterface* InterfaceTable::find(std::string_view name) const {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [name](const auto& row) { return row.second.name == name; });
  return found == interfaces_.end() ? nullptr : &found->second;
}

const NetworkInterface* InterfaceTable::find(std::uint32_t index) const {
  const auto found = interfaces_.find(index);
  return found == interfaces_.end() ? nullptr : &found->second;
}

std::uint32_t interface_number(const std::string& name) {
  // Not if_nametoindex(): its header and linux/if.h exclude each other.
  const File socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (name.size() > kMaxNameBytes) return 0;
  name.copy(request.ifr_name, kMaxNameBytes);
  return ioctl(socket.get(), SIOCGIFINDEX, &request) == 0 ? static_cast<std::uint32_t>(request.ifr_ifindex)
                                                          : 0;
}

const NetworkInterface* InterfaceTable::owner_of(const Endpoint& address) const {
  const Endpoint wanted = address.with_port(0);
  const NetworkInterface* owner = nullptr;
  for (const auto& [index, interface] : interfaces_) {
    const auto& addresses = interface.addresses;
    if (std::find(addresses.begin(), addresses.end(), wanted) == addresses.end()) continue;
    if (interface.is_up) return &interface;
    if (owner == nullptr) owner = &interface;
  }
  return owner;
}

}  // namespace mptunnel
