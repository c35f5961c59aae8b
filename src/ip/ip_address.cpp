#include "mptunnel/ip/ip_address.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {

IpAddress IpAddress::from(ConstBytes bytes) {
  MPT_ASSERT(bytes.size() == 4 || bytes.size() == 16);
  IpAddress address;
  address.family = bytes.size() == 4 ? Family::ipv4 : Family::ipv6;
  std::copy(bytes.begin(), bytes.end(), address.octets.begin());
  return address;
}

ConstBytes IpAddress::bytes() const {
  if (family == Family::none) return {};
  return ConstBytes(octets).first(bits() / 8);
}

bool IpAddress::is_unspecified() const {
  if (family == Family::ipv4) return octets[0] == 0;
  return std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_loopback() const {
  return Endpoint{.address = octets, .family = family}.is_loopback();
}

bool IpAddress::is_multicast() const {
  return family == Family::ipv4 ? (octets[0] & 0xf0U) == 0xe0 : octets[0] == 0xff;
}

bool IpAddress::is_broadcast() const {
  return family == Family::ipv4 &&
         std::all_of(octets.begin(), octets.begin() + 4, [](std::uint8_t octet) { return octet == 0xff; });
}

bool IpAddress::is_host() const {
  if (is_unspecified() || is_loopback() || is_multicast()) return false;
  return family == Family::ipv6 || octets[0] < 0xf0;
}

std::string IpAddress::to_string() const {
  return Endpoint{.address = octets, .family = family}.address_string();
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const auto endpoint = parse_numeric_endpoint(text, 0);
  if (!endpoint || endpoint->scope != 0) return std::nullopt;
  if (endpoint->family == Family::ipv4 && text.find(':') != std::string_view::npos) return std::nullopt;
  return IpAddress{.octets = endpoint->address, .family = endpoint->family};
}

}  // namespace mptunnel
