// Why a datagram or packet went no further. One enum is the return value, the name and the index of the
// counter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mptunnel {

/// The reasons and their names, in one table: the order of the enum is that of the names.
// clang-format off
#define MPT_DROP_REASONS(X)                                                                          \
  /* What the network brought. */                                                                    \
  X(truncated)          /* shorter than its type needs */                                            \
  X(unknown_type)       /* no packet type of ours */                                                 \
  X(unknown_index)      /* names no key epoch: an old session, or noise */                           \
  X(copy)               /* a copy of a packet that came already: the normal fate of N-1 copies */    \
  X(open_failed)        /* the tag does not verify */                                                \
  X(number_limit)       /* a packet number past what one key may be used for */                      \
  X(key_expired)        /* the key is too old to open or seal */                                     \
  X(clear_check)        /* the check of a clear packet does not fit it */                            \
  X(clear_reach)        /* the number of a clear packet is too far from what was announced */        \
  X(bad_frame)          /* a frame is truncated or malformed */                                      \
  X(unknown_frame)      /* a frame type that was not announced */                                    \
  X(unexpected_frame)   /* a known frame in a packet or place that it may not be in */               \
  X(repair_contradiction) /* a REPAIR frame that can't be true beside what came */                  \
  X(handshake_size)     /* a message 1 too short to be answered, or a handshake packet too long */   \
  X(handshake_key)      /* made with another key, or with one although this server has none */       \
  X(handshake_mac)      /* its mac does not verify */                                                \
  X(handshake_disabled) /* made with a key that the keyring lists as disabled */                     \
  X(handshake_replay)   /* was answered long ago */                                                  \
  X(handshake_unproved) /* comes without a proof of its address, which is asked for under load */    \
  X(handshake_invalid)  /* does not verify or decode */                                              \
  X(handshake_rate)     /* more handshakes than the budget of its source network or of the server */ \
  X(handshake_stale)    /* an answer to no attempt that is still open */                             \
  X(fragment_expired)   /* of a packet that never became whole, or had to make room */               \
  /* What our limits refuse. */                                                                      \
  X(session_limit)      /* the session table is full */                                              \
  X(network_limit)      /* a source network has as many sessions as it may */                        \
  X(flow_limit)         /* the flow table is full of flows in use */                                 \
  X(flow_rate)          /* a session opens flows faster than it may */                               \
  X(no_target)          /* a client's datagrams, and this server has no target for them */           \
  X(flow_unknown)       /* for a flow that is not open here */                                       \
  X(key_sessions)       /* a client has more sessions than its key may have */                       \
  X(key_flows)          /* a client has more flows than its key may have */                          \
  X(key_rate)           /* a client's datagrams are more than its key may send or get */             \
  X(path_limit)         /* a path id past the limit */                                               \
  X(superseded)         /* from a process whose session another one took over */                     \
  X(inner_rate)         /* a client asks for inner addresses more often than it may */               \
  /* What inner packets meet, those of TUN devices. */                                               \
  X(inner_malformed)    /* no IP packet, or its lengths contradict each other */                     \
  X(inner_unsupported)  /* the other end carries none, or cipher none would have to */               \
  X(inner_source)       /* from an inner address that its sender does not have */                    \
  X(inner_multicast)    /* for many: multicast or broadcast */                                       \
  X(inner_unowned)      /* for an inner address that no session has, or that its sender has */       \
  X(inner_hops)         /* for another client, and its hop limit is spent */                         \
  X(inner_congestion)   /* the network marked congestion, which its sender can be told by loss alone */ \
  X(client_to_client)   /* for another client, and that is not wanted */                             \
  /* What the application's or target's datagrams meet. */                                           \
  X(too_large)          /* more than one UDP datagram can carry */                                   \
  X(own_packet)         /* carries a packet of our own: the tunnel would carry itself */             \
  X(queue_full)         /* too many wait for a session already */                                    \
  X(queue_expired)      /* no session, path or flow in time */                                       \
  X(queue_delay)        /* waits for too long for room on the paths: its sender is to slow down */   \
  X(no_path)            /* no path may be used */                                                    \
  X(old)                /* waited too long in a receive buffer: the program was stopped or starved */ \
  X(delay_missed)       /* a copy that was to leave later found no room, or its time had passed */   \
  /* What sockets refuse. */                                                                         \
  X(send_queue)         /* what waits before it takes too long to leave: this copy is lost */        \
  X(would_block)        /* the socket's buffer is full: this copy is lost */                         \
  X(no_buffers)         /* the kernel or device has no room: this copy is lost */                    \
  X(message_size)       /* larger than the path's MTU and not to be fragmented */                    \
  X(refused)            /* the other end has no such port */                                         \
  X(unreachable)        /* no route, or the interface is down */                                     \
  X(socket_error)       /* any other error of a socket */                                            \
  X(target_unknown)     /* the target's name does not resolve yet */                                 \
  X(socket_gone)        /* the socket that it had to leave by is closed */
// clang-format on

#define MPT_DROP_ENUMERATOR(name) name,
enum class Drop : std::uint8_t { MPT_DROP_REASONS(MPT_DROP_ENUMERATOR) count_ };
#undef MPT_DROP_ENUMERATOR

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
