// Sender: each datagram by one path.
#include "mptunnel/engine/link/sender.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {

bool Sender::is_aggregating() const {
  if (!aggregation_) return false;
  const LinkEpoch* epoch = link_.current();
  return epoch != nullptr && epoch->keys().peer_knows(FrameType::ack_wanted);
}

void Sender::follow_paths(const PathViews& paths, TimePoint now) {
  if (!aggregation_->follow(paths, now)) return;
  repair_.begin(*link_.current());
}

bool Sender::goes_by_one(const OutgoingFlow& flow, std::size_t payload, Marks marks, TimePoint now) {
  if (!is_aggregating()) return false;
  return context_.mode != SchedulerMode::automatic || bulk_.is_bulk(flow.handle, payload, marks.dscp, now);
}

SchedulerMode Sender::mode() const {
  return has_sum(context_.mode) && !is_aggregating() ? SchedulerMode::copies : context_.mode;
}

std::optional<PathShare> Sender::share_of(PathId path) const {
  return is_aggregating() ? aggregation_->share_of(path) : std::nullopt;
}

void Sender::forget(PathId path) {
  marks_.forget(path);
  if (aggregation_) aggregation_->forget(path);
}

void Sender::on_sent(const LinkEpoch& epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
                     TimePoint now) {
  const bool is_counted =
      aggregation_ && link_.current() != nullptr && epoch.paths() == link_.current()->paths();
  if (is_counted) aggregation_->on_sent(epoch, path, run, accepted, now);
}

bool Sender::on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now) {
  if (aggregation_) aggregation_->on_ack(epoch, ack, now);
  return aggregation_ != nullptr;
}

ReportedPaths Sender::without_crowded(const ReportedPaths& paths, TimePoint now) const {
  const PathSet crowded = aggregation_ ? aggregation_->crowded(now) : PathSet{};
  return {paths.carrying, paths.queued | crowded, paths.traffic};
}

void Sender::on_report(const LinkEpoch& epoch, const ReportedPaths& paths, TimePoint now) {
  repair_.on_report(epoch, without_crowded(paths, now), now);
}

void Sender::on_report(const LinkEpoch& epoch, const RepairReportFrame& report, const ReportedPaths& paths,
                       TimePoint now) {
  repair_.on_report(epoch, report, without_crowded(paths, now), now);
}

void Sender::lose_waiting(TimePoint now) {
  const FairQueue::Losses losses = aggregation_->expire(now);
  lose(Drop::queue_expired, losses.full + losses.expired);
  lose(Drop::queue_delay, losses.delayed);
  context_.drops.add(Drop::queue_full, context_.waiting.take_dropped());
}

void Sender::send_by_one(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths,
                         Output& out, TimePoint now) {
  follow_paths(paths, now);
  if (const auto path = aggregation_->take_path(payload.size() + kTypicalOverhead, now)) {
    seal(flow, number_of(flow, payload.size(), now), payload, marks, PathSet::of(*path), paths, out, now);
  } else {
    aggregation_->push(flow.handle, payload, marks, now);
  }
}

void Sender::pump(const PathViews& paths, const FindFlow& find, Output& out, TimePoint now) {
  follow_paths(paths, now);
  Aggregation::Steps steps;
  steps.number = [&](const FairQueue::Item& item) {
    const std::optional<OutgoingFlow> flow = find(item.flow);
    return flow ? number_of(*flow, item.payload.size(), now) : std::nullopt;
  };
  steps.send = [&](FairQueue::Item& item, Number number, PathSet by) {
    const std::optional<OutgoingFlow> flow = find(item.flow);
    if (!flow || !flow->may_leave()) {
      context_.drops.add(Drop::flow_unknown);
      return;
    }
    if (flow->is_inner && ecn_of(item.payload) != item.marks.ecn) set_ecn(item.payload, item.marks.ecn);
    // The key may be another one by now.
    seal(*flow, is_numbering(*flow) ? number : std::nullopt, item.payload, item.marks, by, paths, out, now);
  };
  aggregation_->pump(kTypicalOverhead, steps, now);
  lose_waiting(now);
}

}  // namespace mptunnel
