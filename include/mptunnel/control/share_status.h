// What each path carries where each datagram goes by one, as values and in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/path_share.h"

namespace mptunnel {

/// What a path has to carry where each datagram goes by one path.
struct ShareStatus {
  std::string use;                            ///< "used", "sought", "silent", "slow", see PathShare
  std::uint64_t rate_bps = 0;                 ///< that it is sent at most
  std::optional<std::uint64_t> capacity_bps;  ///< that it was seen to pass on
  Duration queue{};                           ///< how long packets wait at its bottleneck
  Duration behind{};                          ///< how much longer it takes than the fastest
  double loss = 0;                            ///< fraction
};

std::optional<ShareStatus> share_values(const std::optional<PathShare>& share);
/// "passes on at least 48 Mbit/s, packets wait there for 2.4 ms, 10 % are lost"
std::string share_words(const ShareStatus& share);

}  // namespace mptunnel
