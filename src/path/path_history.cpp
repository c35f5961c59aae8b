#include "mptunnel/path/path_history.h"

namespace mptunnel {

std::optional<double> loss_between(const Arrivals& before, const Arrivals& after, std::uint64_t least) {
  if (after.sent < before.sent + least || after.received < before.received) return std::nullopt;
  return Arrivals{after.sent - before.sent, after.received - before.received}.loss();
}

void PathHistory::sample(PathTraffic& traffic, TimePoint now) {
  if (samples_.add(
          {now, traffic.out, traffic.in, traffic.sent_bytes, traffic.received_bytes, traffic.voided}))
    traffic.voided = false;
}

PathHistory::Recent PathHistory::recent(const PathTraffic& traffic, TimePoint now) const {
  Recent recent;
  const Sample* oldest = samples_.oldest();
  if (oldest == nullptr) return recent;
  recent.loss_out = loss_between(oldest->out, traffic.out);
  // The first sample's mark is of the time before it.
  const bool is_void = traffic.voided || samples_.any_later([](const Sample& later) { return later.voided; });
  if (!is_void) recent.loss_in = loss_between(oldest->in, traffic.in);
  const double seconds = std::chrono::duration<double>(now - oldest->time).count();
  const bool restarted =
      traffic.sent_bytes < oldest->sent_bytes || traffic.received_bytes < oldest->received_bytes;
  if (seconds > 0 && !restarted) {
    recent.bytes_out = static_cast<double>(traffic.sent_bytes - oldest->sent_bytes) / seconds;
    recent.bytes_in = static_cast<double>(traffic.received_bytes - oldest->received_bytes) / seconds;
  }
  return recent;
}

}  // namespace mptunnel
