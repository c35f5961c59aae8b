// Sizes in bytes. Included by limits.h.
#pragma once

#include <cstddef>

namespace mptunnel {

/// The largest UDP payload over IPv4: 65535 - 20 - 8. Nothing larger can be sent or received in one piece.
inline constexpr std::size_t kMaxPacketBytes = 65507;
/// The largest sealed packet: such a payload with all that a packet puts around it. It travels in fragments.
inline constexpr std::size_t kMaxSealedBytes = kMaxPacketBytes + 64;
inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::size_t kTagBytes = 16;
/// Takes the place of the tag if encryption is "none".
inline constexpr std::size_t kClearCheckBytes = 8;
/// A CONTROL packet is smaller than the smallest MTU that IPv6 allows (RFC 8200, section 5: 1280 less 48 of
/// headers), save one that carries a datagram or a fragment, or probes an MTU.
inline constexpr std::size_t kMaxControlBytes = 1200;
/// What a path is taken to carry before it is measured (BASE_PLPMTU of RFC 8899, section 5.1.2), and what any
/// path must carry: 576 bytes of IPv4 less its headers.
inline constexpr std::size_t kBaseMtu = 1200;
inline constexpr std::size_t kLeastMtu = 548;
inline constexpr std::size_t kHandshakePrefixBytes = 40;
inline constexpr std::size_t kHandshakeMacBytes = 8;
/// What a handshake packet has around its Noise message; all of COOKIE.
inline constexpr std::size_t kHandshakeAroundBytes = kHandshakePrefixBytes + kHandshakeMacBytes;
/// Message 1 is padded to this; message 2 is never longer, so that a forged source address gains nothing.
inline constexpr std::size_t kHandshake1Bytes = 256;
inline constexpr std::size_t kMaxHandshakeBytes = 1200;

}  // namespace mptunnel
