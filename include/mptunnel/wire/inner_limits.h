// Limits of inner addresses: those that clients have on their TUN devices, and networks behind them.
#pragma once

#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

/// Addresses and networks that one client asks for.
inline constexpr std::size_t kMaxInnerWanted = 16;
/// Of these, addresses of its device; the others are networks.
inline constexpr std::size_t kMaxInnerAddresses = 4;
/// The widest network that an address which the server chose may come with: it becomes a route.
inline constexpr unsigned kWidestIpv4Given = 8;
inline constexpr unsigned kWidestIpv6Given = 32;
/// Addresses that are looked at for one that is free, unless the network has no more than that.
inline constexpr std::size_t kMostAddressesTried = 1024;
/// Networks of others that are looked at to find whether one is in the way.
inline constexpr std::size_t kMostNetworksTried = 1024;
/// Addresses that the server tells of its own device besides.
inline constexpr std::size_t kMaxInnerOfServer = 4;
inline constexpr std::size_t kMaxInnerEntries = kMaxInnerWanted + kMaxInnerOfServer;

/// ADDRESSES_WANTED again while no answer comes: then after twice as long each time, up to the last.
inline constexpr Duration kInnerAskedAgain = 200ms;
inline constexpr Duration kInnerAskedAgainMost = 5s;
/// And again after an answer that refused something which may become free.
inline constexpr Duration kInnerRefusedAgain = 30s;
/// And again after any: what was given may have become another process's with the same identity.
inline constexpr Duration kInnerAskedAnew = 60s;
/// Questions of one session that the server reads: a new client asks once and repeats a few times.
inline constexpr double kInnerAskedPerSecond = 0.25;
inline constexpr double kInnerAskedBurst = 8;

}  // namespace mptunnel
