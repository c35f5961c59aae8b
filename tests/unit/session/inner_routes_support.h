// What the tests of inner addresses share.
#pragma once

#include <string_view>
#include <vector>

#include "mptunnel/session/inner_routes.h"

namespace mptunnel::test {

inline InnerOwner inner_owner(std::uint8_t number, std::uint8_t key = 0) {
  InnerOwner owner;
  owner.key.fill(key);
  owner.identity.fill(number);
  return owner;
}
inline InnerPrefix inner_prefix_of(std::string_view text) {
  const AddressPrefix parsed = parse_address_prefix(text).value();
  return inner_prefix(parsed.address, parsed.length);
}
/// "192.168.7.0/24" behind a client.
inline InnerEntry wants_network(std::string_view text) {
  const Prefix parsed = parse_prefix(text).value();
  return {InnerKind::network, inner_prefix(parsed.address, parsed.length), {}};
}
/// This address.
inline InnerEntry wants_address(std::string_view text) {
  const IpAddress address = parse_ip_address(text).value();
  return {InnerKind::address, inner_prefix(address, static_cast<std::uint8_t>(address.bits())), {}};
}
/// Any address.
inline InnerEntry wants_any(Family family = Family::ipv4) {
  return {
      InnerKind::automatic, {family, static_cast<std::uint8_t>(family == Family::ipv4 ? 32 : 128), {}}, {}};
}
/// Any, but this one if it is free.
inline InnerEntry wishes(std::string_view text) {
  InnerEntry entry = wants_address(text);
  entry.kind = InnerKind::automatic;
  return entry;
}
inline IpAddress ip(std::string_view text) {
  return parse_ip_address(text).value();
}
inline InnerSettings inner_settings(const std::vector<std::string_view>& device,
                                    const std::vector<std::string_view>& allowed = {}) {
  InnerSettings settings;
  for (const std::string_view text : device) settings.device.push_back(parse_address_prefix(text).value());
  for (const std::string_view text : allowed) settings.allowed.push_back(parse_prefix(text).value());
  return settings;
}

}  // namespace mptunnel::test
