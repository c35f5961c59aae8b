// What a socket hands over at once: copies of equal size in one buffer, as UDP_GRO does.
#pragma once

#include <cstdint>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "sim/packet.h"

namespace mptunnel::sim {

struct Batch {
  std::vector<std::uint8_t> bytes;  ///< exactly these: a read past the end is found by AddressSanitizer
  std::size_t stride = 1;
  std::vector<const Copy*> copies;

  [[nodiscard]] DatagramBatch view() { return {bytes, stride}; }
};

/// Groups copies in their order; each group has one source, one traffic class and one size, save that its
/// last may be shorter. `coalesce`: or each by itself.
std::vector<Batch> make_batches(const std::vector<Copy>& copies, bool coalesce);

}  // namespace mptunnel::sim
