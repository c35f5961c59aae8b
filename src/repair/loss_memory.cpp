#include "mptunnel/repair/loss_memory.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mptunnel/repair/limits.h"
#include "mptunnel/repair/residual_loss.h"

namespace mptunnel {
namespace {

double half_of(Duration span, Duration half_life) {
  return std::exp2(-seconds_of(span) / seconds_of(half_life));
}

}  // namespace

void LossMemory::Counts::fade(double factor) {
  sent *= factor;
  lost *= factor;
  runs *= factor;
}

void LossMemory::Counts::add(const Counts& more) {
  sent += more.sent;
  lost += more.lost;
  runs += more.runs;
}

LossMemory::Counts LossMemory::Counts::without(const Counts& part) const {
  return {std::max(0.0, sent - part.sent), std::max(0.0, lost - part.lost), std::max(0.0, runs - part.runs)};
}

void LossMemory::add(std::uint64_t sent, std::uint64_t lost, std::uint64_t runs, TimePoint now) {
  lost = std::min(lost, sent);
  runs = std::clamp<std::uint64_t>(runs, lost > 0 ? 1 : 0, lost);
  const Duration span = now - last_;
  last_ = now;
  const Counts news{static_cast<double>(sent), static_cast<double>(lost), static_cast<double>(runs)};
  long_.fade(half_of(span, kLossHalfLife));
  recent_.fade(half_of(span, kRecentHalfLife));
  long_.add(news);
  recent_.add(news);
  if (rise_) follow_rise(news, span, now);
  const bool is_more = lower_of(recent_, kChangeDeviations) > upper_of(long_, kChangeDeviations);
  if (is_more && recent_.runs >= kChangeRuns) rise(now);
}

void LossMemory::rise(TimePoint now) {
  if (!rise_) {
    const bool is_soon = recoveries_ > 0 && now - recovered_ < kRiseApart;
    patience_ = is_soon ? std::min(2 * patience_, kMostPatience) : kLeastPatience;
    rise_ = {long_.without(recent_), recent_, {}, now, now};
  }
  long_ = recent_;
  ++changes_;
}

void LossMemory::follow_rise(const Counts& news, Duration span, TimePoint now) {
  Rise& rise = *rise_;
  rise.before.fade(half_of(span, kLossHalfLife));
  rise.since.add(news);
  if (lower_of(rise.since, kChangeDeviations) > upper_of(rise.before, kChangeDeviations)) {
    rise.during.add(std::exchange(rise.since, {}));
    rise.ended = now;
    return;
  }
  if (now - rise.ended < std::max(patience_, rise.ended - rise.began)) return;
  // The next run may be as long as those of the rise.
  Counts in_runs = rise.since;
  in_runs.sent /= mean_run_of(rise.during);
  if (upper_of(in_runs, kChangeDeviations) >= lower_of(rise.during, kChangeDeviations)) return;
  long_ = rise.before;
  long_.add(rise.since);
  rise_.reset();
  recovered_ = now;
  ++recoveries_;
}

double LossMemory::mean_run_of(const Counts& counts) {
  return counts.runs > 0 ? std::max(1.0, counts.lost / counts.runs) : 1;
}

double LossMemory::upper_of(const Counts& counts, double deviations) {
  // So many chances to lose a run.
  const double run = mean_run_of(counts);
  return std::min(
      1.0, wilson_upper(counts.lost / run, std::max(counts.sent / run, counts.lost / run), deviations));
}

double LossMemory::lower_of(const Counts& counts, double deviations) {
  const double run = mean_run_of(counts);
  return wilson_lower(counts.lost / run, std::max(counts.sent / run, counts.lost / run), deviations);
}

}  // namespace mptunnel
