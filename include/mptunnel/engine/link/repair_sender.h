// The sender's end of repair in one session: keeps what DATA packets carried while something is to be
// repaired, and makes REPAIR frames of it, as few as reach the target. Symbols as in RepairReceiver. What it
// is not: the code, or the decision how many leave; these are in repair/.
//
//     reports --> JointLoss --> RepairControl --> RepairPlan --> RepairPacer --> next(): REPAIR, by one path
//
// While the plan is to send nothing, a datagram costs two additions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/joint_loss.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/repair/repair_control.h"
#include "mptunnel/repair/repair_encoder.h"
#include "mptunnel/repair/repair_pacer.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/repair_frame.h"

namespace mptunnel {

class RepairSender final : public BudgetHolder {
 public:
  /// No settings: nothing is repaired. `budget` outlives the object.
  RepairSender(const std::optional<RepairSettings>& settings, RepairBudget& budget);

  /// The newest DATA packet of this epoch, which seals, carries these frame bytes.
  void on_data(const LinkEpoch& epoch, ConstBytes head, ConstBytes body, std::uint8_t dscp, TimePoint now) {
    // A pause before it is no part of the rate.
    if (symbols_++ == measured_symbols_) measured_at_ = now;
    bytes_ += head.size() + body.size();
    if (encoder_) keep(epoch, head, body, dscp, now);
  }
  /// Each datagram goes by one path, and nothing is known of what that loses: some are repaired until it is.
  void begin(const LinkEpoch& epoch) {
    if (!has_begun_) plan_first(epoch);
  }
  /// The peer has reported what came of DATA of the epoch that seals, in a PING or PONG alone, or in a
  /// REPAIR_REPORT as well.
  void on_report(const LinkEpoch& epoch, const ReportedPaths& paths, TimePoint now);
  void on_report(const LinkEpoch& epoch, const RepairReportFrame& report, const ReportedPaths& paths,
                 TimePoint now);
  /// Whether something is to be repaired, at this time.
  [[nodiscard]] bool is_on() const { return encoder_ != nullptr; }
  /// When on_deadline() is to be called; kNever: not at all.
  [[nodiscard]] TimePoint deadline() const { return encoder_ ? pacer_->deadline() : kNever; }
  void on_deadline(TimePoint now);

  /// A REPAIR frame, valid until the next call, and where it goes.
  struct Made {
    RepairFrame frame;
    PathId path;
    std::uint8_t dscp = 0;
  };
  /// To be called until there is no more, after on_data() and on_deadline(). `epoch` seals, or is null; of
  /// another one nothing is repaired any more. `paths` may carry data.
  std::optional<Made> next(const LinkEpoch* epoch, const PathViews& paths, TimePoint now);

  /// What is planned; null if nothing is ever repaired.
  [[nodiscard]] const RepairPlan* plan() const { return control_ ? &control_->plan() : nullptr; }
  /// What the peer has reported last under the current key.
  [[nodiscard]] const RepairReportFrame& reported() const { return reported_; }
  [[nodiscard]] std::uint64_t repairs() const { return repairs_; }
  [[nodiscard]] std::uint64_t repair_bytes() const { return repair_bytes_; }
  [[nodiscard]] std::uint64_t data_bytes() const { return bytes_; }

 private:
  void keep(const LinkEpoch& epoch, ConstBytes head, ConstBytes body, std::uint8_t dscp, TimePoint now);
  void observe(const LinkEpoch& epoch, const DataCounts& counts, const ReportedPaths& paths, TimePoint now);
  void measure_rate(TimePoint now);
  void plan_first(const LinkEpoch& epoch);
  void follow(const RepairPlan& plan);
  void start(const LinkEpoch& epoch);
  void stop();
  void account();
  bool yield() override;
  /// Source symbols that a repair symbol covers now.
  [[nodiscard]] std::size_t reach(TimePoint now) const;
  /// Of those that a symbol is likely to arrive by in time, the one whose turn it is.
  [[nodiscard]] PathId choose(const PathViews& paths, std::size_t bytes);

  std::optional<RepairSettings> settings_;
  std::optional<RepairControl> control_;
  std::optional<RepairPacer> pacer_;
  std::unique_ptr<RepairEncoder> encoder_;  ///< while the plan is on
  JointLoss losses_;
  bool has_begun_ = false;
  std::uint32_t order_ = 0;  ///< of the epoch that is kept and observed
  std::size_t due_ = 0;
  std::uint16_t seed_ = 0;
  std::uint8_t dscp_ = 0;
  std::size_t turn_ = 0;                ///< of the paths
  std::uint64_t repaired_symbols_ = 0;  ///< of symbols_, when next() had no more
  std::vector<std::uint8_t> symbol_;

  RepairReportFrame reported_;
  std::optional<TimePoint> reported_at_;
  std::uint64_t symbols_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t repairs_ = 0;
  std::uint64_t repair_bytes_ = 0;

  std::uint64_t measured_symbols_ = 0;
  std::uint64_t measured_bytes_ = 0;
  TimePoint measured_at_{};
  double symbols_per_second_ = 0;
  double bits_per_second_ = 0;
};

}  // namespace mptunnel
