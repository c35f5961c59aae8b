#include "mptunnel/base/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "mptunnel/base/cursor.h"

namespace mptunnel {

std::string Endpoint::address_string() const {
  if (!is_set()) return "-";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family == Family::ipv4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  std::string result = text.data();
  if (scope != 0) result.append("%").append(std::to_string(scope));
  return result;
}

std::string Endpoint::to_string() const {
  if (!is_set()) return "-";
  const std::string host = address_string();
  return family == Family::ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Endpoint Endpoint::with_port(std::uint16_t other) const {
  Endpoint copy = *this;
  copy.port = other;
  return copy;
}

std::array<std::uint8_t, kEndpointBytes> bytes_of(const Endpoint& endpoint) {
  std::array<std::uint8_t, kEndpointBytes> bytes{};
  ByteWriter writer(bytes);
  writer.u8(static_cast<std::uint8_t>(endpoint.family));
  writer.bytes(endpoint.address);
  writer.u32(endpoint.scope);
  writer.u16(endpoint.port);
  return bytes;
}

bool Endpoint::is_any() const {
  return std::all_of(address.begin(), address.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::optional<Endpoint> parse_numeric_endpoint(std::string_view address, std::uint16_t port) {
  // inet_pton would stop at a zero byte and not see what stands behind it.
  if (address.find('\0') != std::string_view::npos) return std::nullopt;
  Endpoint endpoint;
  endpoint.port = port;
  const std::string whole(address);
  if (inet_pton(AF_INET, whole.c_str(), endpoint.address.data()) == 1) {
    endpoint.family = Family::ipv4;
    return endpoint;
  }
  const std::size_t percent = whole.find('%');
  const std::string host = whole.substr(0, percent);
  if (inet_pton(AF_INET6, host.c_str(), endpoint.address.data()) != 1) return std::nullopt;
  endpoint.family = Family::ipv6;
  if (percent != std::string::npos) {
    const char* first = whole.data() + percent + 1;
    const char* last = whole.data() + whole.size();
    const auto [end, error] = std::from_chars(first, last, endpoint.scope);
    if (error != std::errc{} || end != last || endpoint.scope == 0) return std::nullopt;
  }
  static constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(endpoint.address.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0) {
    std::copy_n(endpoint.address.begin() + 12, 4, endpoint.address.begin());
    std::fill(endpoint.address.begin() + 4, endpoint.address.end(), std::uint8_t{0});
    endpoint.family = Family::ipv4;
    endpoint.scope = 0;
  }
  return endpoint;
}

bool Endpoint::is_loopback() const {
  static constexpr std::array<std::uint8_t, 16> kIpv6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return family == Family::ipv4 ? address[0] == 127 : family == Family::ipv6 && address == kIpv6;
}

bool Endpoint::is_link_local() const {
  if (family == Family::ipv4) return address[0] == 169 && address[1] == 254;
  return family == Family::ipv6 && address[0] == 0xfe && (address[1] & 0xc0U) == 0x80;
}

std::uint64_t source_network(const Endpoint& from) {
  const std::size_t bytes = from.family == Family::ipv4 ? 3 : 7;
  std::uint64_t network = static_cast<std::uint64_t>(from.family);
  for (std::size_t i = 0; i < bytes; ++i) network = network << 8U | from.address[i];
  return network;
}

std::string source_network_text(const Endpoint& from) {
  const bool is_ipv4 = from.family == Family::ipv4;
  Endpoint network = from;
  std::fill(network.address.begin() + (is_ipv4 ? 3 : 7), network.address.end(), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_ipv4 ? AF_INET : AF_INET6, network.address.data(), text.data(), text.size());
  return std::string(text.data()) + (is_ipv4 ? "/24" : "/56");
}

}  // namespace mptunnel

std::size_t std::hash<mptunnel::Endpoint>::operator()(const mptunnel::Endpoint& endpoint) const noexcept {
  const std::string_view address(reinterpret_cast<const char*>(endpoint.address.data()),
                                 endpoint.address.size());
  const std::uint64_t tail = std::uint64_t{endpoint.scope} << 32U | std::uint64_t{endpoint.port} << 8U |
                             static_cast<std::uint64_t>(endpoint.family);
  return std::hash<std::string_view>{}(address) ^ (tail * 0x9e3779b97f4a7c15U);
}
