// The truth about one direction of the bridge.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "support/bridge/impairments.h"
#include "support/common/batch_io.h"

namespace mptunnel::test {

/// Once nothing waits: received + duplicated = forwarded + everything lost.
struct DirectionCounters {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t duplicated = 0;  ///< datagrams of which a second copy was made
  std::uint64_t flipped = 0;     ///< copies
  std::array<std::uint64_t, kLossKinds> lost{};

  void lose(Loss loss, std::uint64_t count = 1) { lost[static_cast<std::size_t>(loss)] += count; }
};

/// What is counted elsewhere than in DirectionCounters.
struct DirectionTotals {
  SendTotals forwarded;
  SendTotals injected;
  std::uint64_t waiting = 0;       ///< copies that are delayed at this moment
  std::uint64_t kernel_drops = 0;  ///< by full receive buffers, before the bridge saw them
  std::uint64_t refused = 0;       ///< ICMP errors that receiving ran into
};

/// The fields are described in tests/support/README.md.
nlohmann::ordered_json to_json(const DirectionCounters& counters, const DirectionTotals& totals);

}  // namespace mptunnel::test
