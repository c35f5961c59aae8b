// Outputs of engines, made by hand.
#pragma once

#include <vector>

#include "mptunnel/engine/output.h"

namespace mptunnel::test {

inline constexpr std::size_t kPacketBytes = 10;

/// A run of so many packets.
inline void add_run(Output& out, std::size_t count, PathSet paths, SessionHandle session = {}) {
  for (std::size_t i = 0; i < count; ++i) {
    out.make_packet(kPacketBytes);
    out.send(kPacketBytes, paths, session, kNoEpoch);
  }
}
/// So many payloads for the flow.
inline void add_deliveries(Output& out, FlowHandle flow, std::size_t count) {
  static const std::vector<std::uint8_t> kPayload(kPacketBytes);
  for (std::size_t i = 0; i < count; ++i) out.deliver(flow, kPayload);
}
/// All reasons together.
inline std::uint64_t sum_of(const DropCounters& drops) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kDropReasons; ++i) sum += drops[static_cast<Drop>(i)];
  return sum;
}

}  // namespace mptunnel::test
