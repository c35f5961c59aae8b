// The limits of a configuration, all in one place. What both ends hold each other to is in wire/limits.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

/// A path of the file system has at most 4096 bytes on Linux (PATH_MAX); no other word is as long.
inline constexpr std::size_t kMaxConfigLineBytes = 4096;
inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20U;
/// Mistakes that are printed one by one; the rest of them are counted.
inline constexpr std::size_t kMaxConfigErrors = 100;

/// Each is a path of the session.
inline constexpr std::size_t kMaxBridges = kMaxPaths;
/// Endpoints to listen on, counted after "localhost" and "*" have become two each.
inline constexpr std::size_t kMaxListenAddresses = 16;
/// Patterns in one `dev=`.
inline constexpr std::size_t kMaxDevicePatterns = 16;
/// Patterns of all `dev-exclude` together.
inline constexpr std::size_t kMaxExcludedDevices = 64;
/// Letters of `name=` and `client-id`: they stand in log lines as one word.
inline constexpr std::size_t kMaxNameWordBytes = 64;
/// A UNIX socket's address has room for 108 bytes, its final zero included (unix(7)).
inline constexpr std::size_t kMaxControlPathBytes = 107;

/// Lines of a keyring that name a client.
inline constexpr std::size_t kMaxKeyringLines = 4096;
/// Of `max-clients`, and of a key's `max-sessions`.
inline constexpr std::uint32_t kMostClients = 16384;
/// Of a key's `max-flows`.
inline constexpr std::uint32_t kMostFlowsOfKey = 16384;
/// Of a key's `max-rate`, in bits a second.
inline constexpr std::uint64_t kLowestRate = 1000;
inline constexpr std::uint64_t kHighestRate = 1'000'000'000'000;

/// Addresses of `tun`, of both families together.
inline constexpr std::size_t kMaxTunAddresses = 4;
/// Of mpserver's `allow`, and of `route`.
inline constexpr std::size_t kMaxTunPrefixes = 64;
/// Of mpclient's `allow`: with its addresses they are what one question to mpserver may have.
inline constexpr std::size_t kMaxTunNetworks = 12;
/// Of `tun-mtu`: IPv6 needs 1280 (RFC 8200, section 5), IPv4 does with 576 (RFC 791); and the most that a
/// packet of the tunnel can take in fragments.
inline constexpr std::uint32_t kLeastTunMtu = 576;
inline constexpr std::uint32_t kMostTunMtu = 9000;
/// Letters of a network interface's name (IFNAMSIZ less the zero).
inline constexpr std::size_t kMaxTunNameBytes = 15;
/// The `fwmark` that `route default` has where none is given ("mp").
inline constexpr std::uint32_t kTunMark = 0x6d70;
/// Bytes of `up` and `down`.
inline constexpr std::size_t kMaxHookBytes = 1024;

/// Of `delay=`.
inline constexpr Duration kLongestDelay = std::chrono::milliseconds{2000};
/// Of `repair N%`, `residual-loss`, `repair-delay` and `repair-budget`.
inline constexpr double kLeastRepair = 0.001;
inline constexpr double kMostRepair = 3;
inline constexpr double kLeastResidual = 1e-9;
inline constexpr double kMostResidual = 0.1;
inline constexpr Duration kShortestRepairDelay = std::chrono::milliseconds{2};
inline constexpr Duration kLongestRepairDelay = std::chrono::milliseconds{1000};
/// Of `max-hold`.
inline constexpr Duration kShortestHold = std::chrono::milliseconds{1};
inline constexpr Duration kLongestHold = std::chrono::milliseconds{1000};
/// Of `keepalive`.
inline constexpr Duration kShortestKeepalive = std::chrono::seconds{1};
inline constexpr Duration kLongestKeepalive = std::chrono::seconds{60};
/// Of `resolve-interval`.
inline constexpr Duration kShortestResolveInterval = std::chrono::seconds{5};
inline constexpr Duration kLongestResolveInterval = std::chrono::hours{24};

}  // namespace mptunnel
