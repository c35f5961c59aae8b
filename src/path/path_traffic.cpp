#include "mptunnel/path/path_traffic.h"

#include <algorithm>

#include "mptunnel/path/wire_numbers.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

void PathTraffic::take_counts_of_ours(const PathReport& report) {
  peer_jitter = from_microseconds(report.jitter);
  peer_mtu = report.mtu;
  peer_overrun = (report.flags & PathReport::kOverrun) != 0;
  if ((report.flags & PathReport::kUncounted) != 0) return;
  peer_first = widen(report.first, peer_first);
  peer_duplicates = widen(report.duplicates, peer_duplicates);
  const std::uint64_t of = std::min(widen(report.of, out.sent), sent);
  if (of >= out.sent) out = {of, widen(report.received, out.received)};
}

std::optional<Duration> PathTraffic::on_report(const PathReport& report, TimePoint now) {
  const auto ahead = static_cast<std::int32_t>(report.time - last_time_.value_or(report.time - 1));
  // After so long a silence the times may have wrapped, and no report from before is still under way.
  const bool restarted = last_time_ && now - last_came_ >= kReportTimesMayWrap;
  if (ahead <= 0 && !restarted) return std::nullopt;
  if (last_time_ && !restarted) {
    const Duration apart_there = from_microseconds(static_cast<std::uint32_t>(ahead));
    const Duration apart_here = now - last_came_;
    const Duration difference = std::chrono::abs(apart_here - apart_there);
    jitter_ += (difference - jitter_) / 16;
  }
  last_time_ = report.time;
  last_came_ = now;
  if ((report.flags & PathReport::kUncounted) == 0)
    in = {std::max(in.sent, widen(report.sent, in.sent)), received};
  take_counts_of_ours(report);
  if (report.held == PathReport::kNothingHeld) return std::nullopt;
  const auto round_trip = static_cast<std::int32_t>(wire_time(now) - report.echo - report.held);
  if (round_trip < 0) return std::nullopt;
  return from_microseconds(static_cast<std::uint32_t>(round_trip));
}

void PathTraffic::fill_report(PathReport& report, TimePoint now) const {
  report.time = wire_time(now);
  if (last_time_) {
    report.echo = *last_time_;
    report.held = wire_time(now) - wire_time(last_came_);
  }
  report.sent = static_cast<std::uint32_t>(sent);
  report.received = static_cast<std::uint32_t>(in.received);
  report.of = static_cast<std::uint32_t>(in.sent);
  report.first = static_cast<std::uint32_t>(first);
  report.duplicates = static_cast<std::uint32_t>(duplicates);
  report.jitter =
      static_cast<std::uint32_t>(std::min<std::int64_t>(jitter_ / std::chrono::microseconds(1), UINT32_MAX));
}

void PathTraffic::add_counts(const PathTraffic& other) {
  sent += other.sent;
  sent_bytes += other.sent_bytes;
  unsent += other.unsent;
  held_back += other.held_back;
  received += other.received;
  received_bytes += other.received_bytes;
  first += other.first;
  duplicates += other.duplicates;
  repair_sent_bytes += other.repair_sent_bytes;
  repair_received_bytes += other.repair_received_bytes;
  voided = voided || other.voided;
}

}  // namespace mptunnel
