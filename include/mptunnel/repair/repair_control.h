// How many repair symbols leave for how many source symbols: as few as reach the target, computed from the
// losses that were measured. What it is not: the one who says when each leaves; see RepairPacer.
//
//     losses measured -> upper bound of their share -> the smallest rate whose residual_loss() is the target
//                        (none on clean paths)         within the budget; it rises at once and falls slowly,
//                                                                  unless a moment's losses are over
#pragma once

#include <cstdint>
#include <optional>

#include "mptunnel/repair/limits.h"
#include "mptunnel/repair/loss_memory.h"
#include "mptunnel/repair/residual_loss.h"

namespace mptunnel {

/// What the user wants: the statements of both files.
struct RepairSettings {
  double residual = 1e-5;  ///< the target: share of symbols that may stay missing
  Duration delay = 20ms;   ///< within this a lost symbol is back
  double budget = 0.5;     ///< repair symbols' bytes, of those of source symbols, unless the flow is sparse
  std::optional<double> fixed;  ///< this rate always, whatever is lost: more than 0
};

/// What is known since the last time.
struct LossReport {
  std::uint64_t sent = 0;  ///< source symbols of which it is known by now whether they came
  std::uint64_t lost = 0;  ///< of these, by no path, before repair
  std::uint64_t runs = 0;  ///< runs of neighbours that these are
  /// The share of symbols that all their paths would lose if they lost independently, from what each loses; 0
  /// if it is not known. It serves until enough was counted.
  double expected_loss = 0;
  /// Further loss of a repair symbol where source symbols come: its paths may be fewer than theirs.
  double repair_loss = 0;
  double symbols_per_second = 0;  ///< that are sent now
  double bits_per_second = 0;
  /// A machine can't keep up, and what is missing says nothing: what was known stays.
  bool is_overrun = false;
};

struct RepairPlan {
  RepairRate rate;          ///< no repairs: nothing is to be kept or sent
  std::size_t horizon = 1;  ///< source symbols within the repair delay
  std::size_t window = 0;   ///< source symbols that a repair symbol covers
  double budget = 0;        ///< bytes, as in RepairSettings
  double loss = 0;          ///< what is repaired: the upper bound of what was measured
  double residual = 0;      ///< what is left of it, as computed

  [[nodiscard]] bool is_on() const { return rate.repairs > 0; }
};

class RepairControl {
 public:
  explicit RepairControl(RepairSettings settings);

  /// To be called for each report of the peer, and at least once a second while data moves.
  const RepairPlan& observe(const LossReport& report, TimePoint now);
  /// A plan for what was not measured yet, until the next report.
  const RepairPlan& assume(const LossModel& model, double symbols_per_second, double bits_per_second) {
    return plan_ = plan_for(settings_, model, symbols_per_second, bits_per_second);
  }
  [[nodiscard]] const RepairPlan& plan() const { return plan_; }
  [[nodiscard]] const LossMemory& losses() const { return losses_; }

  /// The plan for a loss that is known; nothing is remembered.
  [[nodiscard]] static RepairPlan plan_for(const RepairSettings& settings, const LossModel& model,
                                           double symbols_per_second, double bits_per_second);

 private:
  /// What a plan follows from, so coarse that it seldom changes.
  struct Basis {
    LossModel model;
    std::size_t horizon = 1;
    double budget = 0;
    bool operator==(const Basis& other) const;
  };
  static RepairPlan compute(const RepairSettings& settings, const Basis& basis);
  static Basis basis_of(const RepairSettings& settings, const LossModel& model, double symbols_per_second,
                        double bits_per_second);
  [[nodiscard]] LossModel believed(const LossReport& report) const;
  void follow(const RepairPlan& wanted, bool falls_at_once, TimePoint now);

  RepairSettings settings_;
  LossMemory losses_;
  Basis basis_;
  std::optional<TimePoint> computed_;  ///< when wanted_ was
  RepairPlan wanted_;
  RepairPlan plan_;
  TimePoint next_fall_;
  bool is_over_ = false;  ///< a rise of the losses, and the plan is still for it
};

}  // namespace mptunnel
