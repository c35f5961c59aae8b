// Every limit of the protocol: sizes, counts and times that both ends hold each other to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

// Sizes, in bytes.

/// The largest UDP payload over IPv4: 65535 - 20 - 8. Nothing larger can be sent or received in one piece.
inline constexpr std::size_t kMaxPacketBytes = 65507;
/// The largest sealed packet: such a payload with all that a packet puts around it. It travels in fragments.
inline constexpr std::size_t kMaxSealedBytes = kMaxPacketBytes + 64;
inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::size_t kTagBytes = 16;
/// What stands in place of the tag where encryption is "none".
inline constexpr std::size_t kClearCheckBytes = 8;
/// A CONTROL packet is smaller than the smallest MTU that IPv6 allows (RFC 8200, section 5: 1280 less 48 of
/// headers), save one that carries a datagram or a fragment, or probes an MTU.
inline constexpr std::size_t kMaxControlBytes = 1200;
/// What a path is taken to carry before it is measured (BASE_PLPMTU of RFC 8899, section 5.1.2), and what any
/// path must carry: 576 bytes of IPv4 less its headers.
inline constexpr std::size_t kBaseMtu = 1200;
inline constexpr std::size_t kLeastMtu = 548;
inline constexpr std::size_t kHandshakePrefixBytes = 48;
/// Message 1 is padded to this; message 2 is never longer, so that a forged source address gains nothing.
inline constexpr std::size_t kHandshake1Bytes = 256;
inline constexpr std::size_t kMaxHandshakeBytes = 1200;

// Counts.

// kMaxPaths is in base/path_set.h: the size of a PathSet.
inline constexpr std::size_t kMaxFlows = 4096;  ///< of one session
inline constexpr std::uint32_t kSessionIndexBits = 24;

// Fragments: what one session keeps of packets that are not whole yet.

inline constexpr Duration kFragmentLife = 2s;
inline constexpr std::size_t kFragmentedPackets = 2048;
inline constexpr std::size_t kFragmentedBytes = std::size_t{2} << 20U;

// The use of one key, in either direction. The shape is RFC 9001, section 6.6, in blocks of 16 bytes.

inline constexpr Duration kRekeyAfter = 120s;
inline constexpr std::uint64_t kRekeyAfterPackets = std::uint64_t{1} << 26U;
inline constexpr std::uint64_t kRekeyAfterBlocks = std::uint64_t{1} << 33U;
inline constexpr Duration kRejectAfter = 180s;
inline constexpr std::uint64_t kRejectAfterPackets = std::uint64_t{1} << 31U;
inline constexpr std::uint64_t kRejectAfterBlocks = std::uint64_t{1} << 35U;
inline constexpr std::size_t kBlockBytes = 16;
/// How long a replaced key still opens what was on its way.
inline constexpr Duration kOldKeyOpensFor = 30s;

// The received set.

inline constexpr Duration kReorderAge = 30s;  ///< longer than any copy is late
inline constexpr std::uint32_t kReceivedSetNumbers = std::uint32_t{1} << 22U;
/// How far a clear packet's number may be from the last one that a sealed packet announced.
inline constexpr std::uint32_t kClearNumberReach = std::uint32_t{1} << 20U;

// Handshakes.

inline constexpr Duration kHandshakeRepeat = 200ms;     ///< while the application sends
inline constexpr Duration kHandshakeRepeatMax = 5s;     ///< while it does not
inline constexpr Duration kHandshakeAttemptLife = 5s;   ///< after it, a new message 1 with new keys
inline constexpr Duration kPendingHandshakeLife = 10s;  ///< at the server
inline constexpr std::size_t kMaxPendingHandshakes = 1024;
inline constexpr Duration kQueueLife = 500ms;  ///< of a datagram that waits for a session
inline constexpr std::size_t kQueueBytes = std::size_t{4} << 20U;
inline constexpr std::size_t kQueueDatagrams = 4096;

// Paths and sessions.

inline constexpr Duration kDataMovesFor = 2s;         ///< how long after a datagram data counts as moving
inline constexpr Duration kProbeWhileMoving = 100ms;  ///< PING interval of a path that carries moving data
inline constexpr Duration kProbeWhileStandby = 1s;    ///< of a backup path while data moves by others
inline constexpr Duration kProbeWhileSuspect = 25ms;
inline constexpr Duration kProbeWhileIdle = 10s;  ///< while nothing moves, to keep a NAT open; `keepalive`
inline constexpr Duration kProbeWhileDown = 1s;
inline constexpr Duration kProbeWhileDownAndIdle = 5s;
inline constexpr Duration kDownAfter = 1s;         ///< at the earliest: max(3 RTT, this)
inline constexpr Duration kSilentAfter = 100ms;    ///< at the earliest: max(3 RTT, this), then a handshake
inline constexpr Duration kAllDownCopiesFor = 5s;  ///< copies still go everywhere for this long
inline constexpr Duration kServerPathLife = 30s;   ///< since the last authenticated CONTROL on it
inline constexpr Duration kDormantAfter = 60s;     ///< a silent session: nothing is sent to it
inline constexpr Duration kSessionLife = 5min;     ///< a silent session: its flows end
inline constexpr Duration kFlowIdle = 5min;
inline constexpr Duration kFlowIdRest = 60s;    ///< before an id names another flow
inline constexpr Duration kTakeoverGrace = 2s;  ///< after it, a process that is still heard is another client

}  // namespace mptunnel
