// Limits of inner addresses: those that clients have on their TUN devices, and networks behind them.
#pragma once

#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

/// Addresses and networks that one client asks for.
inline constexpr std::size_t kMaxInnerWanted = 16;
/// Addresses that the server tells of its own device besides.
inline constexpr std::size_t kMaxInnerOfServer = 4;
inline constexpr std::size_t kMaxInnerEntries = kMaxInnerWanted + kMaxInnerOfServer;

/// ADDRESSES_WANTED again while no answer comes: then after twice as long each time, up to the last.
inline constexpr Duration kInnerAskedAgain = 200ms;
inline constexpr Duration kInnerAskedAgainMost = 5s;
/// And again after an answer that refused something which may become free.
inline constexpr Duration kInnerRefusedAgain = 30s;
/// Questions of one session that the server reads: a new client asks once and repeats a few times.
inline constexpr double kInnerAskedPerSecond = 0.25;
inline constexpr double kInnerAskedBurst = 8;

}  // namespace mptunnel
