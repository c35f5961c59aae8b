#include "mptunnel/engine/link/aggregation.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

/// ACK_WANTED is said again after so long, while something is sent.
constexpr Duration kAskAgain = std::chrono::seconds(5);
constexpr std::uint16_t kAckPackets = 64;
constexpr std::int64_t kAckMilliseconds = 10;
/// How often what waits is looked at, at most.
constexpr Duration kTick = EarliestArrival::kBurst / 2;
/// Paths that differ by less are taken for equally fast.
constexpr Duration kAsFast = std::chrono::milliseconds(5);

}  // namespace

Aggregation::Path& Aggregation::own(PathId path) {
  auto& own = paths_.at(path.value);
  if (!own) own = std::make_unique<Path>();
  return *own;
}

/// Half the round trip, where the clocks have not been compared.
Duration Aggregation::delay_of(PathId path, const PathViews& paths) const {
  const RateControl* rate = rate_of(path);
  if (rate != nullptr && rate->base_delay()) return *rate->base_delay() + rate->queue();
  std::optional<Duration> offset;
  for (const PathId other : paths.paths()) {
    const RateControl* known = rate_of(other);
    if (known == nullptr || !known->base_delay()) continue;
    const Duration own = *known->base_delay() - paths.of(other).rtt / 2;
    offset = std::max(offset.value_or(own), own);
  }
  return offset.value_or(Duration{}) + paths.of(path).rtt / 2;
}

void Aggregation::follow(const PathViews& paths, TimePoint now) {
  if (followed_ == now) return;
  followed_ = now;
  std::array<Duration, kMaxPaths> delays{};
  for (const PathId path : paths.paths()) delays.at(path.value) = delay_of(path, paths);
  // A path whose rate is still looked for passes more within some round trips: none that takes longer is
  // needed before.
  Duration most = Duration::max();
  for (const PathId path : paths.paths()) {
    if (own(path).rate.is_beginning()) most = std::min(most, delays.at(path.value) + kAsFast);
  }
  PathSet used;
  for (const PathId path : paths.paths()) {
    if (delays.at(path.value) <= most) used.insert(path);
  }
  for (const PathId gone : arrivals_.usable() - used) choose_anew(gone, now);
  arrivals_.keep(used);
  for (const PathId path : used) arrivals_.set(path, {own(path).rate.rate(), delays.at(path.value)}, now);
}

FairQueue::Item Aggregation::take_chosen(PathId path) {
  std::deque<FairQueue::Item>& queue = own(path).queue;
  FairQueue::Item item = std::move(queue.front());
  queue.pop_front();
  arrivals_.unqueue(path, item.payload.size());
  chosen_bytes_ -= item.payload.size();
  --chosen_;
  return item;
}

void Aggregation::choose_anew(PathId path, TimePoint now) {
  while (!own(path).queue.empty()) {
    const FairQueue::Item item = take_chosen(path);
    waiting_.push(item.flow, item.payload, item.marks, now);
  }
}

std::optional<PathId> Aggregation::take_path(std::size_t bytes, TimePoint now) {
  if (has_waiting()) return std::nullopt;
  const auto choice = arrivals_.choose(bytes, now);
  if (!choice || !choice->is_at_once) {
    resume_ = now;
    return std::nullopt;
  }
  arrivals_.charge(choice->path, bytes, now);
  return choice->path;
}

void Aggregation::send_chosen(std::size_t overhead, const Send& send, TimePoint now) {
  for (const PathId path : arrivals_.usable()) {
    while (!own(path).queue.empty() && arrivals_.may_leave(path, now)) {
      FairQueue::Item item = take_chosen(path);
      arrivals_.charge(path, item.payload.size() + overhead, now);
      send(item, path);
    }
  }
}

void Aggregation::pump(std::size_t overhead, const Send& send, TimePoint now) {
  send_chosen(overhead, send, now);
  resume_ = kNever;
  while (const FairQueue::Item* next = waiting_.front(now)) {
    if (chosen_bytes_ > kQueueBytes) break;
    const auto choice = arrivals_.choose(next->payload.size() + overhead, now);
    if (!choice) {
      resume_ = arrivals_.retry_at();
      for (const PathId path : arrivals_.usable()) own(path).is_limited = true;
      break;
    }
    FairQueue::Item item = waiting_.pop();
    if (choice->is_at_once) {
      arrivals_.charge(choice->path, item.payload.size() + overhead, now);
      send(item, choice->path);
    } else {
      arrivals_.queue(choice->path, item.payload.size());
      chosen_bytes_ += item.payload.size();
      ++chosen_;
      own(choice->path).queue.push_back(std::move(item));
    }
  }
  for (const PathId path : arrivals_.usable()) {
    if (own(path).queue.empty()) continue;
    own(path).is_limited = true;
    resume_ = std::min(resume_, arrivals_.next(path));
  }
  // What may leave meanwhile leaves together: a path may have so much at once.
  if (resume_ != kNever) resume_ = std::max(resume_, now + kTick);
}

FairQueue::Losses Aggregation::expire(TimePoint now) {
  if (now == kNever) {
    for (const PathId path : arrivals_.usable()) choose_anew(path, TimePoint{});
  }
  waiting_.expire(now);
  return waiting_.take_losses();
}

void Aggregation::on_sent(const LinkEpoch& epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
                          TimePoint now) {
  if (accepted == 0) return;
  const bool is_data = run.first.type == PacketType::data;
  if (!is_data) arrivals_.charge(path, run.bytes_of_first(accepted), now);
  if (!is_data && run.first.type != PacketType::control) return;
  if (session_ != epoch.paths()) {
    session_ = epoch.paths();
    asked_ = TimePoint{};
    for (const auto& known : paths_) {
      if (known) known->meter = {};
    }
  }
  const PathTraffic& traffic = epoch.path(path);
  SentRun sent{epoch.order(), run.first.type, run.first.number, accepted, run.stride, run.stride};
  if (accepted == run.count) sent.tail = run.tail;
  if (!run.is_row) {
    sent.count = 1;
    sent.tail = accepted == 1 ? sent.tail : run.stride;
  }
  own(path).meter.on_sent(sent, traffic.sent, traffic.sent_bytes, now);
}

void Aggregation::on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now) {
  if (ack.path.value >= kMaxPaths || !paths_.at(ack.path.value)) return;
  Path& path = *paths_.at(ack.path.value);
  const auto report = path.meter.on_ack(ack, epoch.order(), now);
  if (report) path.rate.on_report(*report, std::exchange(path.is_limited, !path.queue.empty()), now);
}

std::optional<AckWantedFrame> Aggregation::ask(const PathViews& paths, TimePoint now) {
  if (paths.empty() || (asked_ != TimePoint{} && now - asked_ < kAskAgain)) return std::nullopt;
  asked_ = now;
  const Duration rtt = paths.of(paths.fastest(paths.paths())).rtt;
  const std::int64_t quarter = rtt / std::chrono::milliseconds(1) / 4;
  const std::int64_t interval = std::clamp<std::int64_t>(quarter, kAckMilliseconds, 1000);
  return AckWantedFrame{static_cast<std::uint16_t>(interval), kAckPackets};
}

}  // namespace mptunnel
