// Networks as people write them: "10.42.42.0/24", "2001:db8::/32". What it is not: a table of them, see
// prefix_table.h.
// Every error is a text that says what is wrong and what would be right, without file and line.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/ip/ip_address.h"

namespace mptunnel {

/// A network: behind the first `length` bits of the address all are zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  ///< bits, up to 32 or 128

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

  [[nodiscard]] bool contains(const IpAddress& other) const;
  /// All of the other, which may be this one.
  [[nodiscard]] bool contains(const Prefix& other) const {
    return length <= other.length && contains(other.address);
  }
  [[nodiscard]] std::string to_string() const;  ///< "10.42.42.0/24"
};

/// The network of an address; `length` is at most address.bits().
Prefix prefix_of(const IpAddress& address, unsigned length);

/// An address of a host, and the network that it is in.
struct AddressPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  friend auto operator<=>(const AddressPrefix&, const AddressPrefix&) = default;

  [[nodiscard]] Prefix network() const { return prefix_of(address, length); }
  /// Whether IPv4 gives this network a broadcast address (RFC 919), and which other address it is: not
  /// with fewer than two bits for hosts (RFC 3021).
  [[nodiscard]] bool is_broadcast(const IpAddress& other) const;
  [[nodiscard]] std::string to_string() const;  ///< "10.42.42.1/24"
};

/// "10.42.42.1/24": what a device has. The address may be that of a host: no multicast, no loopback, and not
/// the first or last of its network where IPv4 means something else by these.
tl::expected<AddressPrefix, std::string> parse_address_prefix(std::string_view word);

/// "10.42.42.0/24", or an address alone, which is a network of its own. Bits behind the prefix are a mistake:
/// more was meant than would match, or less.
tl::expected<Prefix, std::string> parse_prefix(std::string_view word);

}  // namespace mptunnel
