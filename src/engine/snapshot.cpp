#include "mptunnel/engine/snapshot.h"

#include "mptunnel/engine/link/receiver.h"
#include "mptunnel/engine/link/sender.h"
#include "mptunnel/engine/link/session_link.h"

namespace mptunnel {

void PathSnapshot::set_traffic(const PathTraffic& counts, const PathHistory& history, const MtuSearch& mtu,
                               TimePoint now) {
  traffic = counts;
  recent = history.recent(counts, now);
  if (mtu.is_measured()) mtu_out = mtu.mtu();
  if (counts.peer_mtu != 0) mtu_in = counts.peer_mtu;
}

SessionSnapshot snapshot_of(const SessionLink& link, const Sender& sender, const Receiver& receiver,
                            const StreamHistory& history, const PathViews& paths, TimePoint now) {
  SessionSnapshot session;
  if (const LinkEpoch* epoch = link.current())
    session.key = {epoch->keys().cipher(), now - epoch->keys().created()};
  if (link.since()) session.age = now - *link.since();
  session.mode = sender.mode();
  session.data_out = stream_out(link, sender);
  session.recent = history.recent(link, sender);
  session.untaken = sender.untaken();
  session.data_in = link.data_in();
  session.forced_closings = link.forced_closings();
  session.order = receiver.order().counts();
  session.hold_time = receiver.order().hold_time();
  session.fragmented = sender.watch().fragmented();
  session.fragment_share = sender.watch().recent_share();
  session.largest_whole = sender.largest_whole(paths);
  return session;
}

}  // namespace mptunnel
