// Limits of what keeps the datagrams of a flow in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

/// A datagram is held for an earlier one for so long at most, unless it is configured.
inline constexpr Duration kMaxHold = 20ms;

/// Flows of a session, each way, whose datagrams have numbers at one time; others go without.
inline constexpr std::size_t kOrderedFlows = 256;
/// Flows below this rate go without, too: their datagrams are further apart than one is late.
inline constexpr std::size_t kOrderedBitsPerSecond = 100'000;
/// A flow that was silent for so long begins anew with the receiver; the sender forgets it later.
inline constexpr Duration kOrderForgottenAfter = 2s;
inline constexpr Duration kNumbersForgottenAfter = 5s;

/// Gaps of one flow that may be open at a time: of more, the oldest are forgotten.
inline constexpr std::size_t kMostMissing = 64;
/// What is further ahead than so many datagrams is odd, as is what is behind and not missing. A flow that
/// goes on with so many odd ones in a row was numbered anew; if they are behind, once nothing else came for
/// kMissingFor.
inline constexpr int kMostAhead = 2048;
inline constexpr unsigned kOddUntilAnew = 3;
/// What has not come after so long does not come any more.
inline constexpr Duration kMissingFor = 1s;
/// What is so far behind is not remembered as missing: numbers come round again.
inline constexpr int kFarBehind = 16384;

/// Datagrams, and bytes, that a session holds for earlier ones; and all sessions of an engine together.
inline constexpr std::size_t kMostHeld = 2048;
inline constexpr std::size_t kHeldBytes = std::size_t{2} << 20U;
inline constexpr std::size_t kHeldBytesOfAll = std::size_t{64} << 20U;

}  // namespace mptunnel
