// What the two ends tell each other of a path, in each PING and PONG:
//
//     | path 1 | flags 1 | interval 2 | mtu 2 | sequence 4 | time 4 | echo 4 | held 4 | sent 4 | received 4 |
//     | of 4 | first 4 | duplicates 4 | jitter 4 | data sealed 4 | data opened 4 | data of 4 |
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/ids.h"

namespace mptunnel {

/// What one end says of a path. All counts are of the session, or, if they say "data", of the key epoch of
/// the packet; all wrap at 2^32, and so do the times, in microseconds of the sender's own clock.
struct PathReport {
  static constexpr std::uint8_t kStandby = 1;    ///< no data is wanted on this path now
  static constexpr std::uint8_t kUncounted = 2;  ///< a key that is not confirmed yet: the counts say nothing
  static constexpr std::uint8_t kMetered = 4;    ///< the user pays for this path by volume
  static constexpr std::uint8_t kUnheard =
      8;  ///< nothing comes back on this path: the client takes it to be down
  /// PING: nothing came back lately on this path; the answer is wanted by every path.
  static constexpr std::uint8_t kByAnyPath = 16;
  /// PING: it comes by another path, because this one may not pass out. PONG: it answers such a PING.
  static constexpr std::uint8_t kByProxy = 32;
  /// PING, with kStandby: no data may go there, not even if there is no other path: it may lead through the
  /// VPN inside, see TunnelProof.
  static constexpr std::uint8_t kHeld = 64;
  /// The sender's sockets lose much of what comes by the paths: see OverrunWatch.
  static constexpr std::uint8_t kOverrun = 128;
  static constexpr std::uint32_t kNothingHeld = 0xffffffff;

  PathId path;
  std::uint8_t flags = 0;
  std::uint16_t interval = 0;         ///< milliseconds until the next PING, if all stays as it is
  std::uint16_t mtu = 0;              ///< largest packet that the sender has found to pass; 0: not known yet
  std::uint32_t sequence = 0;         ///< PING: the client's own; PONG: of the PING that it answers
  std::uint32_t time = 0;             ///< when this was sent
  std::uint32_t echo = 0;             ///< `time` of the last report that came, and
  std::uint32_t held = kNothingHeld;  ///< how long ago that was; kNothingHeld: none came
  std::uint32_t sent = 0;         ///< packets that the sender's kernel took for this path, before this one
  std::uint32_t received = 0;     ///< packets that came by this path when the last report came, and
  std::uint32_t of = 0;           ///< what that report said was sent
  std::uint32_t first = 0;        ///< DATA that came by this path before it came by any other
  std::uint32_t duplicates = 0;   ///< DATA that had come by another
  std::uint32_t jitter = 0;       ///< of the reports that came (RFC 3550, section 6.4.1), microseconds
  std::uint32_t data_sealed = 0;  ///< DATA packets made; all numbers up to here are genuine
  std::uint32_t data_opened = 0;  ///< different DATA packets that came, when the last report came, and
  std::uint32_t data_of = 0;      ///< how many that report said were made
};
inline constexpr std::size_t kReportBytes = 58;

}  // namespace mptunnel
