#include "mptunnel/path/rate_control.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mptunnel {
namespace {

constexpr double kFullPacket = 1400;
/// What may be under way before anything is known: about what RFC 6928 has.
constexpr double kFirstBytes = 14 * kFullPacket;
constexpr double kFirstRate = kFirstBytes / 0.1;
constexpr double kGain = 0.4;
/// While the rate is looked for: a TCP that doubles what it sends each RTT is not held, though what came is
/// known half an RTT later, as an average.
constexpr double kBeginGain = 2.9;
/// A base that was not seen again for so long is forgotten: routes change.
constexpr double kBaseLife = 10;
/// The target is this share of max(5 ms, a tenth of the RTT), so that the queue stays below that.
constexpr double kTargetShare = 0.5;
constexpr double kLeastQueue = 0.005;
constexpr double kQueueOfRtt = 0.1;
/// A path whose delays jump can't be held to a queue shorter than the jumps.
constexpr double kMostNoise = 0.01;
constexpr double kLeastRound = 0.02;
/// Of the reports whose least delay is taken for the queue's.
constexpr double kLeastSpan = 0.03;
constexpr double kMostBoost = 8;
constexpr double kMostStep = 1.5;
constexpr double kLeastStep = 0.3;
constexpr double kMostLoss = 0.5;
/// In a round of the beginning.
constexpr double kMuchLost = 0.2;
constexpr double kFewBytes = 15000;
/// Of what was sent, less than this comes: it was held.
constexpr double kHeld = 0.97;
/// Packets that were held on the way come faster than they left.
constexpr double kMostBunching = 2;
/// So much is counted before a loss is judged: at 10 %, 400 packets tell 8.5 from 11.5 % as a rule.
constexpr double kJudgedBytes = 200 * kFullPacket;
constexpr double kTrialBytes = 600 * kFullPacket;
constexpr double kTrialRate = 0.8;
constexpr double kMoreLoss = 0.05;
/// A report that does not go on from the last is taken for a beginning if there was no other for so long.
constexpr double kSilence = 1;
constexpr double kLeastRtt = 0.0001;
/// Delays beyond are taken for this: no path has them.
constexpr double kMostDelay = 60;
constexpr double kMostRate = 1e10;
/// Reports come some hundred times in an RTT at most, unless a peer is up to something.
constexpr std::size_t kMostPoints = 1024;
constexpr std::size_t kMostDelays = 4096;
/// How often the base is looked for, with which share of the rate, how long beside what the queue takes, and
/// how long a queue may take to drain before it counts as another's.
constexpr double kLookEach = 5;
constexpr double kLookRate = 0.5;
constexpr double kLookTime = 0.03;
constexpr double kDrainTime = 0.3;
/// After the beginning, which leaves up to an RTT of queue.
constexpr double kDrainRate = 0.4;

}  // namespace

void RateControl::on_report(const DeliveryReport& report, bool is_limited, TimePoint now) {
  const double at = seconds_of(now.time_since_epoch());
  if (!is_news(report, at)) return;
  const double rtt = std::clamp(seconds_of(report.rtt), kLeastRtt, kMostDelay);
  rtt_ = rtt_ == 0 ? rtt : 0.875 * rtt_ + 0.125 * rtt;
  note_delay(seconds_of(report.least_delay), at);
  look_for_base(at);
  note_loss(report, is_limited, at);
  const auto first = over_a_round(report);
  if (!first) return;
  const double took = seconds_of(report.arrived) - first->arrived;
  const double took_to_leave = seconds_of(report.left.time_since_epoch()) - first->left;
  // Nothing comes faster than it left, over a round and in all, whatever a report says.
  const double offered = static_cast<double>(report.sent - first->sent) / took_to_leave;
  delivered_ = std::min(
      {kMostRate, static_cast<double>(report.received - first->received) / took, kMostBunching * offered});
  learn(delivered_, offered * (1 - loss_), at - idle_ > took);
  if (is_beginning_) begin(delivered_, is_limited, at);
  if (is_beginning_) return;
  if (queue_after(report.sent_by_now, now) <= target()) drained_ = 0;
  steady(is_limited, at);
}

/// The newest packet that came had waited for as long as is known; since it left, the bottleneck passes on
/// what left after it.
Duration RateControl::queue_after(std::uint64_t sent, TimePoint now) const {
  if (points_.empty() || capacity_ <= 0) return queue();
  const Point& last = points_.back();
  const double after = static_cast<double>(sent - std::min(sent, last.sent)) * (1 - loss_) / capacity_;
  const double passed = seconds_of(now.time_since_epoch()) - last.left;
  return from_seconds(std::clamp(last_queue_ + after - passed, 0.0, kMostDelay));
}

