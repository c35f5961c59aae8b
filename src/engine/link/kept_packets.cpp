#include "mptunnel/engine/link/kept_packets.h"

#include <algorithm>

namespace mptunnel {

void KeptPackets::keep(ConstBytes packet, std::uint8_t dscp, SessionIndex epoch, TimePoint now) {
  const std::size_t cost = packet.size() + kQueueRecordBytes;
  while (!packets_.empty() && bytes() + cost > kKeptBytes) drop_oldest();
  make_room(cost);
  packets_.push_back({now, epoch, dscp, {}, {packet.begin(), packet.end()}});
  take(cost);
}

void KeptPackets::resend(PathId path, Output& out, SessionHandle session, TimePoint now) {
  for (Kept& kept : packets_) {
    if (now - kept.sent > kQueueLife || kept.resent.contains(path)) continue;
    kept.resent.insert(path);
    std::copy(kept.bytes.begin(), kept.bytes.end(), out.make_packet(kept.bytes.size()).begin());
    out.send(kept.bytes.size(), PathSet::of(path), session, kept.epoch, kept.dscp, true);
  }
}

void KeptPackets::expire(TimePoint now) {
  while (!packets_.empty() && now - packets_.front().sent > kQueueLife) drop_oldest();
}

void KeptPackets::drop_oldest() {
  give_back(cost_of(packets_.front()));
  packets_.pop_front();
}

bool KeptPackets::yield() {
  if (packets_.empty()) return false;
  drop_oldest();
  return true;
}

}  // namespace mptunnel
