// Flows of inner packets, those of a TUN device, as drivers and engines name them. They need no FLOW_OPEN,
// and the engine keeps nothing for them: a flow is a bucket, a hash of what the inner packets have in common.
#pragma once

#include <cstdint>

#include "mptunnel/base/ids.h"
#include "mptunnel/ip/marks.h"

namespace mptunnel {

/// Handles from this one on are those of the device: what is delivered to them is inner packets, and no flow
/// of an application or of the target has one.
inline constexpr std::uint32_t kTunFlows = 0xffff0000;

constexpr FlowHandle tun_flow(std::uint16_t bucket) {
  return {kTunFlows | bucket};
}
constexpr bool is_tun(FlowHandle flow) {
  return flow.value >= kTunFlows;
}
constexpr std::uint16_t bucket_of(FlowHandle flow) {
  return static_cast<std::uint16_t>(flow.value);
}

/// Inner packets that a driver hands in together.
struct InnerFlow {
  /// The same for all packets of a flow, so that they keep their order; of few others, so that these do not
  /// wait for them.
  std::uint16_t bucket = 0;
  Marks marks{};  ///< what the packets of the tunnel get, see outer_marks()

  /// By what flow_hash() of ip/ip_packet.h says.
  static constexpr std::uint16_t bucket_of(std::uint64_t hash) {
    return static_cast<std::uint16_t>(hash ^ hash >> 16U ^ hash >> 32U ^ hash >> 48U);
  }
};

/// What one end counts of inner packets.
struct InnerCounts {
  std::uint64_t into_tunnel = 0;  ///< packets from the device, or for this client from another
  std::uint64_t into_tunnel_bytes = 0;
  std::uint64_t out_of_tunnel = 0;  ///< packets that came, and were for the device or another client
  std::uint64_t out_of_tunnel_bytes = 0;

  void count_into(std::size_t bytes) {
    ++into_tunnel;
    into_tunnel_bytes += bytes;
  }
  void count_out(std::size_t bytes) {
    ++out_of_tunnel;
    out_of_tunnel_bytes += bytes;
  }
};

}  // namespace mptunnel
