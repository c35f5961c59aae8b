// Which datagrams carry a number in their flow, so that the receiver can keep them in order: those of flows
// that are worth it. What it is not: the one who holds; that is ReorderBuffer.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/flow_density.h"

namespace mptunnel {

class FlowNumbers {
 public:
  /// The number of the datagram of `bytes` that the flow sends now. nullopt: it needs none, since the flow is
  /// sparse (below kOrderedBitsPerSecond in this tenth of a second and in the one before), or more than
  /// kOrderedFlows would have some.
  std::optional<std::uint16_t> next(FlowHandle flow, std::size_t bytes, TimePoint now);

 private:
  struct Flow {
    std::uint16_t next = 0;
    FlowDensity density;
  };

  /// Makes some if need be: flows that are silent, or were never numbered, go.
  bool has_room(TimePoint now);

  std::unordered_map<FlowHandle, Flow> flows_;
  TimePoint looked_;  ///< when has_room() last looked for some
};

}  // namespace mptunnel
