#include "mptunnel/engine/link/repair_sender.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

constexpr Duration kRateWindow = 100ms;
/// A PING or PONG alone says that nothing was lost; though for so long after a REPAIR_REPORT, only that this
/// one did not come with it.
constexpr Duration kReportsFor = 15s;
/// Of two paths, one that loses so much more is not taken for a symbol.
constexpr double kMuchWorse = 0.1;
/// What a flow that begins is taken for, in a second.
constexpr double kFirstSymbols = 1000;
constexpr double kFirstBits = kFirstSymbols * 1400 * 8;
/// What repairs so many datagrams of one call goes by one path, and leaves in one run; the next by another.
constexpr std::uint64_t kBulk = 32;

}  // namespace

RepairSender::RepairSender(const std::optional<RepairSettings>& settings, RepairBudget& budget)
    : settings_(settings) {
  join_budget(budget);
  if (!settings) return;
  control_.emplace(*settings);
  pacer_.emplace(settings->delay);
}

void RepairSender::keep(const LinkEpoch& epoch, ConstBytes head, ConstBytes body, std::uint8_t dscp,
                        TimePoint now) {
  if (!epoch.can_repair()) return stop();
  if (epoch.order() != order_) start(epoch);
  encoder_->add(epoch.keys().data_sealed() - 1, head, body, now);
  // Whoever has to yield for it may be this one, which gives the symbol up then.
  account();
  dscp_ = dscp;
  due_ += pacer_->on_source(head.size() + body.size(), now);
}

void RepairSender::on_deadline(TimePoint now) {
  if (now >= deadline()) due_ += pacer_->on_deadline(now);
}

std::optional<RepairSender::Made> RepairSender::next(const LinkEpoch* epoch, const PathViews& paths,
                                                     TimePoint now) {
  if (epoch == nullptr || epoch->order() != order_) due_ = 0;
  for (; due_ > 0 && encoder_ && !paths.empty(); --due_) {
    const RepairEncoder::Window window = encoder_->newest(reach(now), now);
    if (window.count == 0) break;
    if (!pacer_->take(window.coded_bytes)) continue;
    symbol_.resize(window.coded_bytes);
    const std::uint16_t seed = seed_++;
    const std::size_t size = encoder_->make(window.first, window.count, seed, symbol_);
    if (size == 0) continue;
    --due_;
    ++repairs_;
    repair_bytes_ += size;
    const RepairFrame frame{PacketNumber{static_cast<std::uint32_t>(window.first)},
                            static_cast<std::uint8_t>(window.count), seed, ConstBytes(symbol_).first(size)};
    const Made made{frame, choose(paths, size + KeyEpoch::kControlOverhead + kRepairPrefixBytes), dscp_};
    if (symbols_ - repaired_symbols_ < kBulk) ++turn_;
    return made;
  }
  due_ = 0;
  if (symbols_ - repaired_symbols_ >= kBulk) ++turn_;
  repaired_symbols_ = symbols_;
  return std::nullopt;
}

/// A plan follows reports. Of a flow that grew since, its window would be left behind before a repair symbol
/// leaves.
std::size_t RepairSender::reach(TimePoint now) const {
  const RepairPlan& plan = control_->plan();
  const std::size_t within = std::min(encoder_->count_since(now - settings_->delay), kMostHorizon);
  return within >= 2 * plan.horizon ? std::max(within, plan.window) : plan.window;
}

PathId RepairSender::choose(const PathViews& paths, std::size_t bytes) {
  double least = 1;
  for (const PathId path : paths.paths()) {
    least = std::min(least, losses_.of(path));
  }
  const PathSet small = paths.too_small_for(bytes, paths.paths());
  std::array<PathId, kMaxPaths> good{};
  std::size_t count = 0;
  // Zero before the first sample.
  const Duration fastest = paths.of(paths.fastest(paths.paths())).rtt;
  const Duration slow = fastest > Duration::zero() ? fastest + settings_->delay : Duration::max();
  const auto collect = [&](PathSet among, bool is_strict) {
    for (const PathId path : among) {
      const bool is_good = losses_.of(path) <= least + kMuchWorse && paths.of(path).rtt <= slow;
      if (is_good || !is_strict) good.at(count++) = path;
    }
  };
  collect(paths.paths() - small, true);
  if (count == 0) collect(paths.paths(), true);
  if (count == 0) collect(paths.paths(), false);
  return good.at(turn_ % count);
}

