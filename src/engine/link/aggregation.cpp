#include "mptunnel/engine/link/aggregation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace mptunnel {
namespace {

/// ACK_WANTED is said again after so long, while something is sent.
constexpr Duration kAskAgain = std::chrono::seconds(5);
/// And after so long, or two round trips, until the first ACK.
constexpr Duration kAskFirst = std::chrono::milliseconds(200);
constexpr std::uint16_t kAckPackets = 32;
constexpr std::int64_t kAckMilliseconds = 5;
/// How often what waits is looked at, at most.
constexpr Duration kTick = EarliestArrival::kBurst / 2;
/// Paths that differ by less are taken for equally fast.
constexpr Duration kAsFast = std::chrono::milliseconds(5);
/// A path is worth its delay if, for each second that it takes more, it adds so much of what the faster ones
/// carry; one that is used stays for less.
constexpr double kWorth = 2.0;
constexpr double kStillWorth = 1.4;
/// A path is taken for silent once so many packets were not acknowledged for two round trips and this.
constexpr std::uint32_t kUnheardPackets = 5;
constexpr Duration kAckPatience = std::chrono::milliseconds(100);
/// A queue that is longer than it is meant to be by this may be full; and reports of what it lost come so
/// much later.
constexpr Duration kLongQueue = std::chrono::milliseconds(20);
constexpr Duration kCrowdedFor = std::chrono::seconds(1);
/// What may wait for the paths it was chosen for.
constexpr std::size_t kChosenBytes = kQueueBytes / 2;
/// What may wait while the rate of a path is looked for.
constexpr Duration kBeginningQueue = std::chrono::milliseconds(50);
/// What waits is chosen for anew once a rate differs by so much of what it was, or a delay by so much.
constexpr double kOtherRate = 0.1;
constexpr Duration kOtherDelay = std::chrono::milliseconds(1);

}  // namespace

Aggregation::Path& Aggregation::own(PathId path) {
  auto& own = paths_.at(path.value);
  if (!own) own = std::make_unique<Path>();
  return *own;
}

/// Half the round trip, where the clocks have not been compared.
Duration Aggregation::delay_of(PathId path, const PathViews& paths, TimePoint now) {
  const Path& own = this->own(path);
  // Before the capacity is known, what it makes of all that is under way is too much.
  if (own.rate.base_delay())
    return *own.rate.base_delay() +
           (own.rate.is_beginning() ? own.rate.queue() : own.rate.queue_after(own.meter.sent_bytes(), now));
  std::optional<Duration> offset;
  for (const PathId other : paths.paths()) {
    const RateControl* known = rate_of(other);
    if (known == nullptr || !known->base_delay()) continue;
    const Duration late = *known->base_delay() - paths.of(other).rtt / 2;
    offset = std::max(offset.value_or(late), late);
  }
  return offset.value_or(Duration{}) + paths.of(path).rtt / 2;
}

bool Aggregation::follow(const PathViews& paths, TimePoint now) {
  if (followed_ == now && known_ == paths.paths()) return false;
  followed_ = now;
  const PathSet before = arrivals_.usable();
  Delays delays{};
  looked_for_ = {};
  const PathSet away = known_ - paths.paths();
  known_ = paths.paths();
  for (const PathId path : paths.paths()) {
    const RateControl& rate = own(path).rate;
    delays.at(path.value) = delay_of(path, paths, now);
    if (rate.is_beginning()) looked_for_.insert(path);
    arrivals_.set(path, {rate.rate(), delays.at(path.value)}, now);
  }
  heard_ = heard(paths, now);
  const PathSet used = worthwhile(heard_, before, delays);
  arrivals_.keep(used);
  if (chosen_ > 0 && (used != before || is_choice_old())) choose_anew(now);
  for (const PathId gone : away) arrivals_.forget(gone);
  Duration slowest{};
  for (const PathId path : used) slowest = std::max(slowest, paths.of(path).rtt);
  waiting_.set_target(queue_target(slowest));
  return true;
}

/// A path that goes silent is seen by that earlier than by PINGs, which leave some times a second.
PathSet Aggregation::heard(const PathViews& paths, TimePoint now) {
  PathSet all;
  for (const PathId path : paths.answering()) {
    const Path& own = this->own(path);
    const Duration patience = 2 * paths.of(path).rtt + kAckPatience;
    if (own.unheard_packets < kUnheardPackets || now - own.unheard < patience) all.insert(path);
  }
  return all.empty() ? paths.answering() : all;
}

/// A TCP that is told to send less sends 0.7 of what it did (RFC 9438): the rest is to come from here. And
/// none is to be told so because a rate has not been found yet.
Duration Aggregation::queue_target(Duration slowest) const {
  if (!(looked_for_ & arrivals_.usable()).empty()) return kBeginningQueue;
  return std::max(Codel::kTarget, slowest * 3 / 10);
}

