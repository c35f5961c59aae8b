// The limits of what is done with inner IP packets.
#pragma once

#include <cstddef>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// The largest IP packet that is cut or made of others: the length field of IPv4 (RFC 791, section 3.1).
inline constexpr std::size_t kMaxIpPacketBytes = 65535;
/// Extension headers of one IPv6 packet. RFC 8200, section 4.1 knows seven, each at most once, and
/// Destination Options twice.
inline constexpr std::size_t kMaxExtensionHeaders = 8;

/// Headers of a super-packet, IP to TCP or UDP. IPv4 and TCP with all their options have 120 bytes; what an
/// IPv6 packet has beyond that are extension headers.
inline constexpr std::size_t kMaxSegmentHeadBytes = 256;
/// Segments of a super-packet: with the smallest that Linux makes (TCP_MIN_SND_MSS, 48) there are 1,366.
inline constexpr std::size_t kMaxCutSegments = 2048;

/// Packets that a Joiner holds at once.
inline constexpr std::size_t kMaxJoinBatch = 512;
/// Packets that become one super-packet of TCP: each is an element of writev, which takes 1,024 (IOV_MAX).
/// Of UDP there are kMaxSegments, or Linux would refuse it (UDP_MAX_SEGMENTS).
inline constexpr std::size_t kMaxJoinedTcp = 128;
/// Flows that a Joiner can join packets of at the same time. A power of two.
inline constexpr std::size_t kJoinSlots = 64;

/// Prefixes in a table, unless its owner says otherwise.
inline constexpr std::size_t kMaxPrefixes = 65536;

/// No MSS is clamped below: TCP_MIN_MSS of Linux.
inline constexpr std::size_t kLeastMss = 88;

/// An ICMP error quotes so much that it has at most these bytes (RFC 1812, section 4.3.2.3; RFC 4443,
/// section 2.4(c)): a path that carries less is none for its protocol.
inline constexpr std::size_t kMaxIcmpErrorBytes = 576;
inline constexpr std::size_t kMaxIcmpv6ErrorBytes = 1280;
/// The least MTU of IPv4 (RFC 791, section 3.2), and of IPv6 (RFC 8200, section 5).
inline constexpr std::size_t kLeastIpv4Mtu = 68;
inline constexpr std::size_t kLeastIpv6Mtu = 1280;

}  // namespace mptunnel
