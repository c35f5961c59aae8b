#include "mptunnel/path/server_path.h"

#include <algorithm>

#include "mptunnel/base/cursor.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

namespace {

/// The token for this address: whoever has it hears what is sent there.
std::uint64_t token_of(const SipHashKey& key, const Route& route) {
  std::array<std::uint8_t, 2 * kEndpointBytes> bytes{};
  ByteWriter writer(bytes);
  for (const Endpoint* end : {&route.remote, &route.local}) writer.bytes(bytes_of(*end));
  return siphash(key, bytes);
}

}  // namespace

ServerPath::ServerPath(const Route& route, RandomSource& random, TimePoint now)
    : route_(route), key_(random_siphash_key(random)), last_control_(now), last_ping_(now) {}

bool ServerPath::is_usable(TimePoint now) const {
  return validated_ &&
         now - std::max(last_control_, last_proxy_) <= std::max<Duration>(kServerPathLife, 3 * interval_);
}

PathState ServerPath::state(TimePoint now) const {
  if (!validated_) return PathState::fresh;
  if (unheard_) return PathState::down;
  const Duration silent = now - last_heard();
  if (silent <= std::max<Duration>(interval_ * 5 / 2, kServerSuspectAfter)) return PathState::up;
  // PINGs that wait in a queue which is filling are late, and nobody knows how late.
  const Duration least = rtt_.shows_queue(rtt_.latest()) ? kDownAfterQueue : kDownAfter;
  const Duration down_after = std::max({3 * interval_, least, 3 * rtt_.smoothed()});
  return silent < down_after ? PathState::suspect : PathState::down;
}

void ServerPath::on_report(const PathReport& report, std::optional<Duration> round_trip) {
  take_wishes(report);
  if (const auto ahead = static_cast<std::int32_t>(report.sequence - next_ping_);
      next_ping_ != 0 && ahead > 0) {
    for (std::int32_t i = 0; i < std::min(ahead, kMostPingsMissed); ++i)
      ping_share_ -= kAnswerShareStep * ping_share_;
  }
  next_ping_ = report.sequence + 1;
  ping_share_ += kAnswerShareStep * (1 - ping_share_);
  if (round_trip) rtt_.add(*round_trip);
}

void ServerPath::on_proxy_report(const PathReport& report, std::uint64_t order, TimePoint now) {
  if (!validated_ || order < highest_proxy_order_ || order < highest_order_) return;
  highest_proxy_order_ = order;
  take_wishes(report);
  // Of a path that passes neither way there is nothing to hear.
  if (!unheard_) last_proxy_ = now;
}

void ServerPath::take_wishes(const PathReport& report) {
  standby_ = (report.flags & PathReport::kStandby) != 0;
  held_ = (report.flags & PathReport::kHeld) != 0;
  unheard_ = (report.flags & PathReport::kUnheard) != 0;
  metered_ = (report.flags & PathReport::kMetered) != 0;
  interval_ = std::chrono::milliseconds(report.interval);
}

ServerPath::PingVerdict ServerPath::on_ping(const PingArrival& ping, std::size_t challenge_bytes,
                                            RandomSource& random, TimePoint now) {
  const bool is_newest = !ping.is_copy && ping.order >= highest_order_;
  highest_order_ = std::max(highest_order_, ping.order);
  if (is_newest) last_ping_ = now;
  if (!validated_) return prove(ping.from, now);

  PingVerdict verdict;
  // The old address may be alive, and is where the answer is safe: whoever copies PINGs and is faster than
  // the path must not silence it.
  verdict.answer = !ping.is_copy;
  if (ping.from == route_ && !ping.is_copy) {
    if (is_newest) {
      away_since_.reset();
      move_.reset();
    }
    last_control_ = now;
    return verdict;
  }
  if (is_newest && !away_since_) away_since_ = ping.order;
  if (!away_since_ || ping.order < *away_since_) return verdict;
  if (ping.from == route_) {
    last_control_ = now;
  } else {
    test(ping, challenge_bytes, verdict, random, now);
  }
  return verdict;
}

ServerPath::PingVerdict ServerPath::prove(const Route& from, TimePoint now) {
  last_control_ = challenged_ = now;
  ++challenges_;
  PingVerdict verdict;
  verdict.answer = true;
  verdict.challenge = token_of(key_, from);
  return verdict;
}

void ServerPath::test(const PingArrival& ping, std::size_t challenge_bytes, PingVerdict& verdict,
                      RandomSource& random, TimePoint now) {
  if (challenge_bytes > ping.bytes || is_refused(ping.from, now)) return;
  if (!move_) {
    move_ = Move{random_siphash_key(random), random.u64(), ping.from};
    verdict.challenge_old = move_->old_token;
  }
  move_->latest = ping.from;
  verdict.challenge_new = token_of(move_->key, ping.from);
}

bool ServerPath::is_refused(const Route& from, TimePoint now) const {
  return std::any_of(refused_.begin(), refused_.end(),
                     [&](const Refused& refused) { return refused.route == from && now < refused.until; });
}

void ServerPath::refuse(const Route& from, TimePoint now) {
  refused_[next_refused_++ % refused_.size()] = {from, now + kRefusedAddressRest};
  away_since_.reset();
  move_.reset();
}

ServerPath::EchoVerdict ServerPath::on_echo(std::uint64_t token, const Route& from, TimePoint now) {
  if (!validated_) {
    if (token != token_of(key_, from)) return EchoVerdict::none;
    route_ = from;
    validated_ = true;
    last_control_ = now;
    if (challenges_ == 1) rtt_.add(now - challenged_);
    return EchoVerdict::validated;
  }
  if (move_ && from != route_ && token == token_of(move_->key, from)) {
    former_ = Former{route_, move_->old_token, now + std::max(kFormerAddressLife, 3 * rtt_.smoothed())};
    route_ = from;
    last_control_ = now;
    away_since_.reset();
    move_.reset();
    return EchoVerdict::moved;
  }
  if (move_ && token == move_->old_token) {
    refuse(move_->latest, now);
    last_control_ = now;
    return EchoVerdict::stayed;
  }
  if (former_ && token == former_->token && now < former_->until) {
    refuse(route_, now);
    route_ = former_->route;
    former_.reset();
    last_control_ = now;
    return EchoVerdict::stayed;
  }
  return EchoVerdict::none;
}

}  // namespace mptunnel
