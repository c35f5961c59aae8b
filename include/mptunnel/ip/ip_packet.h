// One inner IP packet as a view: what its headers say, once its lengths have been found to be true. It owns
// no bytes, and changes none. What it is not: a check of checksums, or of what is above the ports.
#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_address.h"

namespace mptunnel {

/// Why bytes are no IP packet that may be carried.
enum class IpError : std::uint8_t {
  truncated,            ///< shorter than its headers
  bad_version,          ///< neither 4 nor 6
  bad_header_length,    ///< IPv4: less than 20 bytes, or more than the packet
  bad_length,           ///< the length that it says is not the length that it has
  jumbogram,            ///< IPv6 of more than 65,535 bytes (RFC 2675)
  bad_extension,        ///< an extension header where none may be: Hop-by-Hop Options that are not the first
  too_many_extensions,  ///< more than kMaxExtensionHeaders
  bad_fragment          ///< ends past 65,535 bytes, or is not the last and ends at no multiple of 8
};
/// The error's own name, as it stands in the enum.
const char* name_of(IpError error);

/// Of TCP, UDP, UDP-Lite, SCTP and DCCP.
struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  friend bool operator==(const Ports&, const Ports&) = default;
};

struct FragmentField {
  std::uint32_t id = 0;      ///< 16 bits in IPv4
  std::uint16_t offset = 0;  ///< bytes of the packet's payload before this part
  bool more = false;         ///< it is not the last
  friend bool operator==(const FragmentField&, const FragmentField&) = default;
};

struct IpPacket {
  ConstBytes bytes;  ///< the whole packet
  IpAddress source;
  IpAddress destination;
  /// What the payload is: of IPv6 behind its extension headers. Of a fragment that is not the first, what its
  /// own header says.
  std::uint8_t protocol = 0;
  std::uint8_t traffic_class = 0;  ///< DSCP in the upper 6 bits, ECN in the lower 2
  std::uint8_t hop_limit = 0;
  /// Of the IP header: with options in IPv4, without extension headers in IPv6.
  std::uint16_t header_bytes = 0;
  std::uint16_t payload_offset = 0;  ///< behind extension headers as well
  bool dont_fragment = false;        ///< always in IPv6: only its sender may
  /// Set if it is a part of a packet. One part that is all of it (RFC 6946) is none.
  std::optional<FragmentField> fragment;
  std::optional<Ports> ports;  ///< if its protocol has some, and they are in this packet

  [[nodiscard]] bool is_ipv4() const { return source.family == Family::ipv4; }
  [[nodiscard]] std::uint8_t dscp() const { return traffic_class >> 2U; }
  [[nodiscard]] std::uint8_t ecn() const { return traffic_class & 3U; }
  /// IPv4 options, or IPv6 extension headers.
  [[nodiscard]] bool has_options() const { return payload_offset != (is_ipv4() ? 20 : 40); }
  /// A part of a packet behind its first: it has no transport header.
  [[nodiscard]] bool is_later_fragment() const { return fragment && fragment->offset != 0; }
  [[nodiscard]] ConstBytes payload() const { return bytes.subspan(payload_offset); }
};

/// Reads the headers of a packet that has just these bytes. The result views them.
tl::expected<IpPacket, IpError> parse_ip_packet(ConstBytes bytes);

/// A number for the flow of a packet: of addresses, protocol and ports. Fragments have one of addresses and
/// id, so that all of a packet have the same. Whoever does not know the seed can't easily aim for a number;
/// it is no cryptography, so nothing but speed may depend on it.
std::uint64_t flow_hash(const IpPacket& packet, std::uint64_t seed);

}  // namespace mptunnel
