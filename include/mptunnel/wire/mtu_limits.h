// Limits of the search for the MTU of a path (RFC 8899). Included by limits.h.
#pragma once

#include <array>
#include <cstddef>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/size_limits.h"

namespace mptunnel {

using namespace std::chrono_literals;

/// UDP payloads over common links: MTU 1280 to 1500 and 9000, less 28 bytes of IPv4 or 48 of IPv6, some with
/// PPPoE, WireGuard or a carrier's tunnel in between.
inline constexpr std::array<std::size_t, 14> kMtuUsual{1232, 1252, 1352, 1372, 1392, 1412, 1432,
                                                       1444, 1452, 1464, 1472, 8952, 8972, kMaxPacketBytes};
inline constexpr std::size_t kMtuMostUsual = 1472;  ///< is probed first: Ethernet less 28 bytes
/// A usual size is known well enough when this many bytes more do not pass; any other is found to the byte.
inline constexpr std::size_t kMtuGrain = 16;
/// How long an answer to a probe may take, at least.
inline constexpr Duration kMtuAnswerAtLeast = 100ms;
/// Probes of a size without an answer before it counts as too large: as many as make a mistake this rare on a
/// path that loses as much as this one, within the bounds. RFC 8899, section 5.1.2, has MAX_PROBES = 3.
inline constexpr double kMtuMistakes = 1e-3;
inline constexpr unsigned kMtuLeastTries = 3;
inline constexpr unsigned kMtuMostTries = 16;
/// The same before a size that has passed is given up. It is confirmed again and again, so a mistake has to
/// be rarer.
inline constexpr double kMtuConfirmMistakes = 1e-7;
inline constexpr unsigned kMtuLeastConfirmTries = 6;
inline constexpr unsigned kMtuMostConfirmTries = 48;
/// A size that large packets need is confirmed this often while they move.
inline constexpr Duration kMtuConfirmAfter = 2s;
/// The same while many do: after so many calls of the engine that sent some, so that probes cost 4 % of them
/// at most, though not sooner than this.
inline constexpr unsigned kMtuConfirmLarge = 25;
inline constexpr Duration kMtuConfirmAtLeast = 250ms;
/// If none was sent for so long when a confirmation is due, the next one asks: what nobody needs is not
/// confirmed.
inline constexpr Duration kMtuLargeStopped = 500ms;
/// How late its confirmation may be until the size is doubted: max(3 times as long as an answer takes, this).
inline constexpr Duration kMtuDoubtAfter = 1s;
/// Sooner if its probes are not answered: as many as are all lost by chance this rarely, and more than one,
/// which any path may lose. An answer may take max(1.5 x (RTT + 4 variations), kMtuDoubtAnswer); the second
/// probe leaves after so long. What is sent in pieces meanwhile costs little.
inline constexpr double kMtuDoubtMistakes = 1e-2;
inline constexpr unsigned kMtuLeastDoubtTries = 2;
inline constexpr Duration kMtuDoubtAnswer = 20ms;
/// When a larger size is searched for again: PMTU_RAISE_TIMER of RFC 8899, section 5.1.1.
inline constexpr Duration kMtuRaiseAfter = 600s;
/// The same after a size that had passed was given up: the probes may have been lost by chance.
inline constexpr Duration kMtuRaiseAfterFall = 30s;
/// When kBaseMtu, which nearly every path carries, is asked for again after it did not pass: its probes may
/// have been lost by chance. Grows fourfold up to kMtuRaiseAfter.
inline constexpr Duration kMtuBaseAgainAfter = 1s;
/// The pause after an EMSGSIZE for a size that had passed: the interface may be about to change again.
inline constexpr Duration kMtuAfterRefusal = 100ms;
/// The pause after a probe that this host refuses itself.
inline constexpr Duration kMtuAfterLocalAnswer = 2ms;
/// The server sends probes that are due within this time of each other together.
inline constexpr Duration kMtuTick = 20ms;

}  // namespace mptunnel
