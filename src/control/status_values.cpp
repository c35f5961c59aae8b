#include "status_values.h"

#include <fmt/format.h>

#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

/// From here on loss is a problem to be told.
constexpr double kMuchLoss = 0.05;
/// And so is a share of datagrams that need fragments.
constexpr double kManyFragments = 0.1;

}  // namespace

std::string text_of(const Endpoint& endpoint) {
  return endpoint.is_set() ? endpoint.to_string() : "";
}

std::optional<RttStatus> rtt_status(const RttEstimator& rtt) {
  if (!rtt.has_sample()) return std::nullopt;
  return RttStatus{rtt.smoothed(), rtt.variation(), rtt.minimum(), rtt.latest()};
}

void add_traffic(PathStatus& status, const PathTraffic& traffic, const PathHistory& history,
                 const MtuSearch& mtu, TimePoint now) {
  const auto recent = history.recent(traffic, now);
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
  if (mtu.is_measured()) status.mtu_out = mtu.mtu();
  if (traffic.peer_mtu != 0) status.mtu_in = traffic.peer_mtu;
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
