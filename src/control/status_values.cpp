#include "status_values.h"

#include <fmt/format.h>

#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

/// From here on loss is reported as a problem.
constexpr double kMuchLoss = 0.05;
/// And so is a share of datagrams that need fragments.
constexpr double kManyFragments = 0.1;

}  // namespace

std::string text_of(const Endpoint& endpoint) {
  return endpoint.is_set() ? endpoint.to_string() : "";
}

SessionStatus session_values(const SessionSnapshot& snapshot) {
  SessionStatus session;
  session.flows = snapshot.flows;
  session.datagrams_in = snapshot.into_tunnel;
  session.datagrams_out = snapshot.out_of_tunnel;
  session.duplicates_dropped = snapshot.duplicates;
  session.forced_closings = snapshot.forced_closings;
  session.fragmented = snapshot.fragmented;
  session.largest_whole = snapshot.largest_whole;
  if (!snapshot.key) return session;
  session.state = SessionState::established;
  session.cipher = name_of(snapshot.key->cipher);
  session.key_age = snapshot.key->age;
  session.age = snapshot.age;
  session.residual_loss_out = snapshot.data_out.loss();
  session.residual_loss_in = snapshot.data_in.loss();
  return session;
}

PathStatus path_values(const PathSnapshot& snapshot) {
  PathStatus status;
  status.id = snapshot.id.value;
  status.state = snapshot.state;
  status.standby = snapshot.standby;
  status.last_answer = snapshot.last_heard;
  status.mtu_out = snapshot.mtu_out;
  status.mtu_in = snapshot.mtu_in;
  if (const RttEstimator& rtt = snapshot.rtt; rtt.has_sample())
    status.rtt = RttStatus{rtt.smoothed(), rtt.variation(), rtt.minimum(), rtt.latest()};
  if (!snapshot.traffic) return status;
  const PathTraffic& traffic = *snapshot.traffic;
  const PathHistory::Recent& recent = snapshot.recent;
  status.out = {.packets = traffic.sent,
                .bytes = traffic.sent_bytes,
                .lost = traffic.out.lost(),
                .loss = traffic.out.loss(),
                .loss_recent = recent.loss_out,
                .jitter = traffic.peer_jitter,
                .first = traffic.peer_first,
                .duplicates = traffic.peer_duplicates,
                .rate_bps = static_cast<std::uint64_t>(recent.bytes_out * 8)};
  status.in = {.packets = traffic.received,
               .bytes = traffic.received_bytes,
               .lost = traffic.in.lost(),
               .loss = traffic.in.loss(),
               .loss_recent = recent.loss_in,
               .jitter = traffic.jitter(),
               .first = traffic.first,
               .duplicates = traffic.duplicates,
               .rate_bps = static_cast<std::uint64_t>(recent.bytes_in * 8)};
  return status;
}

std::string loss_problem(const PathStatus& status) {
  const double out = status.out.loss_recent.value_or(0);
  const double in = status.in.loss_recent.value_or(0);
  if (out < kMuchLoss && in < kMuchLoss) return {};
  return fmt::format("loses {:.0f} % out and {:.0f} % in", out * 100, in * 100);
}

std::string fragment_problem(const SessionStatus& session, double share) {
  if (share < kManyFragments || !session.largest_whole) return {};
  return fmt::format(
      "{:.0f} % of the datagrams are too large for one packet; payloads up to {} bytes fit: {}", share * 100,
      *session.largest_whole, size_advice(*session.largest_whole));
}

}  // namespace mptunnel
