// The datagram that udp_probe sends: who sent it, its number, when, and a payload of which every byte can be
// checked.
//
//      0               4               8              12      14      16
//     +---------------+---------------+---------------+-------+-------+
//     | magic         | checksum      | run           | flow  | bytes |
//     +---------------+---------------+---------------+-------+-------+
//     | number        | sent, ns of CLOCK_MONOTONIC   | payload ...
//     +---------------+-------------------------------+
//     16              20                              28
//
// Big-endian. `bytes` is the size of the whole datagram, the checksum is over all that follows it, and the
// payload follows from run, flow and number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"

namespace mptunnel::test {

inline constexpr std::size_t kProbeHeaderBytes = 28;
/// The largest UDP payload over IPv4 (65535 less 20 and 8 bytes of headers).
inline constexpr std::size_t kMaxProbeBytes = 65507;

struct ProbeHeader {
  std::uint32_t run = 0;     ///< random per run of the sender
  std::uint16_t flow = 0;    ///< socket of the sender, from 0
  std::uint32_t number = 0;  ///< from 0, dense within a flow
  TimePoint sent;

  friend bool operator==(const ProbeHeader&, const ProbeHeader&) = default;
};

/// Fills the whole of `out`, which has kProbeHeaderBytes to kMaxProbeBytes bytes.
void encode_probe(const ProbeHeader& header, Bytes out);

enum class ProbeFault : std::uint8_t {
  too_short,  ///< no room for a header: nothing can be said about it
  corrupted,  ///< not what encode_probe() wrote
};

tl::expected<ProbeHeader, ProbeFault> decode_probe(ConstBytes datagram);

}  // namespace mptunnel::test