void RepairSender::on_report(const LinkEpoch& epoch, const ReportedPaths& paths, TimePoint now) {
  if (!control_ || (reported_at_ && epoch.order() == order_ && now - *reported_at_ < kReportsFor)) return;
  observe(epoch, {static_cast<std::uint32_t>(epoch.data_out().sent), 0, 0}, paths, now);
}

void RepairSender::on_report(const LinkEpoch& epoch, const RepairReportFrame& report,
                             const ReportedPaths& paths, TimePoint now) {
  if (!control_ || report.of > epoch.keys().data_sealed()) return;
  reported_ = report;
  reported_at_ = now;
  // Of what was not recovered it is not known how it lies: each may be a run of its own.
  observe(epoch, {report.of, report.lost + report.recovered, report.lost + report.runs}, paths, now);
}

void RepairSender::observe(const LinkEpoch& epoch, const DataCounts& counts, const ReportedPaths& paths,
                           TimePoint now) {
  if (!epoch.can_repair()) return stop();
  if (epoch.order() != order_) start(epoch);
  measure_rate(now);
  // The next report says all that this one does.
  if (symbols_per_second_ == 0) return;
  // So few packets fill no queue.
  const bool is_sparse = bits_per_second_ < kSparseBitsPerSecond;
  LossReport report =
      losses_.on_report(counts, {paths.carrying, is_sparse ? PathSet{} : paths.queued, paths.traffic}, now);
  report.symbols_per_second = symbols_per_second_;
  report.bits_per_second = bits_per_second_;
  double worst = 0;
  for (const PathId path : paths.carrying) worst = std::max(worst, losses_.of(path));
  report.repair_loss = worst;
  follow(control_->observe(report, now));
}

/// A TCP that loses one of its first datagrams is slow for long.
void RepairSender::plan_first(const LinkEpoch& epoch) {
  losses_.expect_by_one();
  if (control_ && !epoch.can_repair()) return;
  has_begun_ = true;
  if (!control_) return;
  if (epoch.order() != order_) start(epoch);
  if (control_->plan().is_on()) return;
  follow(control_->assume({.loss = JointLoss::kUnknownLoss}, kFirstSymbols, kFirstBits));
}

void RepairSender::follow(const RepairPlan& plan) {
  if (plan.is_on() && !encoder_) {
    // No window is longer.
    encoder_ = std::make_unique<RepairEncoder>(EncoderLimits{.symbols = kMostHorizon});
  } else if (!plan.is_on() && encoder_) {
    stop();
  }
  pacer_->follow(plan);
}

void RepairSender::measure_rate(TimePoint now) {
  if (symbols_ == measured_symbols_ || now - measured_at_ < kRateWindow) return;
  const double seconds = std::chrono::duration<double>(now - measured_at_).count();
  const auto follow = [&](double& rate, std::uint64_t count) {
    const double last = static_cast<double>(count) / seconds;
    rate = rate == 0 ? last : (rate + last) / 2;
  };
  follow(symbols_per_second_, symbols_ - measured_symbols_);
  follow(bits_per_second_, (bytes_ - measured_bytes_) * 8);
  measured_symbols_ = symbols_;
  measured_bytes_ = bytes_;
  measured_at_ = now;
}

void RepairSender::start(const LinkEpoch& epoch) {
  order_ = epoch.order();
  losses_.restart();
  reported_ = {};
  reported_at_.reset();
  if (encoder_) encoder_->restart();
  due_ = 0;
}

void RepairSender::stop() {
  give_back(bytes());
  encoder_.reset();
  symbol_ = std::vector<std::uint8_t>();  // its memory, too
  due_ = 0;
}

void RepairSender::account() {
  const std::size_t wanted = encoder_->memory() + symbol_.capacity();
  if (wanted == bytes()) return;
  // It may be this one that yields.
  if (wanted > bytes()) make_room(wanted - bytes());
  give_back(bytes());
  take(encoder_->memory() + symbol_.capacity());
}

bool RepairSender::yield() {
  if (bytes() == 0) return false;
  encoder_->restart();
  symbol_ = std::vector<std::uint8_t>();  // its memory, too
  give_back(bytes());
  return true;
}

}  // namespace mptunnel
