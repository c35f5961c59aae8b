// Every limit of the protocol: sizes, counts and times that both ends hold each other to, or that a document
// names. Those of sizes, paths, MTUs, flows and news have files of their own; include this one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/flow_limits.h"
#include "mptunnel/wire/mtu_limits.h"
#include "mptunnel/wire/news_limits.h"
#include "mptunnel/wire/path_limits.h"
#include "mptunnel/wire/size_limits.h"

namespace mptunnel {

using namespace std::chrono_literals;

// Packets and frames. The limit of paths, kMaxPaths, is the size of a PathSet: base/path_set.h.

inline constexpr std::uint32_t kSessionIndexBits = 24;
/// More than any packet of ours has; each may cost an answer.
inline constexpr std::size_t kMaxFramesOfPacket = 32;
/// One copy in so many, at random, is decrypted although its number was seen.
inline constexpr unsigned kCopiesOfCheck = 64;

// What all sessions of a program share: see SharedBudget.

/// Once a budget is spent, whoever holds most gives up this much at once, or half of what it holds, so that
/// it is looked for seldom.
inline constexpr std::size_t kYieldBytes = std::size_t{64} << 10U;

// Fragments: what is kept of packets that are not whole yet, in one session and in all of a program.

inline constexpr Duration kFragmentLife = 2s;
inline constexpr std::size_t kFragmentedPackets = 2048;                 ///< of one session
inline constexpr std::size_t kFragmentedBytes = std::size_t{2} << 20U;  ///< of one session
inline constexpr std::size_t kFragmentedBytesOfAll = std::size_t{64} << 20U;
/// What a packet, and each part of one, counts besides the bytes that came: about what its record takes.
inline constexpr std::size_t kFragmentRecordBytes = 128;
/// Parts of one packet. A sender makes parts of about equal size: 129 of the largest packet over the least
/// MTU.
inline constexpr std::size_t kFragmentParts = 256;

// Repair.

inline constexpr std::size_t kRepairBytesOfAll = std::size_t{64} << 20U;  ///< of all sessions of an engine
inline constexpr std::size_t kRepairedEpochs = 6;                         ///< of one session
/// A receiver gives up what it keeps for it once no REPAIR came for so long.
inline constexpr Duration kRepairForgottenAfter = 60s;

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

/// Replaced keys that a client keeps, and keys that a server keeps for one session. Two rekeys within
/// kOldKeyOpensFor happen when a client restarts its handshake; more are a peer's mistake.
inline constexpr std::size_t kMaxOldEpochs = 4;
inline constexpr std::size_t kMaxEpochs = 4;
/// What is known of DATA under the keys before these, of so many, is kept until it is known for good.
inline constexpr std::size_t kEndedEpochs = 8;
/// After a key has ended, the client asks what came under it: most that was on its way has arrived by then.
/// Again after twice as long each time, as long as something is missing, up to the last that is on its way.
inline constexpr Duration kEpochCountsAfter = 1s;
inline constexpr Duration kEpochCountsMostWait = 16s;

// The received set.

inline constexpr Duration kReorderAge = 30s;  ///< longer than any copy is late
inline constexpr std::uint32_t kReceivedSetNumbers = std::uint32_t{1} << 22U;
/// What the received sets of all sessions keep: half a million blocks of numbers.
inline constexpr std::size_t kReceivedBytesOfAll = std::size_t{64} << 20U;
/// What a block of 512 numbers counts: about what it takes.
inline constexpr std::size_t kReceivedBlockBytes = 128;
/// How far a clear packet's number may be from the last one that a sealed packet announced.
inline constexpr std::uint32_t kClearNumberReach = std::uint32_t{1} << 20U;

// Sessions.

inline constexpr Duration kDormantAfter = 60s;  ///< a silent session: nothing is sent to it
inline constexpr Duration kSessionLife = 5min;  ///< a silent session: its flows end
inline constexpr Duration kTakeoverGrace = 2s;  ///< after it, a process that is still heard is another client
inline constexpr Duration kSupersededLife = 10s;  ///< of a session that another process has taken over
/// Sessions that have no place in the server's table: those that have proved no address yet, and those that
/// were taken over. The oldest goes when there are more. A challenge is answered within a round trip.
inline constexpr std::size_t kMaxUnsettledSessions = 128;
inline constexpr std::size_t kUnsettledSessionsOfKey = 4;  ///< of those, if the key is one client's
inline constexpr Duration kUnprovedLife = 10s;             ///< of a session that proves no address
/// How often an engine looks for what is over: idle flows, old keys and fragments, dormant sessions.
inline constexpr Duration kHousekeeping = 1s;  ///< client
inline constexpr Duration kServerTick = 1s;    ///< server
/// How late the server may find that a datagram has waited too long.
inline constexpr Duration kQueueTick = 100ms;

// Keys that are one client's.

inline constexpr std::size_t kSessionsOfKey = 16;  ///< unless the keyring says otherwise
inline constexpr double kHandshakesPerSecondOfKey = 20;
inline constexpr double kHandshakeBurstOfKey = 40;
inline constexpr Duration kRateBurst = 200ms;  ///< so much of a rate may come at once

// Handshakes. The client's attempts.

inline constexpr Duration kHandshakeRepeat = 200ms;    ///< while the application sends
inline constexpr Duration kHandshakeRepeatMax = 5s;    ///< while it does not
inline constexpr Duration kHandshakeAttemptLife = 5s;  ///< after it, a new message 1 with new keys
/// How long a handshake for new keys goes only through the session that it renews.
inline constexpr Duration kRenewalInsideFor = 5s;
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
/// Those that began outside a session.
inline constexpr std::size_t kMaxPendingHandshakes = 1024;
/// A pending handshake is answered again this often: 32 paths repeat it 5 times a second each.
inline constexpr double kRepeatsPerSecond = 200;
inline constexpr double kRepeatBurst = 100;
/// Of genuine handshakes so many are remembered, so that a recorded one is worth nothing: 1,024 clients that
/// begin one each 2 minutes make as many in two hours.
inline constexpr std::size_t kSeenHandshakes = std::size_t{1} << 16U;

// What strangers may make the two ends compute. A handshake costs the server about 150 us. A mac is verified
// in less time than it takes to receive the packet, and needs no budget. A source network is a /24 of IPv4 or
// a /56 of IPv6.

/// Handshakes without a proof of the address, beyond which the server asks for one. They fill half of the
/// table at most.
inline constexpr double kUnprovedHandshakesPerSecond = 48;
inline constexpr double kUnprovedHandshakeBurst = 32;
/// Handshakes with a proof.
inline constexpr double kHandshakesPerSecond = 500;
inline constexpr double kHandshakeBurst = 64;
inline constexpr double kHandshakesPerSecondOfNetwork = 100;
inline constexpr double kHandshakeBurstOfNetwork = 64;
/// Cookies that are given out.
inline constexpr double kCookiesPerSecond = 25000;
inline constexpr double kCookieBurst = 5000;
inline constexpr double kCookiesPerSecondOfNetwork = 2000;
inline constexpr double kCookieBurstOfNetwork = 200;
inline constexpr Duration kCookieLife = 60s;
/// A client shows a new cookie at once, but no more often than this.
inline constexpr Duration kCookieShownEach = 50ms;
/// Handshakes inside a session: a rekey takes one, and a few repeats with other keys where it does not get
/// through.
inline constexpr double kRenewalsPerSecond = 0.2;
inline constexpr double kRenewalBurst = 3;
/// Answers to an open attempt of the client that it tries to open: the server sends 160 a second at most,
/// over 32 paths, and the first that opens ends the attempt.
inline constexpr double kAnswersReadPerSecond = 1000;
inline constexpr double kAnswersReadBurst = 1000;
/// Who had no more than this share of a network's rate, or of that of all, may take what is kept for the
/// modest: see NetworkBudget.
inline constexpr double kModestAddressShare = 1.0 / 8;
inline constexpr double kModestNetworkShare = 1.0 / 32;
/// Source networks share this many budgets, by a keyed hash.
inline constexpr std::size_t kHandshakeNetworkBuckets = 1024;

// Datagrams that wait for a session.

inline constexpr Duration kQueueLife = 500ms;
inline constexpr std::size_t kQueueBytes = std::size_t{4} << 20U;
inline constexpr std::size_t kQueueDatagrams = 4096;
/// What waits in all sessions, and what each datagram counts there besides its bytes: about what its record
/// takes.
inline constexpr std::size_t kQueueBytesOfAll = std::size_t{64} << 20U;
inline constexpr std::size_t kQueueRecordBytes = 96;

// What mpserver sent while a path seemed to move, to be sent to the new address as well: see KeptPackets.

inline constexpr Duration kKeepSentFor = 1s;  ///< after a packet from an unknown address
inline constexpr std::size_t kKeptBytes = std::size_t{1} << 20U;

}  // namespace mptunnel
