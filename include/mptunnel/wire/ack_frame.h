// The frames by which one end learns what came by a path, when, and how much: what its rate follows.
// Included by frame.h.
//
//     ACK     | path 1 | time 4 | packets 4 | bytes 4 | count 1 | samples
//     sample  | type 1 | number 4 | age 4 |
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mptunnel/base/ids.h"
#include "mptunnel/wire/header.h"

namespace mptunnel {

/// A packet that came by the path, of the key epoch of the packet with the ACK.
struct AckSample {
  PacketType type{};  ///< data or control
  PacketNumber number;
  std::uint32_t age = 0;  ///< how long before AckFrame::time it came, in microseconds
  friend bool operator==(const AckSample&, const AckSample&) = default;
};
inline constexpr std::size_t kMaxAckSamples = 8;

/// What has come by a path. The counts are of the session, of genuine packets of any kind, copies included,
/// and wrap at 2^32, as does the time.
struct AckFrame {
  PathId path;
  std::uint32_t time = 0;     ///< of the sender's clock, in microseconds, when this was sent
  std::uint32_t packets = 0;  ///< that had come once the first sample had, and
  std::uint32_t bytes = 0;    ///< of these, of UDP payload
  std::uint8_t count = 0;     ///< of samples, 1 to kMaxAckSamples
  /// The packet that came last, and some of those that came since the last ACK.
  std::array<AckSample, kMaxAckSamples> samples{};

  [[nodiscard]] std::span<const AckSample> sampled() const { return std::span(samples).first(count); }
};

/// Its sender wants ACKs, of each path that packets come by: within `interval` of one, or at the latest after
/// so many packets of all paths. Until the next one: it goes with every PING or PONG while they are wanted.
struct AckWantedFrame {
  std::uint16_t interval = 0;  ///< milliseconds; 0: none any more
  std::uint16_t packets = 0;
};

}  // namespace mptunnel
