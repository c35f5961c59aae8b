// Finds a path that leads back to us: what is sent on it comes in again from an application, because a VPN
// that runs through the tunnel has taken the route to the bridge.
#pragma once

#include <array>
#include <optional>

#include "mptunnel/engine/link/control_packet.h"
#include "mptunnel/path/loop_check.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class LoopGuard {
 public:
  /// A packet with a PING leaves by this path; `epoch` is the index in its header.
  void on_sent(SessionIndex epoch, PacketNumber number, PathId path) { check_.on_sent(epoch, number, path); }

  struct Hit {
    PathId path;
    /// Another PING of this path came back a moment ago. One alone may be an attack: somebody saw it on its
    /// way and makes the application send it.
    bool is_certain = false;
  };
  /// Whether an application's datagram is one of our own packets.
  std::optional<Hit> find(ConstBytes payload, TimePoint now) {
    std::optional<LoopCheck::Hit> hit;
    for (const std::size_t size : {kProbeBytes, kHelloBytes}) {
      if (!hit && payload.size() >= size) hit = check_.find(payload, size);
    }
    if (!hit) return std::nullopt;
    Last& last = last_[hit->path.value];
    const bool is_again = last.when && now - *last.when < kDataMovesFor && last.number != hit->number;
    last = {now, hit->number};
    return Hit{hit->path, is_again};
  }

 private:
  struct Last {
    std::optional<TimePoint> when;
    PacketNumber number;
  };

  LoopCheck check_;
  std::array<Last, kMaxPaths> last_{};
};

}  // namespace mptunnel
