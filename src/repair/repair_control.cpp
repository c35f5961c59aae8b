#include "mptunnel/repair/repair_control.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

/// The rates to choose from, each about a sixth above the one before.
constexpr std::array<RepairRate, 31> kRates{
    {{0, 1},  {1, 64}, {1, 56}, {1, 48}, {1, 40}, {1, 32}, {1, 28}, {1, 24}, {1, 20}, {1, 17}, {1, 14},
     {1, 12}, {1, 10}, {1, 8},  {1, 7},  {1, 6},  {1, 5},  {2, 9},  {1, 4},  {2, 7},  {1, 3},  {2, 5},
     {1, 2},  {3, 5},  {2, 3},  {4, 5},  {1, 1},  {3, 2},  {2, 1},  {5, 2},  {3, 1}}};

/// Up to the next of 8 steps in each octave.
double coarse_up(double value) {
  return value <= 0 ? 0 : std::exp2(std::ceil(std::log2(value) * 8 - 1e-9) / 8);
}

/// Down to 1, 2, 3, 4, 6, 8, 12 and so on.
std::size_t coarse_down(double value) {
  std::size_t power = 1;
  while (2.0 * static_cast<double>(power) <= value) power *= 2;
  const std::size_t middle = power + power / 2;
  return static_cast<double>(middle) <= value ? middle : power;
}

std::size_t place_in_rates(RepairRate rate) {
  return static_cast<std::size_t>(std::find(kRates.begin(), kRates.end(), rate) - kRates.begin());
}

/// Those that the budget allows. The pacer covers each source symbol within half the delay: a lower rate
/// would not be kept, unless that costs too much.
std::pair<const RepairRate*, const RepairRate*> allowed_rates(std::size_t horizon, double budget) {
  const auto* last = std::partition_point(
      kRates.begin(), kRates.end(), [budget](const RepairRate& rate) { return rate.share() <= budget; });
  const double least = std::min(2.0 / static_cast<double>(std::max<std::size_t>(2, horizon)), budget / 2);
  const auto* first = std::partition_point(kRates.begin() + 1, last,
                                           [least](const RepairRate& rate) { return rate.share() < least; });
  return {first, last};
}

/// N% as a rate: percent for hundred, or one symbol for some, so that the period is short.
RepairRate fixed_rate(double share) {
  if (share < 0.5) return {1, static_cast<std::uint32_t>(std::lround(1 / share))};
  return {static_cast<std::uint32_t>(std::lround(share * 4)), 4};
}

/// The shortest window that leaves hardly more than the whole horizon does, and what it leaves: a repair
/// symbol takes a multiplication for each byte of its window. Each source symbol is in two windows at least.
std::pair<std::size_t, double> shortest_window(const LossModel& model, RepairRate rate, std::size_t horizon,
                                               double residual) {
  const std::size_t least = std::size_t{2} * ((rate.sources + rate.repairs - 1) / rate.repairs);
  std::size_t window = horizon;
  double left = residual_loss(model, rate, window);
  const double enough = std::max(residual, kNearLeast * left);
  while (window > least) {
    const std::size_t shorter = std::max(window / 2, least);
    const double more = residual_loss(model, rate, shorter);
    if (more > enough) break;
    window = shorter;
    left = more;
  }
  return {window, left};
}

}  // namespace

RepairControl::RepairControl(RepairSettings settings) : settings_(settings) {
  MPT_ASSERT(settings.delay > Duration::zero() && (!settings.fixed || *settings.fixed > 0));
}

const RepairPlan& RepairControl::observe(const LossReport& report, TimePoint now) {
  const std::uint64_t recoveries = losses_.recoveries();
  if (report.is_overrun) {
    losses_.skip(now);
  } else {
    losses_.add(report.sent, report.lost, report.runs, now);
  }
  is_over_ |= losses_.recoveries() != recoveries;
  const Basis basis =
      basis_of(settings_, believed(report), report.symbols_per_second, report.bits_per_second);
  if (!(basis == basis_) && (!computed_ || now - *computed_ >= kComputeEach)) {
    computed_ = now;
    basis_ = basis;
    wanted_ = compute(settings_, basis);
  }
  // Otherwise wanted_ is still for the rise.
  const bool falls_at_once = is_over_ && basis == basis_;
  if (falls_at_once) is_over_ = false;
  follow(wanted_, falls_at_once, now);
  return plan_;
}

