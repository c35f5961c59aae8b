#include "mptunnel/path/server_path.h"

#include <algorithm>

#include "mptunnel/wire/limits.h"

namespace mptunnel {

ServerPath::ServerPath(const Route& route, bool validated, RandomSource& random, TimePoint now)
    : route_(route), validated_(validated), token_(random.u64()), last_control_(now), last_ping_(now) {}

bool ServerPath::is_usable(TimePoint now) const {
  return validated_ && now - last_control_ <= std::max<Duration>(kServerPathLife, 3 * interval_);
}

PathState ServerPath::state(TimePoint now) const {
  if (!validated_) return PathState::fresh;
  if (unheard_) return PathState::down;
  const Duration silent = now - last_heard();
  if (silent <= std::max<Duration>(interval_ * 5 / 2, kServerSuspectAfter)) return PathState::up;
  const Duration down_after = std::max({3 * interval_, Duration{kDownAfter}, 3 * rtt_.smoothed()});
  return silent < down_after ? PathState::suspect : PathState::down;
}

void ServerPath::on_report(const PathReport& report, std::optional<Duration> round_trip) {
  standby_ = (report.flags & PathReport::kStandby) != 0;
  if (const auto ahead = static_cast<std::int32_t>(report.sequence - next_ping_);
      next_ping_ != 0 && ahead > 0) {
    for (std::int32_t i = 0; i < std::min(ahead, kMostPingsMissed); ++i)
      ping_share_ -= kAnswerShareStep * ping_share_;
  }
  next_ping_ = report.sequence + 1;
  ping_share_ += kAnswerShareStep * (1 - ping_share_);
  unheard_ = (report.flags & PathReport::kUnheard) != 0;
  metered_ = (report.flags & PathReport::kMetered) != 0;
  interval_ = std::chrono::milliseconds(report.interval);
  if (round_trip) rtt_.add(*round_trip);
}

ServerPath::PingVerdict ServerPath::on_ping(const Route& from, std::uint64_t order, std::size_t bytes,
                                            std::size_t challenge_bytes, RandomSource& random,
                                            TimePoint now) {
  PingVerdict verdict;
  const bool is_newest = order >= highest_order_;
  highest_order_ = std::max(highest_order_, order);
  if (is_newest) last_ping_ = now;
  if (from != route_ && is_newest && !validated_) {
    route_ = from;
    token_ = random.u64();
    challenges_ = 0;
  }
  if (from == route_) {
    if (is_newest) candidate_.reset();
    last_control_ = now;
    verdict.answer = true;
    if (!validated_) {
      verdict.challenge = token_;
      ++challenges_;
      challenged_ = now;
    }
    return verdict;
  }
  // The old address may be alive, and is where the answer is safe: whoever copies PINGs and is faster than
  // the path must not silence it.
  verdict.answer = validated_;
  if (!is_newest || (refused_ && refused_->route == from && now < refused_->until)) return verdict;
  if (!candidate_ || candidate_->route != from) {
    candidate_ = Candidate{from, random.u64(), random.u64(), 0, 0};
    verdict.challenge_old = candidate_->old_token;
  }
  candidate_->bytes_from += bytes;
  if (candidate_->bytes_to + challenge_bytes <= candidate_->bytes_from) {
    candidate_->bytes_to += challenge_bytes;
    verdict.challenge_new = candidate_->token;
  }
  return verdict;
}

ServerPath::EchoVerdict ServerPath::on_echo(std::uint64_t token, const Route& from, TimePoint now) {
  if (!validated_ && token == token_ && from == route_) {
    validated_ = true;
    last_control_ = now;
    if (challenges_ == 1) rtt_.add(now - challenged_);
    return EchoVerdict::validated;
  }
  if (candidate_ && token == candidate_->token && from == candidate_->route) {
    former_ = Former{route_, candidate_->old_token, now + std::max(kFormerAddressLife, 3 * rtt_.smoothed())};
    route_ = from;
    last_control_ = now;
    candidate_.reset();
    return EchoVerdict::moved;
  }
  if (candidate_ && token == candidate_->old_token) {
    refused_ = Refused{candidate_->route, now + kRefusedAddressRest};
    candidate_.reset();
    last_control_ = now;
    return EchoVerdict::stayed;
  }
  if (former_ && token == former_->token && now < former_->until) {
    refused_ = Refused{route_, now + kRefusedAddressRest};
    route_ = former_->route;
    former_.reset();
    last_control_ = now;
    return EchoVerdict::stayed;
  }
  return EchoVerdict::none;
}

}  // namespace mptunnel
