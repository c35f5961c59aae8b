#include "mptunnel/repair/residual_loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

/// Larger deficits count as this one: what is so far behind is lost anyway.
constexpr std::size_t kMostDeficit = 48;
/// Places of the period at which the loss of a symbol is followed, if the period is longer.
constexpr std::uint32_t kMostPhases = 8;
/// How often a repair symbol says nothing new although several symbols are missing.
constexpr double kDependent = 1.0 / 255;
/// Probabilities below do not matter.
constexpr double kNegligible = 1e-13;

/// The probability of each deficit, in good times and in bad ones.
struct Deficits {
  std::array<std::array<double, kMostDeficit + 1>, 2> of{};  ///< [bad][deficit]
  std::size_t end = 1;                                       ///< above all that is not negligible

  [[nodiscard]] double sum() const {
    double total = 0;
    for (std::size_t i = 0; i < end; ++i) total += of[0][i] + of[1][i];
    return total;
  }
};

/// The chain of one loss model and rate.
class DeficitChain {
 public:
  DeficitChain(const LossModel& model, RepairRate rate) : rate_(rate), repair_loss_(model.repair_loss) {
    const double run = std::max({model.mean_run, 1 / (1 - model.loss), 1.0});
    good_again_ = 1 / run;
    bad_begins_ = std::min(1.0, model.loss * good_again_ / (1 - model.loss));
  }

  /// A source symbol: lost in bad times.
  void source(Deficits& deficits) const {
    turn(deficits);
    lose(deficits);
  }

  /// The repair symbols behind source symbol `phase` of a period. `absorb`: what has no deficit goes.
  void repairs(Deficits& deficits, std::uint32_t phase, bool absorb) const {
    const std::uint64_t before = std::uint64_t{phase} * rate_.repairs / rate_.sources;
    const std::uint64_t after = (std::uint64_t{phase} + 1) * rate_.repairs / rate_.sources;
    for (std::uint64_t i = before; i < after; ++i) {
      turn(deficits);
      repair(deficits);
      if (absorb) deficits.of[0][0] = deficits.of[1][0] = 0;
    }
  }

  [[nodiscard]] double bad_share() const { return bad_begins_ / (bad_begins_ + good_again_); }

  static void lose(Deficits& deficits) {
    auto& bad = deficits.of[1];
    deficits.end = std::min(deficits.end + 1, kMostDeficit + 1);
    bad[kMostDeficit] += bad[kMostDeficit - 1];
    for (std::size_t i = kMostDeficit - 1; i > 0; --i) bad[i] = bad[i - 1];
    bad[0] = 0;
    trim(deficits);
  }

  /// One step of good and bad times.
  void turn(Deficits& deficits) const {
    for (std::size_t i = 0; i < deficits.end; ++i) {
      const double good = deficits.of[0][i];
      const double bad = deficits.of[1][i];
      deficits.of[0][i] = good * (1 - bad_begins_) + bad * good_again_;
      deficits.of[1][i] = good * bad_begins_ + bad * (1 - good_again_);
    }
  }

 private:
  static void trim(Deficits& deficits) {
    while (deficits.end > 1 &&
           deficits.of[0][deficits.end - 1] + deficits.of[1][deficits.end - 1] < kNegligible) {
      --deficits.end;
      deficits.of[0][deficits.end] = deficits.of[1][deficits.end] = 0;
    }
  }

  /// Received in good times, but for what is lost besides.
  void repair(Deficits& deficits) const {
    auto& good = deficits.of[0];
    double useful = 1 - repair_loss_;
    for (std::size_t i = 1; i < deficits.end; ++i) {
      const double gone = useful * good[i];
      good[i - 1] += gone;
      good[i] -= gone;
      useful = (1 - repair_loss_) * (1 - kDependent);
    }
  }

  RepairRate rate_;
  double repair_loss_;
  double good_again_ = 1;
  double bad_begins_ = 0;
};

/// The share of lost symbols that stay missing if they are lost at this place of the period. `deficits` is
/// what was there before.
double lost_for_good(const DeficitChain& chain, Deficits deficits, RepairRate rate, std::uint32_t phase,
                     std::size_t horizon) {
  chain.turn(deficits);
  deficits.of[0].fill(0);
  const double lost = deficits.sum();
  if (lost <= 0) return 1;
  DeficitChain::lose(deficits);
  for (std::size_t i = 0; i < horizon; ++i) {
    if (i > 0) chain.source(deficits);
    chain.repairs(deficits, static_cast<std::uint32_t>((phase + i) % rate.sources), true);
  }
  return deficits.sum() / lost;
}

}  // namespace

double residual_loss(const LossModel& model, RepairRate rate, std::size_t horizon) {
  MPT_ASSERT(horizon > 0 && rate.sources > 0);
  if (model.loss <= 0) return 0;
  if (model.loss >= 1 || rate.repairs == 0) return std::min(model.loss, 1.0);
  const DeficitChain chain(model, rate);
  Deficits deficits;
  deficits.of[1][0] = chain.bad_share();
  deficits.of[0][0] = 1 - deficits.of[1][0];
  // Whole periods until what is left of the beginning does not matter.
  const std::size_t warm = 2 * std::max<std::size_t>(horizon, 32) / rate.sources + 1;
  for (std::size_t i = 0; i < warm * rate.sources; ++i) {
    chain.source(deficits);
    chain.repairs(deficits, static_cast<std::uint32_t>(i % rate.sources), false);
  }
  const std::uint32_t step = std::max(1U, rate.sources / kMostPhases);
  double missing = 0;
  unsigned phases = 0;
  for (std::uint32_t phase = 0; phase < rate.sources; ++phase) {
    if (phase % step == step / 2) {
      missing += lost_for_good(chain, deficits, rate, phase, horizon);
      ++phases;
    }
    chain.source(deficits);
    chain.repairs(deficits, phase, false);
  }
  return model.loss * missing / phases;
}

double wilson_lower(double hits, double trials, double deviations) {
  if (trials <= 0) return 0;
  const double share = hits / trials;
  const double square = deviations * deviations;
  const double middle = share + square / (2 * trials);
  const double spread = deviations * std::sqrt(share * (1 - share) / trials + square / (4 * trials * trials));
  return std::max(0.0, (middle - spread) / (1 + square / trials));
}

double wilson_upper(double hits, double trials, double deviations) {
  if (trials <= 0) return 1;
  return 1 - wilson_lower(trials - hits, trials, deviations);
}

}  // namespace mptunnel
