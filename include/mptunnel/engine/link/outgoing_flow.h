// A flow as its datagrams are sent.
#pragma once

#include <cstdint>
#include <optional>

#include "mptunnel/base/ids.h"
#include "mptunnel/engine/inner_flow.h"

namespace mptunnel {

struct OutgoingFlow {
  FlowHandle handle;
  std::optional<FlowId> id;           ///< nullopt: the peer does not know the flow; its datagrams wait
  std::optional<std::uint64_t> open;  ///< the hash for a FLOW_OPEN that rides along
  /// Inner packets: the handle is that of the device, and there is no id. They may leave now.
  bool is_inner = false;

  /// A bucket of inner packets.
  static OutgoingFlow inner(FlowHandle handle, bool may_leave) {
    return {handle, std::nullopt, std::nullopt, may_leave};
  }
  [[nodiscard]] bool may_leave() const { return id.has_value() || is_inner; }
};

}  // namespace mptunnel
