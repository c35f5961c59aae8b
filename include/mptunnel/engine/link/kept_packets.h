// What a session sent while packets of its client came from an address that is no path's: a NAT has changed
// its mapping, perhaps, and what is sent to the old address is lost until the new one has proved itself. Then
// the very same bytes go there as well. What it is not: a queue; nothing waits for it.
#pragma once

#include <cstdint>
#include <deque>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/sealed_packet.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Bounded in bytes and time, and together with all that waits in queues.
class KeptPackets final : public BudgetHolder {
 public:
  /// `budget` outlives it.
  explicit KeptPackets(QueueBudget& budget) { join_budget(budget); }

  /// Such an address has been seen: what leaves within kKeepSentFor is kept.
  void start() { is_asked_ = true; }
  [[nodiscard]] bool is_keeping(TimePoint now) {
    if (is_asked_) {
      is_asked_ = false;
      until_ = now + kKeepSentFor;
    }
    return now < until_;
  }
  /// A sealed packet that leaves. The oldest go for it, if there are kKeptBytes.
  void keep(ConstBytes packet, Marks marks, SessionIndex epoch, TimePoint now);
  /// Sends what is kept and no older than kQueueLife by this path, too, and goes on keeping: other paths may
  /// be about to move.
  /// Each packet goes to a path once.
  void resend(PathId path, Output& out, SessionHandle session, TimePoint now);
  [[nodiscard]] bool empty() const { return packets_.empty(); }
  /// Forgets what is of no use any more.
  void expire(TimePoint now);

 private:
  struct Kept {
    SealedPacket packet;  ///< `time`: when it left
    PathSet resent;       ///< whoever moves a path to and fro gets nothing twice
  };

  void drop_oldest();
  bool yield() override;

  std::deque<Kept> packets_;
  bool is_asked_ = false;
  TimePoint until_ = TimePoint::min();
};

}  // namespace mptunnel
