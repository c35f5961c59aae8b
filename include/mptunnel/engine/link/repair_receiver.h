// The receiver's end of repair in one session: what REPAIR and DATA packets determine together of DATA
// packets that no copy brought. Symbols are the frames of DATA packets of one key epoch, in the order of
// their numbers; each epoch has a decoder of its own. What it is not: the code; that is repair/.
//
// No packets are kept before the peer repairs, nor kRepairForgottenAfter after it stopped.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/repair_frame.h"

namespace mptunnel {

class RepairReceiver final : public BudgetHolder {
 public:
  /// `budget` outlives the object.
  explicit RepairReceiver(RepairBudget& budget) { join_budget(budget); }

  /// Whether the peer repairs, and so is to be told of what comes.
  [[nodiscard]] bool is_on() const { return last_repair_.has_value(); }
  /// A DATA packet came and was opened. Does nothing unless is_on().
  void on_data(const LinkEpoch& epoch, PacketNumber number, ConstBytes frames, TimePoint now) {
    if (is_on()) keep(epoch, number, frames, now);
  }
  /// Whether this DATA packet was recovered lately, and no copy of it has come since.
  [[nodiscard]] bool is_recovered(const LinkEpoch& epoch, PacketNumber number) const;
  /// A copy of such a packet came: it was not lost.
  void withdraw(LinkEpoch& epoch, PacketNumber number);
  /// REPAIR came under this key. Returns what is to be counted of it, if anything. take_recovered() is to
  /// follow, as after on_data().
  std::optional<Drop> on_repair(LinkEpoch& epoch, const RepairFrame& repair, TimePoint now);
  /// The frames of each packet that the last call of these two recovered; their numbers are seen from now on.
  /// The bytes are kept in `out`. Valid until the next call.
  const std::vector<ConstBytes>& take_recovered(LinkEpoch& epoch, Output& out, TimePoint now);

  /// What the peer is to know of DATA under this key; nullopt if nothing was lost and it never repaired.
  [[nodiscard]] std::optional<RepairReportFrame> report(const LinkEpoch& epoch) const;
  /// Forgets all packets if the peer does not repair any more.
  void expire(TimePoint now);

 private:
  static constexpr std::size_t kRecoveredKept = 1024;
  struct Epoch {
    SessionIndex index;
    RepairDecoder decoder;
    std::size_t memory = 0;         ///< of it, as it is accounted
    std::size_t symbol_memory = 0;  ///< of this, that of source symbols
    bool has_grown = false;         ///< perhaps, since then
    std::uint32_t runs = 0;         ///< of neighbours among what was recovered and has not come since
    std::array<std::uint32_t, kRecoveredKept> last{};  ///< the last of these, each + 1, by remainder
    [[nodiscard]] bool has(std::uint32_t number) const {
      return number + 1 != 0 && last[number % last.size()] == number + 1;
    }
    /// How the count of runs changes with this number.
    [[nodiscard]] int joins(std::uint32_t number) const {
      return 1 - static_cast<int>(has(number - 1)) - static_cast<int>(has(number + 1));
    }
    /// What is as old as `last` reaches may be miscounted.
    void change_runs(int change) {
      runs = static_cast<std::uint32_t>(std::max<std::int64_t>(0, std::int64_t{runs} + change));
    }
  };

  void keep(const LinkEpoch& epoch, PacketNumber number, ConstBytes frames, TimePoint now);
  [[nodiscard]] Epoch* find(SessionIndex index) const;
  /// Of this epoch, made if need be.
  Epoch& of(const LinkEpoch& epoch);
  void account(Epoch& epoch);
  bool yield() override;

  std::vector<std::unique_ptr<Epoch>> epochs_;  ///< at most kRepairedEpochs, by age
  std::vector<ConstBytes> frames_;
  std::optional<TimePoint> last_repair_;  ///< under any key
};

}  // namespace mptunnel
