#include "mptunnel/ip/prefix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/shortened.h"

namespace mptunnel {
namespace {

constexpr std::size_t kQuotedPrefix = 64;
/// The longest networks of IPv4 whose last address is that of a broadcast.
constexpr unsigned kLongestWithBroadcast = 30;

template <typename... Args>
tl::unexpected<std::string> prefix_mistake(fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(fmt::format(format, std::forward<Args>(args)...));
}

/// What a person wrote, so that no byte of it steers a terminal.
std::string quoted(std::string_view word) {
  std::string text = shortened(word, kQuotedPrefix);
  std::replace_if(
      text.begin(), text.end(), [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return "'" + text + "'";
}

/// Bits from 0 to `most`, without sign or leading zeros.
std::optional<std::uint8_t> parse_length(std::string_view digits, unsigned most) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  unsigned length = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, length);
  if (error != std::errc{} || end != last || length > most) return std::nullopt;
  return static_cast<std::uint8_t>(length);
}

/// ADDRESS/LENGTH; ADDRESS alone where `alone` allows it.
tl::expected<AddressPrefix, std::string> parse_parts(std::string_view word, bool alone, const char* example4,
                                                     const char* example6) {
  const std::size_t slash = word.find('/');
  const auto address = parse_ip_address(word.substr(0, slash));
  if (!address) {
    return prefix_mistake("{} does not begin with an IPv4 or IPv6 address: write one as in {} or {}",
                          quoted(word), example4, example6);
  }
  if (slash == std::string_view::npos) {
    if (alone) return AddressPrefix{*address, static_cast<std::uint8_t>(address->bits())};
    return prefix_mistake("{} has no prefix length: write the size of its network too, as in {} or {}",
                          quoted(word), example4, example6);
  }
  const auto length = parse_length(word.substr(slash + 1), address->bits());
  if (!length) {
    return prefix_mistake(
        "{} has no prefix length that {} knows: write a number from 0 to {} behind the slash", quoted(word),
        address->family == Family::ipv4 ? "IPv4" : "IPv6", address->bits());
  }
  return AddressPrefix{*address, *length};
}

}  // namespace

Prefix prefix_of(const IpAddress& address, unsigned length) {
  MPT_ASSERT(length <= address.bits());
  Prefix prefix{address, static_cast<std::uint8_t>(length)};
  for (std::size_t i = 0; i < prefix.address.octets.size(); ++i, length -= std::min(length, 8U)) {
    if (length < 8) prefix.address.octets[i] &= static_cast<std::uint8_t>(0xff00U >> length);
  }
  return prefix;
}

bool Prefix::contains(const IpAddress& other) const {
  return other.family == address.family && prefix_of(other, length) == *this;
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), length);
}

bool AddressPrefix::is_broadcast(const IpAddress& other) const {
  if (address.family != Family::ipv4 || length > kLongestWithBroadcast) return false;
  const IpAddress first = network().address;
  unsigned bits = length;
  for (std::size_t i = 0; i < 4; ++i, bits -= std::min(bits, 8U)) {
    if (other.octets[i] != (first.octets[i] | 0xffU >> std::min(bits, 8U))) return false;
  }
  return other.family == Family::ipv4;
}

std::string AddressPrefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), length);
}

tl::expected<AddressPrefix, std::string> parse_address_prefix(std::string_view word) {
  auto parsed = parse_parts(word, false, "'10.42.42.1/24'", "'fd00:42::1/64'");
  if (!parsed) return parsed;
  if (!parsed->address.is_host()) {
    return prefix_mistake(
        "{} is no address that a host may have: write a unicast address, as in '10.42.42.1/24'",
        quoted(word));
  }
  const bool has_network = parsed->address.family == Family::ipv4 && parsed->length <= kLongestWithBroadcast;
  if (has_network && parsed->network().address == parsed->address) {
    return prefix_mistake("{} is the address of the network itself: write that of a host in it",
                          quoted(word));
  }
  if (parsed->is_broadcast(parsed->address)) {
    return prefix_mistake("{} is the broadcast address of its network: write that of a host in it",
                          quoted(word));
  }
  return parsed;
}

tl::expected<Prefix, std::string> parse_prefix(std::string_view word) {
  const auto parsed = parse_parts(word, true, "'10.42.42.0/24'", "'fd00:42::/64'");
  if (!parsed) return tl::make_unexpected(parsed.error());
  const Prefix network = parsed->network();
  if (network.address != parsed->address) {
    return prefix_mistake(
        "{} has bits behind its prefix: write {} for the network, or {} for the one address", quoted(word),
        network.to_string(), prefix_of(parsed->address, parsed->address.bits()).to_string());
  }
  return network;
}

}  // namespace mptunnel
