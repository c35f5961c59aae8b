// Where the fields of IPv4, IPv6, TCP and UDP lie, and reading and writing them in place. The caller has
// checked that the bytes are there.
//
//     IPv4   0 version/IHL   1 TOS   2 total length   4 id   6 flags/fragment   8 TTL   9 protocol   10
//     checksum
//            12 source   16 destination   20 options
//     IPv6   0 version/traffic class/flow label   4 payload length   6 next header   7 hop limit
//            8 source   24 destination   40 extension headers
//     TCP    0 ports   4 sequence   8 acknowledgment   12 offset   13 flags   14 window   16 checksum
//            18 urgent   20 options
//     UDP    0 ports   4 length   6 checksum
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

// Protocol numbers, and those of IPv6 extension headers (IANA).
inline constexpr std::uint8_t kProtocolHopByHop = 0;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolDccp = 33;
inline constexpr std::uint8_t kProtocolRouting = 43;
inline constexpr std::uint8_t kProtocolFragment = 44;
inline constexpr std::uint8_t kProtocolAuthentication = 51;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolDestinationOptions = 60;
inline constexpr std::uint8_t kProtocolSctp = 132;
inline constexpr std::uint8_t kProtocolMobility = 135;
inline constexpr std::uint8_t kProtocolUdpLite = 136;
inline constexpr std::uint8_t kProtocolHip = 139;
inline constexpr std::uint8_t kProtocolShim6 = 140;

inline constexpr std::size_t kIpv4HeaderBytes = 20;  ///< without options
inline constexpr std::size_t kIpv6HeaderBytes = 40;  ///< without extension headers
inline constexpr std::size_t kTcpHeaderBytes = 20;   ///< without options
inline constexpr std::size_t kUdpHeaderBytes = 8;

inline constexpr std::size_t kIpv4LengthAt = 2;
inline constexpr std::size_t kIpv4IdAt = 4;
inline constexpr std::size_t kIpv4FragmentAt = 6;
inline constexpr std::size_t kIpv4TtlAt = 8;
inline constexpr std::size_t kIpv4ProtocolAt = 9;
inline constexpr std::size_t kIpv4ChecksumAt = 10;
inline constexpr std::size_t kIpv4SourceAt = 12;
inline constexpr std::size_t kIpv6LengthAt = 4;
inline constexpr std::size_t kIpv6NextHeaderAt = 6;
inline constexpr std::size_t kIpv6HopLimitAt = 7;
inline constexpr std::size_t kIpv6SourceAt = 8;
inline constexpr std::size_t kTcpSequenceAt = 4;
inline constexpr std::size_t kTcpAcknowledgmentAt = 8;
inline constexpr std::size_t kTcpOffsetAt = 12;
inline constexpr std::size_t kTcpFlagsAt = 13;
inline constexpr std::size_t kTcpWindowAt = 14;
inline constexpr std::size_t kTcpChecksumAt = 16;
inline constexpr std::size_t kUdpLengthAt = 4;
inline constexpr std::size_t kUdpChecksumAt = 6;

// In the word at kIpv4FragmentAt.
inline constexpr unsigned kIpv4DontFragment = 0x4000;
inline constexpr unsigned kIpv4MoreFragments = 0x2000;
inline constexpr unsigned kIpv4OffsetMask = 0x1fff;  ///< in units of 8 bytes

// In the byte at kTcpFlagsAt (RFC 9293, section 3.1).
inline constexpr unsigned kTcpFin = 0x01;
inline constexpr unsigned kTcpSyn = 0x02;
inline constexpr unsigned kTcpRst = 0x04;
inline constexpr unsigned kTcpPsh = 0x08;
inline constexpr unsigned kTcpAck = 0x10;
inline constexpr unsigned kTcpUrg = 0x20;
inline constexpr unsigned kTcpEce = 0x40;
inline constexpr unsigned kTcpCwr = 0x80;

/// The big-endian numbers that begin at a place.
inline std::uint16_t u16_at(ConstBytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}
inline std::uint32_t u32_at(ConstBytes bytes, std::size_t at) {
  return std::uint32_t{u16_at(bytes, at)} << 16U | u16_at(bytes, at + 2);
}
inline void put_u16(Bytes bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8U);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
inline void put_u32(Bytes bytes, std::size_t at, std::uint32_t value) {
  put_u16(bytes, at, static_cast<std::uint16_t>(value >> 16U));
  put_u16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

/// Bytes of a TCP header, as it says itself.
inline std::size_t tcp_header_bytes(ConstBytes tcp) {
  return std::size_t{tcp[kTcpOffsetAt]} >> 4U << 2U;
}

}  // namespace mptunnel
