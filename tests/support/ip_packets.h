// IP packets for tests, made field by field, with checksums computed in the plainest way. It shares no code
// with what it tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/endpoint.h"

namespace mptunnel::test {

using PacketBytes = std::vector<std::uint8_t>;

inline void append(PacketBytes& to, ConstBytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append_number(PacketBytes& to, std::uint64_t value, unsigned bytes) {
  while (bytes-- > 0) to.push_back(static_cast<std::uint8_t>(value >> 8U * bytes));
}
inline std::uint32_t number_at(ConstBytes bytes, std::size_t at, unsigned count) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < count; ++i) value = value << 8U | bytes[at + i];
  return value;
}
inline void set_number(PacketBytes& bytes, std::size_t at, std::uint32_t value, unsigned count) {
  while (count-- > 0) bytes.at(at++) = static_cast<std::uint8_t>(value >> 8U * count);
}

/// RFC 1071 as its section 1 says it: word by word, each carry at once.
inline std::uint16_t plain_sum(ConstBytes bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] << 8U) + (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}

/// What a test wants to say of a packet; the rest is usual.
struct PacketSpec {
  std::string_view source = "10.0.0.1";  ///< its family is that of the packet
  std::string_view destination = "10.0.0.2";
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 64;
  std::uint16_t id = 0x1234;           ///< IPv4
  std::uint16_t fragment = 0x4000;     ///< IPv4: flags and offset; Don't Fragment
  PacketBytes ip_options{};            ///< IPv4; a multiple of 4
  std::uint32_t flow_label = 0x12345;  ///< IPv6
  PacketBytes extensions{};            ///< IPv6 extension headers, the last of which names the payload
  std::uint8_t first_extension = 0;    ///< which the first of them is

  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 443;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgment = 77;
  std::uint8_t flags = 0x10;  ///< ACK
  std::uint16_t window = 501;
  PacketBytes tcp_options{};  ///< a multiple of 4
  PacketBytes payload{};
};

inline Endpoint address_of(std::string_view text) {
  return parse_numeric_endpoint(text, 0).value();
}
inline PacketBytes address_bytes(std::string_view text) {
  const Endpoint address = address_of(text);
  const std::size_t size = address.family == Family::ipv4 ? 4 : 16;
  return {address.address.begin(), address.address.begin() + static_cast<std::ptrdiff_t>(size)};
}
inline PacketBytes pseudo_header(const PacketSpec& spec, std::uint8_t protocol, std::size_t length) {
  PacketBytes bytes = address_bytes(spec.source);
  append(bytes, address_bytes(spec.destination));
  append_number(bytes, length, 4);
  append_number(bytes, protocol, 4);
  return bytes;
}

/// Behind an IP header as the spec has it.
inline PacketBytes make_ip(const PacketSpec& spec, std::uint8_t protocol, ConstBytes content) {
  PacketBytes packet;
  if (address_of(spec.source).family == Family::ipv4) {
    const std::size_t header = 20 + spec.ip_options.size();
    append_number(packet, 0x40U | header / 4, 1);
    append_number(packet, spec.traffic_class, 1);
    append_number(packet, header + content.size(), 2);
    append_number(packet, spec.id, 2);
    append_number(packet, spec.fragment, 2);
    append_number(packet, spec.hop_limit, 1);
    append_number(packet, protocol, 1);
    append_number(packet, 0, 2);
    append(packet, address_bytes(spec.source));
    append(packet, address_bytes(spec.destination));
    append(packet, spec.ip_options);
    set_number(packet, 10, static_cast<std::uint16_t>(~plain_sum(packet)), 2);
  } else {
    append_number(packet, 0x60000000U | std::uint32_t{spec.traffic_class} << 20U | spec.flow_label, 4);
    append_number(packet, spec.extensions.size() + content.size(), 2);
    append_number(packet, spec.extensions.empty() ? protocol : spec.first_extension, 1);
    append_number(packet, spec.hop_limit, 1);
    append(packet, address_bytes(spec.source));
    append(packet, address_bytes(spec.destination));
    append(packet, spec.extensions);
  }
  append(packet, content);
  return packet;
}

/// Puts the checksum of what TCP (6), UDP (17) or ICMPv6 (58) has in `content` in its place.
inline void complete(PacketBytes& content, const PacketSpec& spec, std::uint8_t protocol) {
  const std::size_t at = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
  set_number(content, at, 0, 2);
  const std::uint16_t pseudo = plain_sum(pseudo_header(spec, protocol, content.size()));
  auto checksum = static_cast<std::uint16_t>(~plain_sum(content, pseudo));
  if (protocol == 17 && checksum == 0) checksum = 0xffff;
  set_number(content, at, checksum, 2);
}

inline PacketBytes make_tcp(const PacketSpec& spec) {
  PacketBytes tcp;
  append_number(tcp, spec.source_port, 2);
  append_number(tcp, spec.destination_port, 2);
  append_number(tcp, spec.sequence, 4);
  append_number(tcp, spec.acknowledgment, 4);
  append_number(tcp, (20 + spec.tcp_options.size()) / 4 << 4U, 1);
  append_number(tcp, spec.flags, 1);
  append_number(tcp, spec.window, 2);
  append_number(tcp, 0, 4);
  append(tcp, spec.tcp_options);
  append(tcp, spec.payload);
  complete(tcp, spec, 6);
  return make_ip(spec, 6, tcp);
}

inline PacketBytes make_udp(const PacketSpec& spec) {
  PacketBytes udp;
  append_number(udp, spec.source_port, 2);
  append_number(udp, spec.destination_port, 2);
  append_number(udp, 8 + spec.payload.size(), 2);
  append_number(udp, 0, 2);
  append(udp, spec.payload);
  complete(udp, spec, 17);
  return make_ip(spec, 17, udp);
}

/// The same between two IPv6 hosts.
inline PacketSpec ipv6_spec(PacketSpec spec = {}) {
  spec.source = "2001:db8::1";
  spec.destination = "2001:db8::2";
  return spec;
}

/// `size` bytes that follow from `seed`.
inline PacketBytes some_payload(std::size_t size, std::uint32_t seed = 1) {
  PacketBytes bytes(size);
  for (std::uint8_t& byte : bytes) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(seed >> 24U);
  }
  return bytes;
}

}  // namespace mptunnel::test
