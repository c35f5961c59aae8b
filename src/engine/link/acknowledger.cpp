#include "mptunnel/engine/link/acknowledger.h"

#include <algorithm>

#include "mptunnel/wire/limits.h"

namespace mptunnel {

void Acknowledger::on_wanted(const AckWantedFrame& wanted, const LinkEpoch& epoch, TimePoint now) {
  if (wanted.interval == 0) {
    stop(*epoch.paths());
    return;
  }
  interval_ = std::max<Duration>(std::chrono::milliseconds(wanted.interval), kLeastAckInterval);
  packets_ = std::max<std::size_t>(wanted.packets, kLeastAckPackets);
  until_ = now + kAckWantedFor;
  for (std::size_t i = 0; i < kMaxPaths; ++i) {
    if (!logs_.at(i)) logs_.at(i) = std::make_shared<ArrivalLog>();
    epoch.paths()->at(i).arrivals = logs_.at(i);
  }
}

TimePoint Acknowledger::deadline() const {
  if (!is_on()) return kNever;
  TimePoint first = kNever;
  std::size_t pending = 0;
  for (const auto& log : logs_) {
    first = std::min(first, log->since());
    pending += log->pending();
  }
  if (first == kNever) return kNever;
  return pending >= packets_ ? first : first + interval_;
}

std::vector<Frame> Acknowledger::take(const LinkEpoch& epoch, TimePoint now) {
  std::vector<Frame> acks;
  for (std::uint8_t i = 0; i < kMaxPaths && is_on(); ++i) {
    if (const auto ack = logs_.at(i)->take(PathId{i}, epoch.index(), now)) acks.emplace_back(*ack);
  }
  if (now >= until_) stop(*epoch.paths());
  return acks;
}

void Acknowledger::stop(PathTable& paths) {
  for (PathTraffic& path : paths) path.arrivals.reset();
  logs_ = {};
  until_ = TimePoint{};
}

}  // namespace mptunnel
