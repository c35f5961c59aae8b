#include "mptunnel/path/mtu_search.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

/// How many probes in a row stay unanswered with a probability of at most `mistakes`, on a path on which this
/// share of them is answered.
unsigned tries_for(double answer_share, double mistakes, unsigned least, unsigned most) {
  unsigned tries = 1;
  for (double all_lost = 1 - answer_share; all_lost > mistakes && tries < most; ++tries)
    all_lost *= 1 - answer_share;
  return std::max(tries, least);
}

}  // namespace

MtuSearch::Patience MtuSearch::Patience::of(const RttEstimator& rtt, double answer_share) {
  const Duration answer = std::max<Duration>(kMtuAnswerAtLeast, rtt.late_after());
  return {answer, tries_for(answer_share, kMtuMistakes, kMtuLeastTries, kMtuMostTries),
          tries_for(answer_share, kMtuConfirmMistakes, kMtuLeastConfirmTries, kMtuMostConfirmTries),
          tries_for(answer_share, kMtuDoubtMistakes, kMtuLeastDoubtTries, kMtuMostConfirmTries),
          std::max<Duration>(kMtuDoubtAnswer, rtt.late_after())};
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
  return last_large_ && now - *last_large_ < kMtuLargeStopped;
}

TimePoint MtuSearch::next_probe(bool moving) const {
  if (phase_ == Phase::off) return kNever;
  if (phase_ != Phase::done) return next_;
  TimePoint due = kNever;
  if (moving) due = rise_at_;
  // A confirmation is due this long after the last one, if a large packet was sent in between. If none was,
  // the next large packet makes it due.
  if (last_large_ && *last_large_ > confirmed_) due = std::min(due, confirmed_ + confirm_after());
  return due;
}

std::optional<std::size_t> MtuSearch::probe(const Patience& patience, bool moving, TimePoint now) {
  if (now < next_probe(moving)) return std::nullopt;
  if (phase_ == Phase::done) {
    // Before a confirmation: under steady traffic one follows another, and there would never be time to rise.
    if (moving && now >= rise_at_) {
      rise(now);
    } else if (is_large_moving(now)) {
      phase_ = Phase::confirm;
      size_ = low_;
      tries_ = 0;
      next_ = now;
    } else {
      // Large packets have stopped: the next one asks again.
      last_large_.reset();
      return std::nullopt;
    }
  }
  if (tries_ >= (phase_ == Phase::confirm ? patience.confirm_tries : patience.tries)) {
    // The second probe of a confirmation left early: nothing is given up the sooner for that.
    next_ = now + std::exchange(early_, Duration{});
    if (now < next_) return std::nullopt;
    give_up(now);
  }
  if (phase_ == Phase::done || now < next_) return std::nullopt;
  ++tries_;
  if (phase_ == Phase::confirm && tries_ >= patience.doubt_tries)
    doubted_from_ = std::min(doubted_from_, now + patience.late);
  answer_ = patience.answer;
  next_ = now + answer_;
  if (phase_ == Phase::confirm && tries_ == 1) {
    // One lost probe is no reason for doubt. Whether it was the only one is asked as soon as it is late.
    early_ = answer_ - patience.late;
    next_ -= early_;
  }
  return size_;
}

void MtuSearch::on_seen(std::size_t size, TimePoint now) {
  if (phase_ == Phase::off || size > kMaxPacketBytes) return;
  largest_seen_ = std::max(largest_seen_, size);
  if (size >= low_) {
    confirmed_ = now;
    large_ = 0;
    doubted_from_ = now + kMtuConfirmAfter + slack();
  }
  if (size == low_ && phase_ == Phase::confirm) {
    finish(now);
    return;
  }
  // A late answer counts, too: the size passes, although it was given up for want of an answer.
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
    next_ = now + kMtuAfterRefusal;
  } else if (phase_ == Phase::search && size <= size_) {
    aim(now);
    if (phase_ == Phase::search) next_ = now + kMtuAfterLocalAnswer;
  }
}

void MtuSearch::give_up(TimePoint now) {
  if (phase_ == Phase::confirm) {
    // Less passes than before: the search starts over.
    const std::size_t lost = low_;
    const auto large = last_large_;
    start(now);
    high_ = lost;
    last_large_ = large;
    rise_at_ = now + kMtuRaiseAfterFall;
    return;
  }
  if (phase_ == Phase::base) {
    low_ = kLeastMtu;
    rise_at_ = kNever;
  }
  high_ = size_ == kBaseMtu && ceiling_ > low_ ? ceiling_ : size_;
  ceiling_ = 0;
  phase_ = Phase::search;
  aim(now);
}

void MtuSearch::aim(TimePoint now) {
  tries_ = 0;
  early_ = {};
  next_ = now;
  const bool is_usual = std::find(kMtuUsual.begin(), kMtuUsual.end(), low_) != kMtuUsual.end();
  if (high_ - low_ <= (is_usual ? kMtuGrain : 1)) {
    finish(now);
    return;
  }
  if (low_ < kBaseMtu && high_ > kBaseMtu) {
    size_ = kBaseMtu;
    return;
  }
  const auto first = std::upper_bound(kMtuUsual.begin(), kMtuUsual.end(), low_);
  const auto last = std::lower_bound(first, kMtuUsual.end(), high_);
  if (low_ < kMtuMostUsual && high_ > kMtuMostUsual) {
    size_ = kMtuMostUsual;
  } else if (high_ > kMaxPacketBytes) {
    size_ = low_ < kMtuUsual[kMtuUsual.size() - 2] ? kMtuUsual[kMtuUsual.size() - 2] : kMaxPacketBytes;
  } else if (is_usual && (first == last || *first > low_ + kMtuGrain) && high_ > low_ + kMtuGrain) {
    // If the link has this usual size, a little more does not pass, and the search is over.
    size_ = low_ + kMtuGrain;
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
  // While larger sizes were searched, low_ was not confirmed.
  doubted_from_ = std::max(doubted_from_, now + slack());
  if (rise_at_ != kNever && now < rise_at_) return;
  if (low_ < kBaseMtu) {
    rise_at_ = now + base_again_;
    base_again_ = std::min<Duration>(4 * base_again_, kMtuRaiseAfter);
  } else {
    rise_at_ = low_ < kMaxPacketBytes ? now + kMtuRaiseAfter : kNever;
  }
}

void MtuSearch::rise(TimePoint now) {
  phase_ = Phase::search;
  if (low_ < kBaseMtu && base_again_ < kMtuRaiseAfter) ceiling_ = high_;
  high_ = kMaxPacketBytes + 1;
  rise_at_ = kNever;
  aim(now);
}

}  // namespace mptunnel
