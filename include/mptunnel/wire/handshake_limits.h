// Limits of handshakes and of the confirmation that follows them. Included by limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

// The client's attempts.

inline constexpr Duration kHandshakeRepeat = 200ms;    ///< while the application sends
inline constexpr Duration kHandshakeRepeatMax = 5s;    ///< while it does not
inline constexpr Duration kHandshakeAttemptLife = 5s;  ///< after it, a new message 1 with new keys
/// How long handshakes go unanswered before a log line says so.
inline constexpr Duration kNoAnswerAfter = 3s;

// The client's wait for SERVER_HELLO under new keys.

inline constexpr Duration kHelloRepeat = 100ms;
/// How long the server may take to confirm before the handshake starts over: 3 RTT, or three times what the
/// handshake took, within these bounds. The lower one doubles each time that the wait was too short. A server
/// that died in between is not waited for long.
inline constexpr Duration kHelloLifeMin = 300ms;
inline constexpr Duration kHelloLifeMax = 5s;

// The server's table of pending handshakes.

inline constexpr Duration kPendingHandshakeLife = 10s;
inline constexpr std::size_t kMaxPendingHandshakes = 1024;

// What strangers may make the two ends compute. A handshake costs the server about 150 us, the check of a key
// id less than 5: these rates leave most of a slow processor to the traffic of live sessions. A source
// network is a /24 of IPv4 or a /56 of IPv6.

inline constexpr double kHandshakesPerSecond = 1000;
inline constexpr double kHandshakeBurst = 1000;
inline constexpr double kHandshakesPerSecondOfNetwork = 100;
inline constexpr double kHandshakeBurstOfNetwork = 200;
/// Checks of the key id of a message 1. There are far more of them than handshakes, so that messages made
/// with no key leave the budget of handshakes to those with one.
inline constexpr double kKeyChecksPerSecond = 20000;
inline constexpr double kKeyCheckBurst = 20000;
inline constexpr double kKeyChecksPerSecondOfNetwork = 2000;
inline constexpr double kKeyCheckBurstOfNetwork = 2000;
/// Answers to an open attempt of the client that it tries to open: the server sends 160 a second at most,
/// over 32 paths, and the first that opens ends the attempt.
inline constexpr double kAnswersReadPerSecond = 1000;
inline constexpr double kAnswersReadBurst = 1000;
/// Source networks share this many budgets, by a keyed hash.
inline constexpr std::size_t kHandshakeNetworkBuckets = 1024;

// Datagrams that wait for a session.

inline constexpr Duration kQueueLife = 500ms;
inline constexpr std::size_t kQueueBytes = std::size_t{4} << 20U;
inline constexpr std::size_t kQueueDatagrams = 4096;

}  // namespace mptunnel
