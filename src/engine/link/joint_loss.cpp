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
/// And so many of a session do, where each goes by one path.
constexpr double kUnknownUntil = 400;

}  // namespace

void JointLoss::Fading::follow(const Arrivals& counts, bool is_of_path, TimePoint now) {
  if (counts.sent < last.sent) *this = {};
  if (counts.sent == last.sent) return;
  if (!is_of_path) {
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

void JointLoss::Overrun::follow(const PathTraffic& traffic, TimePoint now) {
  if (traffic.sent >= sent && traffic.unsent >= unsent) {
    watch.on_passed(traffic.sent - sent, now);
    watch.on_lost(traffic.unsent - unsent, now);
  }
  sent = traffic.sent;
  unsent = traffic.unsent;
}

/// Paths of which much did not leave this machine lately.
PathSet JointLoss::cut_at_home(const ReportedPaths& paths, TimePoint now) {
  PathSet cut;
  for (const PathId path : paths.carrying) {
    Overrun& own = overruns_[path.value];
    own.follow(paths.traffic[path.value], now);
    if (own.watch.is_on(now)) cut.insert(path);
  }
  return cut;
}

/// A machine that can't keep up with one path's packets has no time for those of the others.
bool JointLoss::is_peer_overrun(const ReportedPaths& paths) {
  for (const PathId path : paths.carrying) {
    if (paths.traffic[path.value].peer_overrun) return true;
  }
  return false;
}

void JointLoss::restart() {
  count_ = overrun_ = 0;
  told_ = {};
}

double JointLoss::expected(PathSet carrying) const {
  if (is_by_one_) {
    const double unknown = std::max(0.0, kUnknownUntil - static_cast<double>(told_.of));
    return kUnknownLoss * unknown / kUnknownUntil;
  }
  // Of one path nothing is known that is not counted of the session as well.
  if (carrying.size() < 2) return 0;
  double product = 1;
  for (const PathId path : carrying) product *= of(path);
  return product;
}

LossReport JointLoss::on_report(const DataCounts& counts, const ReportedPaths& paths, TimePoint now) {
  LossReport report;
  const PathSet cut = cut_at_home(paths, now);
  const bool is_overrun =
      is_peer_overrun(paths) || (!cut.empty() && (paths.carrying - paths.queued - cut).empty());
  for (const PathId path : paths.carrying) {
    paths_[path.value].follow(paths.traffic[path.value].out, !is_overrun && !paths.queued.contains(path),
                              now);
  }
  report.expected_loss = expected(paths.carrying);
  reports_[count_++ % kReports] = counts;
  if (is_overrun) overrun_ = count_;
  const std::size_t looked_at = std::min({count_, kReports, paths.carrying.size() + kReportsMore});
  DataCounts best = counts;
  for (std::size_t i = 1; i < looked_at; ++i) {
    const DataCounts& other = reports_[(count_ - 1 - i) % kReports];
    if (other.lost < best.lost) best = other;
  }
  // What is lost in an overrun would be news as long as a report from then is compared.
  report.is_overrun = count_ - overrun_ < looked_at;
  if (best.of <= told_.of) return report;
  const bool is_queued = is_by_one_ ? !paths.queued.empty() : (paths.carrying - paths.queued).empty();
  if (!is_queued && !report.is_overrun) {
    report.sent = best.of - told_.of;
    report.lost = std::min<std::uint64_t>(report.sent, best.lost - std::min(best.lost, told_.lost));
    report.runs = std::min<std::uint64_t>(report.lost, best.runs - std::min(best.runs, told_.runs));
  }
  told_ = {best.of, std::max(best.lost, told_.lost), std::max(best.runs, told_.runs)};
  return report;
}

}  // namespace mptunnel
