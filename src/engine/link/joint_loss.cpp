#include "mptunnel/engine/link/joint_loss.h"

#include <algorithm>
#include <cmath>

namespace mptunnel {
namespace {

constexpr Duration kPathHalfLife = 2s;
/// So many reports more than there are paths are compared: jitter is not taken for loss.
constexpr std::size_t kReportsMore = 1;
/// Fewer packets say nothing of a path.
constexpr double kLeastSent = 20;

}  // namespace

void JointLoss::Fading::follow(const Arrivals& counts, bool is_queued, TimePoint now) {
  if (counts.sent < last.sent) *this = {};
  if (counts.sent == last.sent) return;
  if (is_queued) {
    last = counts;
    time = now;
    return;
  }
  const double age = std::chrono::duration<double>(now - time) / kPathHalfLife;
  const double factor = std::exp2(-std::min(age, 30.0));
  sent = sent * factor + static_cast<double>(counts.sent - last.sent);
  // What was on its way may have come since.
  const auto more = static_cast<double>(counts.lost()) - static_cast<double>(last.lost());
  lost = std::max(0.0, lost * factor + more);
  last = counts;
  time = now;
}

double JointLoss::Fading::loss() const {
  return sent < kLeastSent ? 0 : std::min(1.0, lost / sent);
}

void JointLoss::restart() {
  count_ = 0;
  told_ = {};
}

LossReport JointLoss::on_report(const DataCounts& counts, const ReportedPaths& paths, TimePoint now) {
  LossReport report;
  // Of one path nothing is known that is not counted of the session as well.
  report.expected_loss = paths.carrying.size() < 2 ? 0 : 1;
  for (const PathId path : paths.carrying) {
    paths_[path.value].follow(paths.traffic[path.value].out, paths.queued.contains(path), now);
    report.expected_loss *= of(path);
  }
  reports_[count_++ % kReports] = counts;
  const std::size_t looked_at = std::min({count_, kReports, paths.carrying.size() + kReportsMore});
  DataCounts best = counts;
  for (std::size_t i = 1; i < looked_at; ++i) {
    const DataCounts& other = reports_[(count_ - 1 - i) % kReports];
    if (other.lost < best.lost) best = other;
  }
  if (best.of <= told_.of) return report;
  if (!(paths.carrying - paths.queued).empty()) {
    report.sent = best.of - told_.of;
    report.lost = std::min<std::uint64_t>(report.sent, best.lost - std::min(best.lost, told_.lost));
    report.runs = std::min<std::uint64_t>(report.lost, best.runs - std::min(best.runs, told_.runs));
  }
  told_ = {best.of, std::max(best.lost, told_.lost), std::max(best.runs, told_.runs)};
  return report;
}

}  // namespace mptunnel