PathSet Aggregation::worthwhile(PathSet paths, PathSet before, const Delays& delays) {
  std::array<PathId, kMaxPaths> ordered{};
  std::size_t count = 0;
  for (const PathId path : paths) ordered.at(count++) = path;
  const auto end = ordered.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(ordered.begin(), end,
            [&](PathId a, PathId b) { return delays.at(a.value) < delays.at(b.value); });
  PathSet used;
  double sum = 0;
  Duration slowest{};
  bool is_open = false;  // one of them may carry more than is known
  for (auto at = ordered.begin(); at != end; ++at) {
    const RateControl& rate = own(*at).rate;
    const Duration delay = delays.at(at->value);
    if (!used.empty() && delay > slowest + kAsFast) {
      const double more = rate.capacity() / std::max(sum, 1.0);
      const double least = before.contains(*at) ? kStillWorth : kWorth;
      if (is_open || more < least * seconds_of(delay - slowest)) continue;
    }
    is_open = is_open || rate.is_beginning();
    used.insert(*at);
    sum += rate.capacity();
    slowest = std::max(slowest, delay);
  }
  return used;
}

Aggregation::Chosen Aggregation::take_chosen(PathId path) {
  std::deque<Chosen>& queue = own(path).queue;
  Chosen chosen = std::move(queue.front());
  queue.pop_front();
  arrivals_.unqueue(path, chosen.item.payload.size());
  chosen_bytes_ -= chosen.item.payload.size();
  --chosen_;
  return chosen;
}

void Aggregation::enqueue(PathId path, Chosen&& chosen) {
  arrivals_.queue(path, chosen.item.payload.size());
  own(path).queue.push_back(std::move(chosen));
}

bool Aggregation::is_choice_old() const {
  const PathSet used = arrivals_.usable();
  return std::any_of(used.begin(), used.end(), [&](PathId path) {
    const Path& own = *paths_.at(path.value);
    const EarliestArrival::Path& now = arrivals_.of(path);
    return std::abs(now.bytes_per_second - own.chosen_with.bytes_per_second) >
               kOtherRate * own.chosen_with.bytes_per_second ||
           std::chrono::abs(now.delay - own.chosen_with.delay) > kOtherDelay;
  });
}

std::vector<Aggregation::Chosen> Aggregation::take_all_chosen() {
  std::vector<Chosen> all;
  all.reserve(chosen_);
  for (std::uint8_t i = 0; i < kMaxPaths; ++i) {
    if (!paths_.at(i)) continue;
    for (Chosen& chosen : paths_.at(i)->queue) {
      arrivals_.unqueue(PathId{i}, chosen.item.payload.size());
      all.push_back(std::move(chosen));
    }
    paths_.at(i)->queue.clear();
  }
  std::sort(all.begin(), all.end(), [](const Chosen& a, const Chosen& b) { return a.turn < b.turn; });
  return all;
}

