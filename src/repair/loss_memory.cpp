#include "mptunnel/repair/loss_memory.h"

#include <algorithm>
#include <cmath>

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

void LossMemory::Counts::add(double more_sent, double more_lost, double more_runs) {
  sent += more_sent;
  lost += more_lost;
  runs += more_runs;
}

void LossMemory::add(std::uint64_t sent, std::uint64_t lost, std::uint64_t runs, TimePoint now) {
  lost = std::min(lost, sent);
  runs = std::clamp<std::uint64_t>(runs, lost > 0 ? 1 : 0, lost);
  const Duration span = now - last_;
  last_ = now;
  long_.fade(half_of(span, kLossHalfLife));
  recent_.fade(half_of(span, kRecentHalfLife));
  for (Counts* counts : {&long_, &recent_}) {
    counts->add(static_cast<double>(sent), static_cast<double>(lost), static_cast<double>(runs));
  }
  const bool is_more = lower_of(recent_, kChangeDeviations) > upper_of(long_, kChangeDeviations);
  if (!is_more || recent_.runs < kChangeRuns) return;
  long_ = recent_;
  ++changes_;
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
