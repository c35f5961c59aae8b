// Sends the sealed packets of one session: whole to the paths that carry them, in fragments to the others.
// What it is not: the owner of paths or keys.
#pragma once

#include <vector>

#include "mptunnel/engine/control_packet.h"
#include "mptunnel/session/fragment_watch.h"

namespace mptunnel {

class PacketSender {
 public:
  /// The last `size` bytes of the arena are a packet, sealed under `epoch` (our index), that goes to the
  /// carriers; `mtu_of(i)` is what path i carries.
  template <typename MtuOf>
  void send(std::size_t size, const Carriers& carriers, MtuOf mtu_of, SessionHandle session,
            SessionIndex epoch, std::uint8_t dscp, Output& out) {
    largest_ = std::max(largest_, size);
    watch_.count(size > carriers.mtu);
    PathSet whole = carriers.paths;
    if (size > carriers.mtu) {
      large_.push_back(split_carriers(out, size, carriers.paths, dscp, mtu_of));
      // Where nobody gets it whole its bytes stay all the same, for the fragments.
      whole -= large_.back().paths;
    }
    if (!whole.empty()) out.send(size, whole, session, epoch, dscp);
  }
  /// To be called behind all send() of one call, with the key of them all: makes the fragments, so that whole
  /// packets lie side by side. Returns whether a packet was larger than kBaseMtu.
  bool finish(KeyEpoch& epoch, SessionHandle session, Output& out, DropCounters& drops, TimePoint now);

  FragmentWatch& watch() { return watch_; }
  [[nodiscard]] const FragmentWatch& watch() const { return watch_; }

 private:
  std::vector<LargePacket> large_;  ///< wait for finish()
  std::size_t largest_ = 0;         ///< packet since the last finish()
  FragmentWatch watch_;
};

}  // namespace mptunnel
