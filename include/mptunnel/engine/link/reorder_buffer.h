// The receiver's end of order in one session: datagrams whose number in their flow is higher than that of one
// that is missing wait for it, for as long as is worth it. Flows wait for themselves alone.
//
//     number    7   8   9       11  12              10 comes 3 ms late: 10, 11 and 12 leave in their order
//               |   |   |   .---|---|
//               v   v   v  held ------> or: 10 is not worth waiting for any more, 11 and 12 leave
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/hold_time.h"
#include "mptunnel/session/order_settings.h"
#include "mptunnel/session/shared_budget.h"

namespace mptunnel {

/// Each datagram that was missing while later ones were there ends in one of these.
struct OrderCounts {
  std::uint64_t filled = 0;    ///< a copy came, and all behind it could wait
  std::uint64_t repaired = 0;  ///< the same of one that was recovered
  std::uint64_t late = 0;      ///< it came when later ones had been delivered
  std::uint64_t lost = 0;  ///< it did not come in kMissingFor, or so much was missing that it was forgotten
  std::uint64_t overflow = 0;  ///< no room to wait for it
  std::uint64_t held = 0;      ///< datagrams that waited for others
};

class ReorderBuffer final : public BudgetHolder {
 public:
  /// `budget` outlives the object.
  ReorderBuffer(const OrderSettings& settings, OrderBudget& budget)
      : settings_(settings),
        is_on_(settings.mode != OrderSettings::Mode::none),
        most_(settings.most),
        time_(settings.most) {
    join_budget(budget);
  }

  /// Whether the peer sends each datagram by one path: then they wait as long as paths differ.
  void expect_by_one(bool is_so) {
    const Duration most = is_so ? settings_.most_by_one : settings_.most;
    if (most == most_) return;
    most_ = most;
    time_ = HoldTime(most);
  }

  struct Numbered {
    FlowHandle flow;
    std::uint16_t number = 0;
    ConstBytes payload;
    bool is_recovered = false;
  };
  /// Delivers the datagram, and those that waited for it; or keeps a copy of it.
  void on_datagram(const Numbered& datagram, Output& out, TimePoint now);
  /// One came and goes no further: nobody waits for it.
  void skip(FlowHandle handle, std::uint16_t number, Output& out, TimePoint now);
  /// One without a number comes behind all that waits of its flow.
  void on_unnumbered(FlowHandle handle, Output& out, TimePoint now) {
    if (held_ > 0) give_up_waiting(handle, out, now);
  }
  /// When release_due() is to be called; kNever: not at all.
  [[nodiscard]] TimePoint deadline() const { return deadline_; }
  /// Delivers what has waited for long enough.
  void release_due(Output& out, TimePoint now);
  /// Delivers all that waits, and begins anew: the peer numbers its flows anew, or the session ends.
  void restart(Output& out);
  /// The flow ends, or begins anew: what waits of it is delivered before.
  void close(FlowHandle handle, Output& out);
  /// Counts what has not come, and forgets flows that are silent.
  void expire(TimePoint now);

  [[nodiscard]] const OrderCounts& counts() const { return counts_; }
  [[nodiscard]] Duration hold_time() const { return is_on_ ? time_.get() : Duration{}; }

 private:
  /// Numbers in a row, seen to be missing at one time.
  struct Missing {
    std::uint16_t first = 0;
    std::uint16_t count = 0;
    TimePoint since;
    TimePoint until;  ///< those behind them wait
  };
  struct Held {
    std::uint16_t number = 0;
    std::vector<std::uint8_t> payload;
  };
  struct Flow {
    std::uint16_t next = 0;
    std::uint16_t odd_number = 0;  ///< the last that was out of all order
    unsigned odd = 0;              ///< how many such came, and nothing else, ascending
    TimePoint last_used;
    TimePoint in_turn;             ///< when something came that was not odd
    std::vector<Missing> missing;  ///< below `next`, ascending, at most kMostMissing
    std::vector<Held> held;        ///< the same
  };
  enum class Place : std::uint8_t { in_turn, odd };

  /// What this number says of its flow. Odd: nothing, it is to be delivered at once.
  Place note(Flow& flow, FlowHandle handle, std::uint16_t number, bool is_recovered, Output& out,
             TimePoint now);
  Place note_odd(Flow& flow, FlowHandle handle, std::uint16_t number, Output& out, TimePoint now);
  bool fill(Flow& flow, std::uint16_t number, bool is_recovered, TimePoint now);
  void advance(Flow& flow, std::uint16_t number, TimePoint now);
  void give_up_oldest(Flow& flow, TimePoint now);
  void begin_anew(Flow& flow, FlowHandle handle, Output& out);
  void give_up_waiting(FlowHandle handle, Output& out, TimePoint now);
  /// The first numbers that others wait for; null if there are none.
  static const Missing* awaited(const Flow& flow, TimePoint now);
  void hold(Flow& flow, const Numbered& datagram);
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  /// Delivers what is held below this number.
  void release(Flow& flow, FlowHandle handle, std::uint16_t below, Output& out);
  void release_first(Flow& flow, FlowHandle handle, std::size_t count, Output& out);
  /// Delivers what is held and waits for nothing.
  void release_ready(Flow& flow, FlowHandle handle, Output& out, TimePoint now);
  bool yield() override { return false; }

  OrderSettings settings_;
  bool is_on_;
  Duration most_;
  HoldTime time_;
  std::unordered_map<FlowHandle, Flow> flows_;  ///< at most kOrderedFlows
  std::size_t held_ = 0;                        ///< datagrams of all flows
  TimePoint deadline_ = kNever;
  OrderCounts counts_;
};

}  // namespace mptunnel
