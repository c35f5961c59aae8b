// An IP address and a UDP port as a value. It opens nothing and resolves nothing.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mptunnel {

enum class Family : std::uint8_t { none, ipv4, ipv6 };

/// IPv4 addresses take the first 4 bytes of `address`, the rest is zero. IPv4-mapped IPv6 addresses are never
/// stored: net turns them into IPv4.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint32_t scope = 0;  ///< interface of a link-local IPv6 address, else 0
  std::uint16_t port = 0;   ///< host byte order
  Family family = Family::none;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;

  [[nodiscard]] bool is_set() const { return family != Family::none; }
  /// "127.0.0.1:53", "[::1]:53", "[fe80::1%2]:53", or "-" if unset.
  [[nodiscard]] std::string to_string() const;
  /// The address alone, without brackets and port.
  [[nodiscard]] std::string address_string() const;
  /// The same address with another port.
  [[nodiscard]] Endpoint with_port(std::uint16_t other) const;
  [[nodiscard]] bool is_any() const;
  [[nodiscard]] bool is_loopback() const;
  /// Has a meaning on one link only: 169.254.0.0/16, fe80::/10.
  [[nodiscard]] bool is_link_local() const;
};

/// An endpoint from a numeric address, without brackets. nullopt if it is a name or malformed.
std::optional<Endpoint> parse_numeric_endpoint(std::string_view address, std::uint16_t port);

/// The endpoint as bytes, to be hashed: family 1 (the number in the enum), address 16, scope 4, port 2.
inline constexpr std::size_t kEndpointBytes = 1 + 16 + 4 + 2;
std::array<std::uint8_t, kEndpointBytes> bytes_of(const Endpoint& endpoint);

/// The part of an address that one customer usually has, for quotas: /24 of IPv4, /56 of IPv6.
std::uint64_t source_network(const Endpoint& from);
/// It as people write it: "192.0.2.0/24", "2001:db8:0:100::/56".
std::string source_network_text(const Endpoint& from);

/// Between which two addresses a datagram travels, as this host sees it. `local` has the address that the
/// datagram came to (or shall leave from); it may be unset if the socket knows only one.
struct Route {
  Endpoint remote;
  Endpoint local;
  friend auto operator<=>(const Route&, const Route&) = default;
};

}  // namespace mptunnel

template <>
struct std::hash<mptunnel::Endpoint> {
  std::size_t operator()(const mptunnel::Endpoint& endpoint) const noexcept;
};
