// Limits of paths: how they are probed and judged, and how they move. Included by limits.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/size_limits.h"

namespace mptunnel {

using namespace std::chrono_literals;

// PINGs.

inline constexpr Duration kDataMovesFor = 2s;         ///< how long after a datagram data counts as moving
inline constexpr Duration kProbeWhileMoving = 100ms;  ///< PING interval of a path that carries much data
/// While little moves, a datagram of the application makes a PING follow the last one so soon: what is found
/// by PINGs is found then, and they cost no more than the data.
inline constexpr Duration kProbeWhileSparse = 500ms;
/// Much moves once so many datagrams, of either direction, have come faster than kSparsePerSecond, and until
/// they come slower for a while. An idle VPN sends one or two each 10 s, `ping` two a second.
inline constexpr double kBusyDatagrams = 5;
inline constexpr double kSparsePerSecond = 3;
inline constexpr double kBusyMost = 9;               ///< is counted: a stream of any rate is over in 3 s
inline constexpr Duration kProbeWhileBacked = 50ms;  ///< the same while a backup rests that is to take over
inline constexpr Duration kProbeWhileStandby = 1s;   ///< of a backup path while data moves by others
/// Half of the packets lost each way: 40 probes in a second, and their answers, all go missing once in
/// 100,000 times.
inline constexpr Duration kProbeWhileSuspect = 25ms;
/// A slow path has more time: so many in it are enough, and leave room for data.
inline constexpr int kProbesWhileSuspect = 40;
inline constexpr Duration kProbeWhileIdle = 10s;  ///< while nothing moves, to keep a NAT open; `keepalive`
inline constexpr Duration kProbeWhileDown = 1s;
inline constexpr Duration kProbeWhileDownAndIdle = 5s;
/// How often the other paths help then to find out whether it passes in one direction; else with each PING,
/// each kProbeWhileMoving at most.
inline constexpr Duration kHelpWhileDownAndIdle = 30s;
inline constexpr unsigned kGoneTold = 3;  ///< times that the server is told of a path without a socket

// The states of a path. At the client they follow from PINGs that are not answered, at the server from PINGs
// that do not come.

/// At the client, at the earliest: max(1.5 x (RTT + 4 variations), this), and so many PINGs.
inline constexpr Duration kSuspectAfter = 200ms;
inline constexpr std::uint32_t kSuspectAfterProbes = 2;
/// At the server, at the earliest: max(2.5 intervals, this).
inline constexpr Duration kServerSuspectAfter = 300ms;
/// At the earliest: max(3 RTT, this), and at the client so many PINGs, at the server 3 intervals.
inline constexpr Duration kDownAfter = 1s;
inline constexpr std::uint32_t kDownAfterProbes = 3;
/// The same if the last answer took so long, compared with what is usual, that a queue must be filling: max(2
/// RTT, RTT + kQueueShows). What is in it comes late, and nobody knows how late.
inline constexpr Duration kDownAfterQueue = 4s;
inline constexpr Duration kQueueShows = 100ms;
/// A machine can't keep up if its sockets lose so many within a window, one of so many that passed in it so
/// far; and for so long after it what is missing may be these.
inline constexpr Duration kOverrunWindow = 1s;
inline constexpr std::uint64_t kOverrunLost = 3;
inline constexpr std::uint64_t kOverrunOf = 1024;
inline constexpr Duration kOverrunHold = 1s;
/// A path that shows that it passes in one direction is said to pass in no other after so long a silence:
/// until then its answers may only be late.
inline constexpr Duration kOneWayAfter = 5s;
inline constexpr Duration kSilentAfter = 100ms;    ///< at the earliest: max(3 RTT, this), then a handshake
inline constexpr Duration kAllDownCopiesFor = 5s;  ///< copies still go everywhere for this long
inline constexpr Duration kServerPathLife = 30s;   ///< after the last authenticated CONTROL on it
/// The server forgets a path that was silent for max(3 intervals, this), while the session has others.
inline constexpr Duration kForgetPathAfter = 60s;
/// A backup path rests again when the others have been up for this long without a break.
inline constexpr Duration kRestAfter = 5s;

// Of a path that leads over a tunnel, and has yet to prove that it is not our own: engine/tunnel_proof.h.

inline constexpr Duration kProbeForProof = 100ms;  ///< PING interval if it answers
/// So long the last path that could carry data may be held before that is an outage: most prove themselves
/// sooner.
inline constexpr Duration kProofIsQuietFor = 1s;
/// What a VPN adds to a packet, in bytes: the headers of IPv4 and UDP and a byte of its own at least; at most
/// IPv6, UDP, Ethernet, a header with a digest and a nonce, and padding.
inline constexpr std::size_t kLeastAddition = 29;
inline constexpr std::size_t kMostAddition = 220;
inline constexpr std::size_t kVpnPadding = 16;  ///< VPNs pad to multiples of 16 bytes (WireGuard, CBC)
inline constexpr std::uint64_t kProofPaddingBytes = 800;  ///< of PINGs, at most
inline constexpr unsigned kProofs = 3;                    ///< PINGs that nothing explains
inline constexpr unsigned kProofShare = 16;               ///< and of so many answered ones at least one
inline constexpr unsigned kProofsAmidTraffic = 8;         ///< PINGs that no one addition explains
inline constexpr unsigned kReturnsBelieved = 5;           ///< PINGs each of which seems to have come back

// What a path and its client are called: NAME and SEEN_FROM.

inline constexpr std::size_t kMaxNameBytes = 40;  ///< of one name; what is longer is shortened
/// After a NAME without an answer; twice as long each time.
inline constexpr Duration kNameRepeat = 1s;
inline constexpr Duration kNameRepeatMost = 60s;

// Whether a DSCP gets through on a path: engine/link/mark_watch.h.

inline constexpr int kMarksWatched = 4;  ///< DSCPs of a session, each way
inline constexpr Duration kMarkProbeEach =
    500ms;  ///< while the DSCP is in use: a marked probe and a plain one
inline constexpr Duration kMarkTrialProbe = 50ms;  ///< the same once a marked one was not answered
inline constexpr Duration kMarkPatience = 200ms;   ///< for an answer: max(1.5 RTT, this)
inline constexpr Duration kMarkPatienceMost = 2s;
inline constexpr std::size_t kMarkTrialPairs = 64;  ///< in a trial, at most
/// A DSCP vanishes if less than one in kMarkRarer of its probes gets an answer of those that should by the
/// plain ones, and chance would have it so less often than once in 1e9 trials (Chernoff's bound, as a
/// logarithm): twelve pairs if no plain probe is lost. A lossy path may have a trial each second.
inline constexpr double kMarkRarer = 4;
inline constexpr double kMarkEvidence = 20.7;
inline constexpr unsigned kMarkPasses = 3;  ///< so many answered probes end a trial
/// When a DSCP that vanishes is tried again.
inline constexpr Duration kMarkRetryAfter = 3min;

// What is measured of a path.

/// An answer that took longer than the path needs to be down counts for the RTT only after this many in a
/// row: a program that was stopped answers late, too.
inline constexpr unsigned kLateAnswersBelieved = 4;
/// The weight of one PING in the share of PINGs that are answered: it looks back on some 16.
inline constexpr double kAnswerShareStep = 1.0 / 16;
/// How many PINGs the server counts as missed at once, at most: a path that was away for long has not lost
/// them all.
inline constexpr std::int32_t kMostPingsMissed = 8;
/// Reports carry 32 bits of microseconds, which wrap in 71 minutes: after a quarter of that without any, a
/// time is not compared with the last.
inline constexpr Duration kReportTimesMayWrap = 17min;

/// A path that is up and loses more than this share for this long is said, and that it is over once it loses
/// less than the other.
inline constexpr Duration kLossWindow = 5s;
inline constexpr double kLossSaid = 0.5;
inline constexpr double kLossOver = 0.25;
/// A share of losses of fewer packets means nothing.
inline constexpr std::uint64_t kLossLeastPackets = 20;
inline constexpr std::size_t kLossLeastSteps = 3;

// When a path is given more than its line takes: engine/client_engine.cpp, path/queue_watch.h.

/// Copies are held back in each second of it.
inline constexpr Duration kOverloadWindow = 5s;
inline constexpr double kOverloadSaid = 0.05;  ///< share of what was to leave in it, at least
inline constexpr double kOverloadOver = 0.01;  ///< less than that: it is over

// A path that moves to another address.

/// How long the old address may still prove that it is alive: max(3 RTT, this).
inline constexpr Duration kFormerAddressLife = 1s;
/// How long an address that lost against the old one is not tried again.
inline constexpr Duration kRefusedAddressRest = 5s;
/// So many of these are remembered for a path.
inline constexpr std::size_t kRefusedAddresses = 4;

// Copies of PINGs that the server looks at while a path proves its address or moves: of an observer who is
// faster than the path, the genuine packet is the copy. One costs about 5 us, so all take less than 3 % of a
// processor. A source network is a /24 of IPv4 or a /56 of IPv6.

inline constexpr double kCopiesReadPerSecond = 5000;
inline constexpr double kCopiesReadBurst = 1000;
inline constexpr double kCopiesReadPerSecondOfNetwork = 500;
inline constexpr double kCopiesReadBurstOfNetwork = 200;

// ACK.

/// Whoever wants more gets no more: an ACK is longer than the least packet.
inline constexpr Duration kLeastAckInterval = 5ms;
inline constexpr std::size_t kLeastAckPackets = 16;
inline constexpr Duration kAckWantedFor =
    30s;  ///< after the last ACK_WANTED; idle paths have a PING each 10 s
/// With four samples each they are 1,040 bytes.
inline constexpr std::size_t kAcksOfPacket = 20;

// Copies of a path that leave later (`delay=`).

inline constexpr Duration kMaxDelay = 2s;  ///< that a server grants
inline constexpr Duration kDelayTick =
    1ms;  ///< the server sends copies that are due so close together at once

/// Of one path: 2 s at 16 Mbit/s, or 335 ms at 100 Mbit/s.
inline constexpr std::size_t kMaxDelayedBytes = std::size_t{4} << 20U;

}  // namespace mptunnel
