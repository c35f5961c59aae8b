// Packets by the flow that they are of, in their order: what joining and cutting must not change.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "mptunnel/ip/ip_packet.h"
#include "support/ip_packets.h"

namespace mptunnel::test {

using IpFlow = std::tuple<IpAddress, IpAddress, unsigned, unsigned, unsigned>;
/// Those without ports stand under a name of their own.
inline std::map<IpFlow, std::vector<PacketBytes>> by_flow(const std::vector<PacketBytes>& packets) {
  std::map<IpFlow, std::vector<PacketBytes>> flows;
  for (const PacketBytes& bytes : packets) {
    IpFlow flow;
    const auto packet = parse_ip_packet(bytes);
    if (packet && packet->ports) {
      flow = {packet->source, packet->destination, packet->protocol, packet->ports->source,
              packet->ports->destination};
    }
    flows[flow].push_back(bytes);
  }
  return flows;
}

}  // namespace mptunnel::test