/// What was measured, where there is evidence that more is lost than may be; and what is to be expected as
/// far as it was not refuted.
LossModel RepairControl::believed(const LossReport& report) const {
  const double upper = losses_.upper(kLossDeviations);
  const bool is_evident = losses_.lower(kEvidenceDeviations) > settings_.residual;
  LossModel model;
  model.loss = std::max(is_evident ? upper : 0, std::min(report.expected_loss, upper));
  model.mean_run = losses_.mean_run();
  model.repair_loss = std::clamp(report.repair_loss, 0.0, 1.0);
  return model;
}

bool RepairControl::Basis::operator==(const Basis& other) const {
  return model.loss == other.model.loss && model.mean_run == other.model.mean_run &&
         model.repair_loss == other.model.repair_loss && horizon == other.horizon && budget == other.budget;
}

RepairControl::Basis RepairControl::basis_of(const RepairSettings& settings, const LossModel& model,
                                             double symbols_per_second, double bits_per_second) {
  Basis basis;
  basis.model.loss = model.loss > settings.residual ? std::min(1.0, coarse_up(model.loss)) : 0;
  basis.model.mean_run = coarse_up(std::max(1.0, model.mean_run));
  basis.model.repair_loss = std::min(1.0, std::ceil(model.repair_loss * 50) / 50);
  const double within = symbols_per_second * seconds_of(settings.delay);
  basis.horizon = coarse_down(std::clamp(within, 1.0, static_cast<double>(kMostHorizon)));
  const bool is_sparse = bits_per_second < kSparseBitsPerSecond;
  basis.budget = is_sparse ? std::max(kSparseBudget, settings.budget) : settings.budget;
  return basis;
}

RepairPlan RepairControl::plan_for(const RepairSettings& settings, const LossModel& model,
                                   double symbols_per_second, double bits_per_second) {
  return compute(settings, basis_of(settings, model, symbols_per_second, bits_per_second));
}

RepairPlan RepairControl::compute(const RepairSettings& settings, const Basis& basis) {
  RepairPlan plan;
  plan.horizon = basis.horizon;
  plan.window = std::max(basis.horizon, kLeastWindow);
  plan.budget = basis.budget;
  plan.loss = plan.residual = basis.model.loss;
  if (settings.fixed) {
    plan.rate = fixed_rate(*settings.fixed);
    // Whatever it costs: sizes may differ.
    plan.budget = kUnboundBudget;
    const auto [window, left] = shortest_window(basis.model, plan.rate, basis.horizon, settings.residual);
    plan.window = std::max(window, kLeastWindow);
    plan.residual = left;
    return plan;
  }
  if (basis.model.loss <= 0) return plan;
  // What is left falls with the rate.
  const auto left = [&basis](const RepairRate& rate) {
    return residual_loss(basis.model, rate, basis.horizon);
  };
  const auto [first, last] = allowed_rates(basis.horizon, basis.budget);
  if (first == last) return plan;
  const double least = left(*(last - 1));
  if (least > (1 - kLeastGain) * basis.model.loss) return plan;
  const double enough = std::max(settings.residual, least * kNearLeast);
  plan.rate =
      *std::partition_point(first, last - 1, [&](const RepairRate& rate) { return left(rate) > enough; });
  plan.residual = left(plan.rate);
  return plan;
}

/// Up at once; down by steps, once a lower rate has done for a while. Of denser traffic a lower share does as
/// much at once, and what was for a rise that is over has no use.
void RepairControl::follow(const RepairPlan& wanted, bool falls_at_once, TimePoint now) {
  const bool is_denser = wanted.is_on() && wanted.horizon > plan_.horizon;
  if (settings_.fixed || falls_at_once || is_denser || wanted.rate.share() >= plan_.rate.share()) {
    plan_ = wanted;
    next_fall_ = now + kFallAfter;
    return;
  }
  const RepairRate held = plan_.rate;
  plan_ = wanted;
  plan_.rate = held;
  if (now < next_fall_) return;
  next_fall_ = now + kFallStep;
  plan_.rate = kRates.at(std::max(place_in_rates(held), std::size_t{1}) - 1);
  if (plan_.rate.share() < wanted.rate.share()) plan_.rate = wanted.rate;
}

}  // namespace mptunnel
