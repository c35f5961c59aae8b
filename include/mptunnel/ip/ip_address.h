// An IP address of either family as a value, as packets and routing have it: no port, no zone. Unlike in an
// Endpoint, an IPv4-mapped IPv6 address stays what it is: in a packet it is another address.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/endpoint.h"

namespace mptunnel {

struct IpAddress {
  std::array<std::uint8_t, 16> octets{};  ///< IPv4 takes the first 4, the rest is zero
  Family family = Family::none;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

  /// From 4 or 16 bytes.
  static IpAddress from(ConstBytes bytes);
  /// The 4 or 16 bytes that count; none if it is unset.
  [[nodiscard]] ConstBytes bytes() const;
  /// 32 or 128.
  [[nodiscard]] unsigned bits() const { return family == Family::ipv4 ? 32 : 128; }

  [[nodiscard]] bool is_unspecified() const;  ///< 0.0.0.0/8 ("this network", RFC 1122), ::
  [[nodiscard]] bool is_loopback() const;     ///< 127.0.0.0/8, ::1
  /// 224.0.0.0/4, ff00::/8.
  [[nodiscard]] bool is_multicast() const;
  /// 255.255.255.255. What the broadcast address of a network is, an address alone does not say.
  [[nodiscard]] bool is_broadcast() const;
  /// Whether it may name one host as the source of a packet that leaves its own: none of the above, and not
  /// of 240.0.0.0/4 (RFC 1112, section 4).
  [[nodiscard]] bool is_host() const;

  [[nodiscard]] std::string to_string() const;  ///< "192.0.2.1", "2001:db8::1", "-" if unset
};

/// nullopt if it is no numeric address; for one with a zone, and for IPv4-mapped ones, which people write as
/// IPv4.
std::optional<IpAddress> parse_ip_address(std::string_view text);

}  // namespace mptunnel
