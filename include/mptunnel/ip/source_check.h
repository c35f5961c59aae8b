// Whether a packet comes from an address that its sender owns: what keeps one client from speaking for
// another.
#pragma once

#include <cstdint>

#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/prefix_table.h"

namespace mptunnel {

enum class SourceVerdict : std::uint8_t {
  owned,
  foreign,  ///< of somebody else, or of nobody
  no_host   ///< no address that one host may have: unspecified, loopback, multicast, reserved
};

/// `owners` says whose each network is. An address of a network within another is that of the inner one's
/// owner alone.
inline SourceVerdict check_source(const PrefixTable& owners, const IpPacket& packet,
                                  PrefixTable::Value sender) {
  if (!packet.source.is_host()) return SourceVerdict::no_host;
  const auto match = owners.lookup(packet.source);
  return match && match->value == sender ? SourceVerdict::owned : SourceVerdict::foreign;
}

}  // namespace mptunnel
