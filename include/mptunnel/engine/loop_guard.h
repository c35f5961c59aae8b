// Finds a path that leads back to us: what is sent on it comes in again from an application, so that the
// tunnel carries itself, because a VPN that runs through it has taken the route to the bridge. The path is
// recognized by the client's PINGs, the only packets that differ by path.
#pragma once

#include <array>
#include <optional>

#include "mptunnel/engine/link/control_packet.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class LoopGuard {
 public:
  /// A packet with a PING leaves by this path; `epoch` is the index in its header.
  void on_sent(SessionIndex epoch, PacketNumber number, PathId path) {
    sent_[number.value % sent_.size()] = {epoch, number, path};
  }

  struct Hit {
    PathId path;
    /// Another PING of this path came back a moment ago. One alone may be an attack: somebody saw it on its
    /// way and makes the application send it.
    bool is_certain = false;
  };
  /// Whether an application's datagram is one of our own packets that was sent lately, or ends in one behind
  /// what a tunnel device puts there.
  std::optional<Hit> find(ConstBytes payload, TimePoint now) {
    const Sent* hit = nullptr;
    for (const std::size_t size : {kProbeBytes, kHelloBytes}) {
      if (hit == nullptr && payload.size() >= size && is_encapsulation(payload.size() - size))
        hit = find_sent(payload.last(size));
    }
    if (hit == nullptr) return std::nullopt;
    Last& last = last_[hit->path.value];
    const bool is_again = last.when && now - *last.when < kDataMovesFor && last.number != hit->number;
    last = {now, hit->number};
    return Hit{hit->path, is_again};
  }

 private:
  struct Sent {
    SessionIndex epoch{0xffffffff};  ///< no key's: they have 24 bits
    PacketNumber number;
    PathId path;
  };
  struct Last {
    std::optional<TimePoint> when;
    PacketNumber number;
  };

  /// No bytes at all, or headers of IPv4 or IPv6 and UDP, alone or behind packet information or Ethernet.
  static constexpr bool is_encapsulation(std::size_t bytes) {
    constexpr std::size_t kInformation = 4;
    constexpr std::size_t kEthernet = 14;
    for (const std::size_t ip : {28U, 48U}) {
      if (bytes == ip || bytes == ip + kInformation || bytes == ip + kEthernet) return true;
    }
    return bytes == 0;
  }
  [[nodiscard]] const Sent* find_sent(ConstBytes packet) const {
    const auto header = decode_header(packet);
    if (!header || header->type != PacketType::control) return nullptr;
    const Sent& sent = sent_[header->number.value % sent_.size()];
    return sent.epoch == header->index && sent.number == header->number ? &sent : nullptr;
  }

  std::array<Sent, 64> sent_{};
  std::array<Last, kMaxPaths> last_{};  ///< PING of each path that came back
};

}  // namespace mptunnel
