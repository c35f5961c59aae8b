#include "mptunnel/engine/link/stream_history.h"

#include "mptunnel/engine/link/sender.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/path/path_history.h"

namespace mptunnel {

Arrivals stream_out(const SessionLink& link, const Sender& sender) {
  Arrivals out = link.data_out();
  out.sent += sender.untaken();
  return out;
}

void StreamHistory::sample(const SessionLink& link, const Sender& sender, TimePoint now) {
  samples_.add({now, stream_out(link, sender), link.data_in()});
}

StreamHistory::Recent StreamHistory::recent(const SessionLink& link, const Sender& sender) const {
  const Sample* oldest = samples_.oldest();
  if (oldest == nullptr) return {};
  const Arrivals out = stream_out(link, sender);
  const Arrivals in = link.data_in();
  return {loss_between(oldest->out, out), loss_between(oldest->in, in),
          loss_between(oldest->out.before_repair(), out.before_repair()),
          loss_between(oldest->in.before_repair(), in.before_repair())};
}

}  // namespace mptunnel
