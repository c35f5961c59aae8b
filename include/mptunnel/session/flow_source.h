// Where the datagrams of one flow come from, as far as the engine knows: a handle and a hash. Only the port
// knows what it is: the address of an application, an inner flow of a TUN device or a SOCKS association.
#pragma once

#include <cstdint>

#include "mptunnel/base/ids.h"

namespace mptunnel {

struct FlowSource {
  /// Of the port's choice, unique among its sources until Output::flow_changes says that the flow has ended.
  FlowHandle handle;
  /// The same for this source after a restart: the server finds the flow's socket by it. See
  /// derive_flow_hash().
  std::uint64_t hash = 0;
};

}  // namespace mptunnel
