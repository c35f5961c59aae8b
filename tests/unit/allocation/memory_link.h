// Carries DATA packets between the engines of a Tunnel without an allocation of its own. What it is not: a
// way for anything else. Handshakes, flows and timers are carried by the Tunnel.
#pragma once

#include <cstdint>
#include <vector>

#include "../engine/tunnel.h"
#include "spending.h"

namespace mptunnel::test {

class MemoryLink {
 public:
  /// With `lossy`, a path loses each 50th packet, one after the other, and each 400th is lost on all of them.
  MemoryLink(Tunnel& tunnel, bool lossy);

  /// `count` datagrams in one batch, of the application at this port, and of the target.
  void application_sends(std::uint16_t port, std::size_t count);
  void target_sends(FlowHandle flow, std::size_t count);

  [[nodiscard]] std::uint64_t at_target() const { return at_target_; }
  [[nodiscard]] std::uint64_t at_application() const { return at_application_; }
  /// Datagrams of which no copy arrived.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  Spending spent;

 private:
  enum class To : std::uint8_t { server, client };

  DatagramBatch payloads(std::size_t count);
  void carry(To to, const Output& from);
  /// The copies of a run that arrive by this path.
  Bytes arrivals(const PacketRun& run, const Output& from, PathId path, std::uint64_t first);

  Tunnel& tunnel_;
  bool lossy_;
  std::vector<std::uint8_t> payloads_;
  std::vector<std::uint8_t> arrived_;
  std::uint64_t packets_ = 0;
  std::uint64_t at_target_ = 0;
  std::uint64_t at_application_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace mptunnel::test
