// What the tests of paths share: a tunnel whose flow is open, data that moves, and links that lose what is
// too large.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tunnel.h"

namespace mptunnel::test {

/// A payload that no other one equals: its number, and filling.
inline std::string payload_of(std::size_t size, std::size_t number) {
  std::string payload(size, static_cast<char>('a' + number % 26));
  const std::string digits = std::to_string(number) + ' ';
  for (std::size_t i = 0; i < std::min(size, digits.size()); ++i) payload[i] = digits[i];
  return payload;
}

class PathTunnel : public Tunnel {
 public:
  explicit PathTunnel(const TunnelSettings& wanted = {}) : Tunnel(wanted) {}

  /// Starts, and opens the flow of the application at port 1.
  void open_flow() {
    start();
    application_sends(1, "first");
    ASSERT_FALSE(at_target.empty());
    flow = at_target[0].flow;
    advance(std::chrono::milliseconds(10));
    application_sends(1, "second");
    target_sends(flow, "reply");
    forget();
  }
  /// What has happened so far is of no interest.
  void forget() {
    wires.clear();
    at_target.clear();
    at_application.clear();
    client_events.clear();
    server_events.clear();
  }
  /// Each 10 ms a datagram each way.
  void move_data(Duration span, std::size_t size = 100) {
    for (const TimePoint end = now + span; now < end;) {
      application_sends(1, payload_of(size, sent++));
      target_sends(flow, payload_of(size, sent));
      advance(std::chrono::milliseconds(10));
    }
  }
  /// From now on a packet arrives only if its path carries that many bytes.
  void narrow(const std::vector<std::size_t>& mtus) {
    arrives = [mtus](const Wire& wire) {
      return wire.path.value >= mtus.size() || wire.bytes.size() <= mtus[wire.path.value];
    };
  }
  /// The wires of this type by a path, in one direction.
  [[nodiscard]] std::vector<Wire> sent_by(PathId path, PacketType type, bool to_server) const {
    std::vector<Wire> found;
    for (const Wire& wire : wires) {
      if (wire.path == path && wire.type() == type && wire.to_server == to_server) found.push_back(wire);
    }
    return found;
  }
  [[nodiscard]] std::size_t mtu_out(std::uint8_t path) const {
    return client->state().paths[PathId{path}].mtu.mtu();
  }
  [[nodiscard]] std::size_t mtu_in(std::uint8_t path) const { return session().paths.at(path)->mtu.mtu(); }

  FlowHandle flow;
  std::size_t sent = 0;
};

}  // namespace mptunnel::test