void Aggregation::choose_anew(TimePoint now) {
  for (Chosen& chosen : take_all_chosen())
    enqueue(arrivals_.soonest(chosen.item.payload.size(), now), std::move(chosen));
  for (const PathId path : arrivals_.usable()) own(path).chosen_with = arrivals_.of(path);
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

/// What waits besides shows that more is to be carried than is known to fit. A copy harms nobody if it comes
/// late or gets lost, which what a flow needs in its order would.
PathSet Aggregation::copies_of(PathId path, std::size_t bytes, TimePoint now) {
  PathSet all;
  if (!has_waiting()) return all;
  for (const PathId other : looked_for_) {
    if (other == path || !own(other).queue.empty()) continue;
    if (!arrivals_.may_leave(other, now)) {
      own(other).is_limited = true;
      continue;
    }
    arrivals_.charge(other, bytes, now);
    all.insert(other);
  }
  return all;
}

void Aggregation::send_chosen(std::size_t overhead, const Steps& steps, TimePoint now) {
  for (const PathId path : arrivals_.usable()) {
    while (!own(path).queue.empty() && arrivals_.may_leave(path, now)) {
      Chosen chosen = take_chosen(path);
      const std::size_t bytes = chosen.item.payload.size() + overhead;
      arrivals_.charge(path, bytes, now);
      steps.send(chosen.item, chosen.number, PathSet::of(path) | copies_of(path, bytes, now));
    }
  }
}

void Aggregation::pump(std::size_t overhead, const Steps& steps, TimePoint now) {
  send_chosen(overhead, steps, now);
  resume_ = kNever;
  while (const FairQueue::Item* next = waiting_.front(now)) {
    if (chosen_bytes_ > kChosenBytes || chosen_ >= kQueueDatagrams) break;
    const std::size_t bytes = next->payload.size() + overhead;
    const auto choice = arrivals_.choose(bytes, now);
    if (!choice) {
      resume_ = arrivals_.retry_at();
      for (const PathId path : arrivals_.usable()) own(path).is_limited = true;
      break;
    }
    FairQueue::Item item = waiting_.pop();
    const auto number = steps.number(item);
    if (choice->is_at_once) {
      arrivals_.charge(choice->path, bytes, now);
      steps.send(item, number, PathSet::of(choice->path) | copies_of(choice->path, bytes, now));
    } else {
      chosen_bytes_ += item.payload.size();
      ++chosen_;
      enqueue(choice->path, {std::move(item), number, turns_++});
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
  waiting_.expire(now);
  FairQueue::Losses losses = waiting_.take_losses();
  if (now < chosen_deadline()) return losses;
  for (std::uint8_t i = 0; i < kMaxPaths; ++i) {
    if (!paths_.at(i)) continue;
    const std::deque<Chosen>& queue = paths_.at(i)->queue;
    for (; !queue.empty() && queue.front().item.since + kQueueLife <= now; ++losses.expired)
      take_chosen(PathId{i});
  }
  return losses;
}

TimePoint Aggregation::chosen_deadline() const {
  TimePoint first = kNever;
  for (const auto& path : paths_) {
    if (chosen_ > 0 && path && !path->queue.empty())
      first = std::min(first, path->queue.front().item.since + kQueueLife);
  }
  return first;
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
    is_answered_ = false;
    for (const auto& known : paths_) {
      if (!known) continue;
      known->meter = {};
      known->unheard_packets = 0;
    }
  }
  const PathTraffic& traffic = epoch.path(path);
  SentRun sent{epoch.order(), run.first.type, run.first.number, accepted, run.stride, run.stride};
  if (accepted == run.count) sent.tail = run.tail;
  if (!run.is_row) {
    sent.count = 1;
    sent.tail = accepted == 1 ? sent.tail : run.stride;
  }
  Path& own = this->own(path);
  own.meter.on_sent(sent, traffic.sent, traffic.sent_bytes, now);
  if (own.unheard_packets == 0) own.unheard = now;
  own.unheard_packets += accepted;
}

void Aggregation::on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now) {
  if (ack.path.value >= kMaxPaths || !paths_.at(ack.path.value)) return;
  Path& path = *paths_.at(ack.path.value);
  const auto report = path.meter.on_ack(ack, epoch.order(), now);
  path.unheard_packets = 0;
  is_answered_ = true;
  if (!report) return;
  path.rate.on_report(*report, std::exchange(path.is_limited, !path.queue.empty()), now);
  if (path.rate.queue() > 2 * path.rate.target() + kLongQueue) path.crowded = now + kCrowdedFor;
}

void Aggregation::forget(PathId path) {
  if (!paths_.at(path.value)) return;
  Path& own = this->own(path);
  own.rate = RateControl{};
  own.is_limited = false;
  own.unheard_packets = 0;
  own.crowded = TimePoint{};
}

PathSet Aggregation::crowded(TimePoint now) const {
  PathSet all;
  for (const PathId path : known_) {
    if (paths_.at(path.value) && now < paths_.at(path.value)->crowded) all.insert(path);
  }
  return all;
}

std::optional<PathShare> Aggregation::share_of(PathId path) const {
  const RateControl* rate = rate_of(path);
  if (rate == nullptr || !known_.contains(path)) return std::nullopt;
  PathShare share{.bytes_per_second = rate->rate(), .capacity = rate->capacity(), .queue = rate->queue()};
  share.loss = rate->loss();
  if (looked_for_.contains(path)) share.use = PathShare::Use::sought;
  if (!arrivals_.usable().contains(path) && !looked_for_.contains(path)) share.use = PathShare::Use::slow;
  if (!heard_.contains(path)) share.use = PathShare::Use::silent;
  const Duration delay = arrivals_.of(path).delay;
  for (const PathId used : arrivals_.usable())
    share.behind = std::max(share.behind, delay - arrivals_.of(used).delay);
  return share;
}

std::optional<AckWantedFrame> Aggregation::ask(const PathViews& paths, TimePoint now) {
  if (paths.empty()) return std::nullopt;
  const Duration rtt = paths.of(paths.fastest(paths.paths())).rtt;
  const Duration pause = is_answered_ ? kAskAgain : std::max(2 * rtt, kAskFirst);
  if (asked_ != TimePoint{} && now - asked_ < pause) return std::nullopt;
  asked_ = now;
  const std::int64_t quarter = rtt / std::chrono::milliseconds(1) / 4;
  const std::int64_t interval = std::clamp<std::int64_t>(quarter, kAckMilliseconds, 1000);
  return AckWantedFrame{static_cast<std::uint16_t>(interval), kAckPackets};
}

}  // namespace mptunnel
