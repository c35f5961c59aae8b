// Sender: each datagram by one path.
#include "mptunnel/engine/link/sender.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {
namespace {

/// What a packet has besides the datagram, about.
constexpr std::size_t kOverhead = 32;

}  // namespace

bool Sender::is_aggregating() const {
  if (!aggregation_) return false;
  const LinkEpoch* epoch = link_.current();
  return epoch != nullptr && epoch->keys().peer_knows(FrameType::ack_wanted);
}

void Sender::lose_waiting(TimePoint now) {
  const FairQueue::Losses losses = aggregation_->expire(now);
  lose(Drop::queue_expired, losses.full + losses.expired);
  lose(Drop::queue_delay, losses.delayed);
}

void Sender::send_by_one(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths,
                         Output& out, TimePoint now) {
  aggregation_->follow(paths, now);
  if (const auto path = aggregation_->take_path(payload.size() + kOverhead, now)) {
    seal(flow, payload, marks, PathSet::of(*path), paths, out, now);
  } else {
    aggregation_->push(flow.handle, payload, marks, now);
  }
}

void Sender::pump(const PathViews& paths, const FindFlow& find, Output& out, TimePoint now) {
  aggregation_->follow(paths, now);
  const auto send = [&](FairQueue::Item& item, PathId path) {
    const std::optional<OutgoingFlow> flow = find(item.flow);
    if (!flow || !flow->may_leave()) {
      context_.drops.add(Drop::flow_unknown);
      return;
    }
    if (flow->is_inner && ecn_of(item.payload) != item.marks.ecn) set_ecn(item.payload, item.marks.ecn);
    seal(*flow, item.payload, item.marks, PathSet::of(path), paths, out, now);
  };
  aggregation_->pump(kOverhead, send, now);
  lose_waiting(now);
}

}  // namespace mptunnel
