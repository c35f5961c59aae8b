// rtnetlink messages made by hand, to fill an InterfaceTable with.
#pragma once

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mptunnel/base/endpoint.h"

namespace mptunnel::test {

using Message = std::vector<std::uint8_t>;

inline constexpr unsigned int kUsable = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

inline Endpoint address(std::string_view text) {
  return parse_numeric_endpoint(text, 0).value();
}

inline void append(Message& message, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  message.insert(message.end(), bytes, bytes + size);
  message.resize((message.size() + 3) / 4 * 4);
}

inline void add_attribute(Message& message, std::uint16_t type, const void* data, std::size_t size) {
  const nlattr header{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + size), .nla_type = type};
  append(message, &header, sizeof header);
  append(message, data, size);
}

inline void add_text(Message& message, std::uint16_t type, const std::string& text) {
  add_attribute(message, type, text.c_str(), text.size() + 1);
}

inline Message finished(Message message, std::uint16_t type) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(message.size());
  header.nlmsg_type = type;
  std::memcpy(message.data(), &header, sizeof header);
  return message;
}

struct LinkText {
  int index = 2;
  std::string name = "eth0";
  std::string kind = {};
  unsigned int flags = kUsable;
  unsigned short type = ARPHRD_ETHER;
  unsigned char family = AF_UNSPEC;
};

inline Message link_message(const LinkText& link, std::uint16_t type = RTM_NEWLINK) {
  Message message(sizeof(nlmsghdr));
  ifinfomsg header{};
  header.ifi_family = link.family;
  header.ifi_index = link.index;
  header.ifi_flags = link.flags;
  header.ifi_type = link.type;
  append(message, &header, sizeof header);
  if (!link.name.empty()) add_text(message, IFLA_IFNAME, link.name);
  if (!link.kind.empty()) {
    Message info;
    add_text(info, IFLA_INFO_KIND, link.kind);
    add_attribute(message, IFLA_LINKINFO | NLA_F_NESTED, info.data(), info.size());
  }
  return finished(std::move(message), type);
}

struct AddressText {
  std::string_view local = "10.0.0.1";
  std::string_view peer = {};  ///< the same if empty
  unsigned char prefix = 24;
  std::uint32_t flags = 0;
  unsigned char scope = RT_SCOPE_UNIVERSE;
  std::uint32_t index = 2;
};

inline Message address_message(const AddressText& text, std::uint16_t type = RTM_NEWADDR) {
  const Endpoint local = address(text.local);
  const Endpoint peer = text.peer.empty() ? local : address(text.peer);
  const bool is_ipv4 = local.family == Family::ipv4;
  const std::size_t size = is_ipv4 ? 4 : 16;
  Message message(sizeof(nlmsghdr));
  ifaddrmsg header{};
  header.ifa_family = is_ipv4 ? AF_INET : AF_INET6;
  header.ifa_prefixlen = text.prefix;
  header.ifa_flags = static_cast<unsigned char>(text.flags);
  header.ifa_scope = text.scope;
  header.ifa_index = text.index;
  append(message, &header, sizeof header);
  add_attribute(message, IFA_ADDRESS, peer.address.data(), size);
  if (is_ipv4 || !text.peer.empty()) add_attribute(message, IFA_LOCAL, local.address.data(), size);
  add_attribute(message, IFA_FLAGS, &text.flags, sizeof text.flags);
  return finished(std::move(message), type);
}

}  // namespace mptunnel::test