bool RateControl::is_news(const DeliveryReport& report, double now) {
  if (!points_.empty()) {
    const Point& last = points_.back();
    const bool goes_on = seconds_of(report.arrived) > last.arrived && report.received > last.received &&
                         seconds_of(report.left.time_since_epoch()) > last.left && report.sent > last.sent;
    if (!goes_on && now < heard_ + kSilence) return false;
    if (!goes_on) points_.clear();
  }
  heard_ = now;
  return true;
}

void RateControl::note_delay(double delay, double now) {
  while (!least_.empty() && least_.back().delay >= delay) least_.pop_back();
  least_.push_back({now, delay});
  while (least_.front().at < now - kBaseLife || least_.size() > kMostDelays) least_.pop_front();
  if (!recent_.empty()) {
    const double change = std::min(kMostDelay, std::abs(delay - recent_.back().delay));
    noise_ += 0.05 * (change - noise_);
  }
  recent_.push_back({now, delay});
  while (recent_.front().at < now - recent_span() || recent_.size() > kMostDelays) recent_.pop_front();
  const auto least = std::min_element(recent_.begin(), recent_.end(),
                                      [](const Delay& a, const Delay& b) { return a.delay < b.delay; });
  queue_ = std::clamp(least->delay - least_.front().delay, 0.0, kMostDelay);
  last_queue_ = std::clamp(delay - least_.front().delay, 0.0, kMostDelay);
  target_ = kTargetShare * std::max(kLeastQueue, kQueueOfRtt * least_rtt()) + std::min(noise_, kMostNoise);
  if (delay < least_.front().delay + target_ / 8) base_seen_ = now;
  if (last_queue_ <= target_ / 4) idle_ = now;
  if (queue_ <= 2 * target_) high_since_ = 0;
  if (high_since_ == 0 && queue_ > 2 * target_) {
    high_since_ = now;
    high_capacity_ = capacity_;
  }
}

void RateControl::look_for_base(double now) {
  if (looking_from_ > 0) {
    const double delay = recent_.back().delay;
    if (now >= looking_from_) looked_ = std::min(looked_.value_or(delay), delay);
    if (now < looking_until_ + rtt_) return;
    // At half the rate a queue of ours falls by half the time: as long as it does, it is no base.
    const bool is_draining = is_stuck_ && looked_ && delay_before_ - *looked_ > 0.4 * kLookRate * looking_;
    if (looked_ && !is_draining) {
      least_.assign(1, {now, *looked_});
      recent_.assign(1, {now, *looked_});
      queue_ = high_since_ = 0;
      // What was taken for a queue was none, and said nothing of the capacity.
      if (is_stuck_) capacity_ = std::max(capacity_, high_capacity_);
    }
    if (is_draining) high_since_ = now;
    looking_from_ = 0;
    looked_.reset();
    base_seen_ = now;
    return;
  }
  const bool is_old = base_seen_ > 0 && now > base_seen_ + kLookEach;
  const bool is_stuck = high_since_ > 0 && now > high_since_ + 4 * rtt_ + kDrainTime;
  if (is_beginning_ || (!is_old && !is_stuck)) return;
  // As long as the queue takes to empty at half the rate, and some reports more.
  const double drain = 2 * std::min(queue_, 2 * target_);
  is_stuck_ = is_stuck;
  delay_before_ = recent_.back().delay;
  looking_ = drain + kLookTime;
  looking_until_ = now + looking_;
  looking_from_ = now + rtt_ + drain;
}

void RateControl::note_loss(const DeliveryReport& report, bool is_limited, double now) {
  const auto lost = static_cast<double>(report.lost);
  const auto came = static_cast<double>(report.acknowledged);
  round_came_ += came;
  round_lost_ += lost;
  // What a full queue drops says nothing of the path, and what too high a rate fills; nor does what comes, of
  // a capacity that nobody asks for, unless it is whether less is lost with a lower rate.
  if (is_beginning_ || queue_ > 2 * target_ || now < counts_from_ || !(is_limited || is_trying_)) return;
  settled_ += came + lost;
  missing_ += lost;
  if (settled_ > (is_trying_ ? kTrialBytes : kJudgedBytes)) judge_loss(now);
}

