// The two frames of repair: what brings back DATA packets of which no copy came, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"

namespace mptunnel {

/// A combination of the frames of consecutive DATA packets, of the key epoch of the packet that carries it:
/// see docs/protocol.md, "Repair". A view into the packet.
struct RepairFrame {
  PacketNumber first;      ///< the lowest number that it covers
  std::uint8_t count = 0;  ///< of numbers, at least one
  std::uint16_t seed = 0;  ///< of the coefficients
  ConstBytes symbol;       ///< at least kRepairLengthBytes
};
inline constexpr std::size_t kRepairPrefixBytes = 8;
/// In front of each DATA packet's frames, once they are a symbol: how many bytes these are.
inline constexpr std::size_t kRepairLengthBytes = 2;

/// What the receiver of DATA under this key has counted of it, of all of the epoch. All counts wrap at 2^32.
struct RepairReportFrame {
  std::uint32_t of = 0;         ///< DATA packets that had been sealed, as the last PING or PONG said
  std::uint32_t recovered = 0;  ///< of these, what no copy brought but REPAIR did
  std::uint32_t lost = 0;       ///< what neither brought
  std::uint32_t runs = 0;       ///< how many runs of consecutive numbers those of both kinds made
  std::uint32_t useless = 0;    ///< REPAIR frames that told nothing new
};
inline constexpr std::size_t kRepairReportBytes = 20;

}  // namespace mptunnel
