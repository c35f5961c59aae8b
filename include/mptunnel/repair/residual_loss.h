// How much a rate of repair symbols leaves missing, computed from how symbols are lost: the basis of
// RepairControl. What it is not: a simulation; tests/unit/repair/residual_loss_test.cpp holds it against one
// with the real encoder and decoder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mptunnel {

/// How symbols are lost on all their paths together: Gilbert's chain of good and bad times, in which all
/// symbols of bad times are lost. Runs of mean length 1 / (1 - loss) are independent losses.
struct LossModel {
  double loss = 0;      ///< share of symbols, 0 to 1
  double mean_run = 1;  ///< symbols that are lost one after the other; at least 1
  /// Further loss of a repair symbol in good times: it may take fewer paths than source symbols do.
  double repair_loss = 0;
};

/// `repairs` repair symbols for each `sources` source symbols, spread evenly.
struct RepairRate {
  std::uint32_t repairs = 0;
  std::uint32_t sources = 1;

  [[nodiscard]] double share() const { return static_cast<double>(repairs) / sources; }
  friend bool operator==(const RepairRate&, const RepairRate&) = default;
};

/// The share of source symbols that are lost and not recovered by the repair symbols that follow up to
/// `horizon` - 1 source symbols later; each covers at least the last `horizon`. `horizon` is at least 1.
///
/// What counts is the deficit: lost source symbols less the repair symbols received since it was last 0. A
/// lost symbol is recovered once the deficit is 0 again. Beside several missing symbols, a repair symbol says
/// nothing new once in 255 times.
double residual_loss(const LossModel& model, RepairRate rate, std::size_t horizon);

/// Bounds of a share of which `hits` of `trials` were seen, by Wilson's score interval; `deviations` is the
/// normal quantile. Neither need be whole. Without trials: 0 and 1.
double wilson_lower(double hits, double trials, double deviations);
double wilson_upper(double hits, double trials, double deviations);

}  // namespace mptunnel
