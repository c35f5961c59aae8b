// Which flows send so much that copies of it are dear: of the others each datagram goes by all paths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/flow_density.h"

namespace mptunnel {

class BulkFlows {
 public:
  /// A flow above this is bulk: more than a call, a game or a remote desktop at rest.
  static constexpr std::size_t kBulkBitsPerSecond = 1'000'000;

  /// Whether the flow, which sends so many bytes now, is bulk. None with a DSCP for what must not be late is:
  /// EF and CS5 to CS7 (RFC 4594).
  bool is_bulk(FlowHandle flow, std::size_t bytes, std::uint8_t dscp, TimePoint now);

 private:
  struct Flow {
    FlowDensity density;
    TimePoint until;  ///< it stays bulk, so that it does not overtake what waits
  };
  std::unordered_map<FlowHandle, Flow> flows_;  ///< at most kOrderedFlows; what does not fit is bulk
  TimePoint swept_{};
};

}  // namespace mptunnel
