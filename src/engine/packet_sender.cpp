#include "mptunnel/engine/packet_sender.h"

#include <utility>

namespace mptunnel {

bool PacketSender::finish(KeyEpoch& epoch, SessionHandle session, Output& out, DropCounters& drops,
                          TimePoint now) {
  for (const LargePacket& large : large_) {
    const auto sent = send_fragments(epoch, large, session, out, now);
    if (!sent) drops.add(sent.error());
  }
  large_.clear();
  return std::exchange(largest_, 0) > kBaseMtu;
}

}  // namespace mptunnel
