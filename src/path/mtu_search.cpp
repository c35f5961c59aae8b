#include "mptunnel/path/mtu_search.h"

#include <algorithm>
#include <array>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// UDP payloads over usual links: MTU 1280 to 1500 and 9000, less 28 bytes of IPv4 or 48 of IPv6, some with
/// PPPoE, WireGuard or a carrier's tunnel in between.
constexpr std::array<std::size_t, 14> kUsual{1232, 1252, 1352, 1372, 1392, 1412, 1432,
                                             1444, 1452, 1464, 1472, 8952, 8972, kMaxPacketBytes};
/// The first to be tried: it is what most paths carry.
constexpr std::size_t kMostUsual = 1472;
/// A usual size is known well enough when this many bytes more do not pass; any other is found to the byte.
constexpr std::size_t kGrain = 16;
/// How soon a size that large packets need is confirmed again.
constexpr Duration kConfirmAfter = 2s;
/// How soon it is tried whether more passes by now (PMTU_RAISE_TIMER, RFC 8899, section 5.1.1).
constexpr Duration kRiseAfter = 600s;
/// How soon an EMSGSIZE of a size that passed is looked into: the interface may be about to change again.
constexpr Duration kAfterRefusal = 100ms;

/// How far apart probes are that the own host answers by itself.
constexpr Duration kAfterLocalAnswer = 2ms;
constexpr Duration kLeastPatience = 100ms;
constexpr unsigned kLeastTries = 3;
constexpr unsigned kMostTries = 16;
constexpr unsigned kLeastConfirmTries = 6;
constexpr unsigned kMostConfirmTries = 40;
/// How seldom a size that passes may be given up for lost probes: it is confirmed again and again.
constexpr double kMistakes = 1e-3;
constexpr double kConfirmMistakes = 1e-6;
/// How soon after such a size was given up it is tried whether it passes after all.
constexpr Duration kRiseAfterFall = 30s;

/// So many probes all stay unanswered no more often than `mistakes` says, where this share is answered.
unsigned tries_for(double answer_share, double mistakes, unsigned least, unsigned most) {
  unsigned tries = 1;
  for (double all_lost = 1 - answer_share; all_lost > mistakes && tries < most; ++tries)
    all_lost *= 1 - answer_share;
  return std::max(tries, least);
}

}  // namespace

MtuSearch::Patience MtuSearch::Patience::of(const RttEstimator& rtt, double answer_share) {
  const Duration answer = std::max<Duration>(kLeastPatience, (rtt.smoothed() + 4 * rtt.variation()) * 3 / 2);
  return {answer, tries_for(answer_share, kMistakes, kLeastTries, kMostTries),
          tries_for(answer_share, kConfirmMistakes, kLeastConfirmTries, kMostConfirmTries)};
}

void MtuSearch::start(TimePoint now) {
  *this = MtuSearch{};
  phase_ = Phase::base;
  size_ = kBaseMtu;
  next_ = now;
}

void MtuSearch::stop() {
  *this = MtuSearch{};
}

bool MtuSearch::is_large_moving(TimePoint now) const {
  return last_large_ && now - *last_large_ < kConfirmAfter;
}

TimePoint MtuSearch::next_probe(bool moving) const {
  if (phase_ == Phase::off) return kNever;
  if (phase_ != Phase::done) return next_;
  TimePoint due = kNever;
  if (moving) due = rise_at_;
  // The next large packet finds it due.
  if (last_large_ && *last_large_ > confirmed_) due = std::min(due, confirmed_ + kConfirmAfter);
  return due;
}

std::optional<std::size_t> MtuSearch::probe(const Patience& patience, bool moving, TimePoint now) {
  if (now < next_probe(moving)) return std::nullopt;
  if (phase_ == Phase::done) {
    // First: a confirmation that ends then would put it off, each time.
    if (moving && now >= rise_at_) {
      rise(now);
    } else if (is_large_moving(now)) {
      phase_ = Phase::confirm;
      size_ = low_;
      tries_ = 0;
      next_ = now;
    } else {
      // Large packets have stopped: their like will ask again.
      confirmed_ = now;
      return std::nullopt;
    }
  }
  if (tries_ >= (phase_ == Phase::confirm ? patience.confirm_tries : patience.tries)) give_up(now);
  if (phase_ == Phase::done || now < next_) return std::nullopt;
  ++tries_;
  next_ = now + patience.answer;
  return size_;
}

void MtuSearch::on_seen(std::size_t size, TimePoint now) {
  if (phase_ == Phase::off || size > kMaxPacketBytes) return;
  if (size == low_ && phase_ == Phase::confirm) {
    finish(now);
    return;
  }
  // A late answer to a size that was given up says more than the silence before it.
  if (size < low_ || (size == low_ && phase_ != Phase::base)) return;
  low_ = size;
  if (high_ <= low_) high_ = kMaxPacketBytes + 1;
  if (phase_ == Phase::done) return;
  phase_ = Phase::search;
  aim(now);
}

void MtuSearch::on_refused(std::size_t size, TimePoint now) {
  if (phase_ == Phase::off || size <= kLeastMtu) return;
  high_ = std::min(high_, size);
  if (size <= low_) {
    low_ = size <= kBaseMtu ? kLeastMtu : kBaseMtu;
    phase_ = Phase::search;
    aim(now);
    next_ = now + kAfterRefusal;
  } else if (phase_ == Phase::search && size <= size_) {
    aim(now);
    if (phase_ == Phase::search) next_ = now + kAfterLocalAnswer;
  }
}

void MtuSearch::give_up(TimePoint now) {
  if (phase_ == Phase::confirm) {
    // Less passes than did: all is to be found anew.
    const std::size_t lost = low_;
    const auto large = last_large_;
    start(now);
    high_ = lost;
    last_large_ = large;
    rise_at_ = now + kRiseAfterFall;
    return;
  }
  high_ = size_;
  if (phase_ == Phase::base) low_ = kLeastMtu;
  phase_ = Phase::search;
  aim(now);
}

void MtuSearch::aim(TimePoint now) {
  tries_ = 0;
  next_ = now;
  const bool is_usual = std::find(kUsual.begin(), kUsual.end(), low_) != kUsual.end();
  if (high_ - low_ <= (is_usual ? kGrain : 1)) {
    finish(now);
    return;
  }
  const auto first = std::upper_bound(kUsual.begin(), kUsual.end(), low_);
  const auto last = std::lower_bound(first, kUsual.end(), high_);
  if (low_ < kMostUsual && high_ > kMostUsual) {
    size_ = kMostUsual;
  } else if (high_ > kMaxPacketBytes) {
    size_ = low_ < kUsual[kUsual.size() - 2] ? kUsual[kUsual.size() - 2] : kMaxPacketBytes;
  } else if (is_usual && (first == last || *first > low_ + kGrain) && high_ > low_ + kGrain) {
    // A link of a usual size ends just there.
    size_ = low_ + kGrain;
  } else if (first != last) {
    size_ = *(first + (last - first) / 2);
  } else {
    size_ = low_ + (high_ - low_) / 2;
  }
}

void MtuSearch::finish(TimePoint now) {
  phase_ = Phase::done;
  is_measured_ = true;
  tries_ = 0;
  next_ = kNever;
  confirmed_ = now;
  if (rise_at_ == kNever || now >= rise_at_) rise_at_ = low_ < kMaxPacketBytes ? now + kRiseAfter : kNever;
}

void MtuSearch::rise(TimePoint now) {
  phase_ = Phase::search;
  high_ = kMaxPacketBytes + 1;
  rise_at_ = kNever;
  aim(now);
}

}  // namespace mptunnel
