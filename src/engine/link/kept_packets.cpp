#include "mptunnel/engine/link/kept_packets.h"

#include <utility>

namespace mptunnel {

void KeptPackets::keep(ConstBytes packet, Marks marks, SessionIndex epoch, TimePoint now) {
  Kept kept{{now, epoch, marks, {packet.begin(), packet.end()}}, {}};
  const std::size_t cost = kept.packet.cost();
  while (!packets_.empty() && bytes() + cost > kKeptBytes) drop_oldest();
  make_room(cost);
  packets_.push_back(std::move(kept));
  take(cost);
}

void KeptPackets::resend(PathId path, Output& out, SessionHandle session, TimePoint now) {
  for (Kept& kept : packets_) {
    if (now - kept.packet.time > kQueueLife || kept.resent.contains(path)) continue;
    kept.resent.insert(path);
    kept.packet.send(path, out, session);
  }
}

void KeptPackets::expire(TimePoint now) {
  while (!packets_.empty() && now - packets_.front().packet.time > kQueueLife) drop_oldest();
}

void KeptPackets::drop_oldest() {
  give_back(packets_.front().packet.cost());
  packets_.pop_front();
}

bool KeptPackets::yield() {
  if (packets_.empty()) return false;
  drop_oldest();
  return true;
}

}  // namespace mptunnel
