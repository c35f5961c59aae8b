// Whether what is sent on a path comes back in from an application, so that the tunnel carries itself. It is
// recognized by the client's PINGs, the only packets that differ by path.
#pragma once

#include <array>
#include <optional>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/header.h"

namespace mptunnel {

class LoopCheck {
 public:
  /// A CONTROL packet with a PING leaves by this path. `epoch` is the index in its header.
  void on_sent(SessionIndex epoch, PacketNumber number, PathId path) {
    sent_[number.value % sent_.size()] = {epoch, number, path};
  }

  struct Hit {
    PathId path;
    PacketNumber number;  ///< of the PING
  };
  /// By which path the last `size` bytes of the payload were sent lately; nullopt if they are no PING,
  /// or have something in front that no tunnel device puts there. `payload` has at least so many bytes.
  [[nodiscard]] std::optional<Hit> find(ConstBytes payload, std::size_t size) const {
    if (!is_encapsulation(payload.size() - size)) return std::nullopt;
    const auto header = decode_header(payload.last(size));
    if (!header || header->type != PacketType::control) return std::nullopt;
    const Sent& sent = sent_[header->number.value % sent_.size()];
    if (sent.epoch != header->index || sent.number != header->number) return std::nullopt;
    return Hit{sent.path, sent.number};
  }

 private:
  struct Sent {
    SessionIndex epoch{0xffffffff};  ///< no key's: they have 24 bits
    PacketNumber number;
    PathId path;
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

  std::array<Sent, 64> sent_{};
};

}  // namespace mptunnel