void RateControl::judge_loss(double now) {
  const double loss = missing_ / settled_;
  settled_ = missing_ = 0;
  if (is_trying_) {
    is_trying_ = false;
    counts_from_ = now + 1.5 * rtt_;
    // Halfway between what a path loses whatever the rate, and one that lets a rate through and no more.
    const double if_policed = std::max(0.0, 1 - (1 - tried_loss_) / kTrialRate);
    if (loss > (tried_loss_ + if_policed) / 2) {
      loss_ = std::min(kMostLoss, loss);
    } else {
      capacity_ = std::min(capacity_, tried_delivered_);
    }
  } else if (loss > 1.5 * loss_ + kMoreLoss) {
    is_trying_ = true;
    tried_loss_ = loss;
    tried_delivered_ = delivered_;
    counts_from_ = now + 1.5 * rtt_;
  } else {
    loss_ += 0.25 * (std::min(kMostLoss, loss) - loss_);
  }
}

std::optional<RateControl::Point> RateControl::over_a_round(const DeliveryReport& report) {
  const double arrived = seconds_of(report.arrived);
  const double span = std::max(least_rtt(), kLeastRound);
  points_.push_back({arrived, report.received, seconds_of(report.left.time_since_epoch()), report.sent});
  while (points_.size() > 2 && (points_[1].arrived <= arrived - span || points_.size() > kMostPoints))
    points_.pop_front();
  if (arrived - points_.front().arrived < span / 2) return std::nullopt;
  return points_.front();
}

void RateControl::learn(double delivered, double offered, bool was_busy) {
  if (capacity_ == 0) {
    capacity_ = delivered;
  } else if (delivered > capacity_) {
    capacity_ += 0.5 * (delivered - capacity_);
  } else if (is_busy() && was_busy && delivered < kHeld * offered) {
    // It left faster than it came, and not only at the end of a burst: the bottleneck passes on no more.
    capacity_ += 0.25 * (delivered - capacity_);
  } else if (queue_ > target_) {
    // What comes as fast as it left says little, but that a queue stays says that less is passed on.
    capacity_ += 0.02 * (delivered - capacity_);
  }
}

void RateControl::begin(double delivered, bool is_limited, double now) {
  bool is_losing = false;
  is_round_limited_ = is_round_limited_ || is_limited;
  if (now >= round_ + rtt_) {
    round_ = now;
    if (delivered > 1.25 * best_) {
      flat_ = 0;
    } else if (std::exchange(is_round_limited_, false)) {
      ++flat_;
    }
    best_ = std::max(best_, delivered);
    is_losing = round_lost_ > kFewBytes && round_lost_ > kMuchLost * (round_came_ + round_lost_);
    round_came_ = round_lost_ = 0;
  }
  is_beginning_ = queue_ <= target_ && flat_ < 3 && !is_losing;
  if (!is_beginning_) {
    drained_ = now + rtt_;
    counts_from_ = now + 1.5 * rtt_;
  }
  rate_ = kBeginGain * std::max(capacity_, delivered) / (1 - loss_);
}

void RateControl::steady(bool is_limited, double now) {
  // As soon as what the last one did is seen.
  if (now >= boosted_ + rtt_ + recent_span()) {
    boosted_ = now;
    boost_ = !is_busy() && is_limited ? std::min(2 * boost_, kMostBoost) : 1;
  }
  if (now < drained_) {
    rate_ = capacity_ * kDrainRate;
  } else if (queue_ > 2 * target_) {
    rate_ = capacity_ * std::max(kLeastStep, 1 - (queue_ - target_) / rtt_);
  } else {
    const double step = 1 + kGain * boost_ * (target_ - queue_) / rtt_;
    rate_ = capacity_ * (is_trying_ ? kTrialRate : std::clamp(step, kLeastStep, kMostStep)) / (1 - loss_);
  }
  if (looking_from_ > 0 && now < looking_until_) rate_ = capacity_ * kLookRate;
}

double RateControl::rate() const {
  // Where little is sent, what comes says little: while a path begins it has so much whatever came before.
  const double least = rtt_ == 0 ? kFirstRate : (is_beginning_ ? kFirstBytes : 2 * kFullPacket) / rtt_;
  const double rate = std::clamp(rate_, std::min(least, kMostRate), kMostRate);
  return cap_ ? std::min(rate, *cap_) : rate;
}

double RateControl::recent_span() const {
  return std::max(kLeastSpan, least_rtt() / 2);
}

double RateControl::least_rtt() const {
  return std::max(kLeastRtt, rtt_ - queue_);
}

std::size_t RateControl::window() const {
  return static_cast<std::size_t>(rate() * 2 * std::max(rtt_, 0.05) + kFirstBytes);
}

}  // namespace mptunnel
