#include "mptunnel/net/link_config.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "mptunnel/base/file.h"
#include "netlink_reading.h"
#include "netlink_request.h"

namespace mptunnel {
namespace {

ifinfomsg link_header(std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  return header;
}

/// Asks by the name that it has now. False if it is gone.
bool ask_link(std::uint32_t index, unsigned long what, ifreq& request) {
  if (if_indextoname(index, request.ifr_name) == nullptr) return false;
  const File socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.is_open() && ioctl(socket.get(), what, &request) == 0;
}

bool has_flag(std::uint32_t index, int flag) {
  ifreq request{};
  return ask_link(index, SIOCGIFFLAGS, request) && (request.ifr_flags & flag) != 0;
}

tl::expected<void, std::string> set_number(const LinkConfig& link, std::uint16_t attribute,
                                           std::uint32_t value, std::string_view called) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  request.put_header(link_header(link.index()));
  request.put_u32(attribute, value);
  const NetlinkAnswer answer = request.change();
  if (answer.is_good()) return {};
  return tl::make_unexpected(answer.why(fmt::format("the {} of {} can't be {}", called, link.name(), value)));
}

NetlinkAnswer change_address(std::uint16_t type, unsigned int flags, std::uint32_t index,
                             const AddressPrefix& address) {
  NetlinkRequest request(type, flags);
  ifaddrmsg header{};
  header.ifa_family = family_number(address.address.family);
  header.ifa_prefixlen = address.length;
  header.ifa_flags = address.address.family == Family::ipv6 ? IFA_F_NODAD : 0;
  header.ifa_index = index;
  request.put_header(header);
  request.put_address(IFA_LOCAL, address.address);
  request.put_address(IFA_ADDRESS, address.address);
  return request.change();
}

}  // namespace

std::optional<AddressPrefix> read_link_address(std::span<const std::uint8_t> message, std::uint32_t index) {
  const nlmsghdr* whole = whole_message(message);
  if (whole == nullptr || whole->nlmsg_type != RTM_NEWADDR) return std::nullopt;
  const auto header = header_of<ifaddrmsg>(*whole);
  if (!header || header->ifa_index != index) return std::nullopt;
  std::optional<IpAddress> local;
  std::optional<IpAddress> address;
  for_each_attribute(*whole, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFA_LOCAL) local = ip_address_in(attribute);
    if (mnl_attr_get_type(&attribute) == IFA_ADDRESS) address = ip_address_in(attribute);
  });
  // IFA_ADDRESS is the peer's if there is one.
  if (!local) local = address;
  if (!local || family_number(local->family) != header->ifa_family) return std::nullopt;
  if (header->ifa_prefixlen > local->bits()) return std::nullopt;
  return AddressPrefix{*local, header->ifa_prefixlen};
}

tl::expected<void, std::string> LinkConfig::set_up(bool is_up) const {
  NetlinkRequest request(RTM_NEWLINK, 0);
  ifinfomsg header = link_header(index_);
  header.ifi_flags = is_up ? IFF_UP : 0;
  header.ifi_change = IFF_UP;
  request.put_header(header);
  const NetlinkAnswer answer = request.change();
  if (answer.is_good()) return {};
  return tl::make_unexpected(answer.why(fmt::format("{} can't be switched {}", name_, is_up ? "on" : "off")));
}

std::optional<std::uint32_t> LinkConfig::mtu() const {
  ifreq request{};
  if (!ask_link(index_, SIOCGIFMTU, request)) return std::nullopt;
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

bool LinkConfig::is_up() const {
  return has_flag(index_, IFF_UP);
}

bool LinkConfig::is_running() const {
  return has_flag(index_, IFF_RUNNING);
}

tl::expected<void, std::string> LinkConfig::set_mtu(std::uint32_t bytes) const {
  return set_number(*this, IFLA_MTU, bytes, "MTU");
}

tl::expected<void, std::string> LinkConfig::set_queue_length(std::uint32_t packets) const {
  return set_number(*this, IFLA_TXQLEN, packets, "queue length");
}

tl::expected<void, std::string> LinkConfig::add_address(const AddressPrefix& address) const {
  const NetlinkAnswer answer = change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index_, address);
  if (answer.is_good()) return {};
  const std::string what = fmt::format("the address {} can't be given to {}", address.to_string(), name_);
  if (answer.error == EACCES && address.address.family == Family::ipv6) {
    return tl::make_unexpected(
        fmt::format("{}: IPv6 is switched off there (net.ipv6.conf.{}.disable_ipv6)", what, name_));
  }
  if (answer.error != EEXIST) return tl::make_unexpected(answer.why(what));
  // It is there; IPv6 says so of one with another prefix, too.
  const auto present = addresses();
  if (!present) return tl::make_unexpected(present.error());
  if (std::find(present->begin(), present->end(), address) != present->end()) return {};
  return tl::make_unexpected(fmt::format("{}: it is there with another prefix length", what));
}

tl::expected<void, std::string> LinkConfig::remove_address(const AddressPrefix& address) const {
  const NetlinkAnswer answer = change_address(RTM_DELADDR, 0, index_, address);
  if (answer.is_good() || answer.error == EADDRNOTAVAIL || answer.error == ENODEV) return {};
  return tl::make_unexpected(
      answer.why(fmt::format("the address {} can't be taken from {}", address.to_string(), name_)));
}

tl::expected<std::vector<AddressPrefix>, std::string> LinkConfig::addresses() const {
  NetlinkRequest request(RTM_GETADDR, 0);
  ifaddrmsg header{};
  header.ifa_index = index_;
  request.put_header(header);
  const auto read = [this](std::span<const std::uint8_t> message) {
    return read_link_address(message, index_);
  };
  auto listed = request.list<AddressPrefix>(read);
  if (listed) return *std::move(listed);
  return tl::make_unexpected(listed.error().why(fmt::format("the addresses of {} can't be read", name_)));
}

}  // namespace mptunnel
