// Why a datagram or packet went no further. One enum is the return value, the name and the index of the
// counter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mptunnel {

enum class Drop : std::uint8_t {
  // What the network brought.
  truncated,         ///< shorter than its type needs
  unknown_type,      ///< no packet type of ours
  unknown_index,     ///< names no key epoch: an old session, or noise
  copy,              ///< a copy of a packet that came already: the normal fate of N-1 copies
  open_failed,       ///< the tag does not verify
  number_limit,      ///< a packet number past what one key may be used for
  key_expired,       ///< the key is too old to open or seal
  clear_check,       ///< the check of a clear packet does not fit it
  clear_reach,       ///< the number of a clear packet is too far from what was announced
  bad_frame,         ///< a frame is truncated or malformed
  unknown_frame,     ///< a frame type that was not announced
  unexpected_frame,  ///< a known frame where it may not stand
  handshake_size,    ///< a message 1 that is too short to be answered, or a handshake packet that is too long
  handshake_key,     ///< made with another key, or with one where there is none
  handshake_invalid,  ///< does not verify or decode
  handshake_rate,     ///< more handshakes than the budget of its source network or of the server
  handshake_stale,    ///< an answer to no attempt that is still open
  fragment_expired,   ///< of a packet that never became whole, or had to make room
  // What our limits refuse.
  session_limit,  ///< the session table is full, or the quota of a source network
  flow_limit,     ///< the flow table is full of flows in use
  flow_unknown,   ///< for a flow that is not open here
  path_limit,     ///< a path id past the limit
  superseded,     ///< from a process whose session another one took over
  // What the application's or target's datagrams meet.
  too_large,      ///< more than one UDP datagram can carry
  own_packet,     ///< carries a packet of our own: the tunnel would carry itself
  queue_full,     ///< too many wait for a session already
  queue_expired,  ///< no session, path or flow in time
  no_path,        ///< no path may be used
  // What sockets refuse.
  would_block,     ///< the socket's buffer is full: this copy is lost
  no_buffers,      ///< the kernel or device has no room: this copy is lost
  message_size,    ///< larger than the path's MTU and not to be fragmented
  refused,         ///< the other end has no such port
  unreachable,     ///< no route, or the interface is down
  socket_error,    ///< any other error of a socket
  target_unknown,  ///< the target's name does not resolve yet
  count_,
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(Drop::count_);

/// The reason's own name, as it stands in the enum.
const char* name_of(Drop reason);

class DropCounters {
 public:
  void add(Drop reason, std::uint64_t count = 1) { counts_[static_cast<std::size_t>(reason)] += count; }
  [[nodiscard]] std::uint64_t operator[](Drop reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  std::array<std::uint64_t, kDropReasons> counts_{};
};

}  // namespace mptunnel
