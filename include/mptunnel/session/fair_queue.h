// Datagrams that wait for room on the paths, in one queue of a session before they are sealed: fair between
// flows, and short. FQ-CoDel (RFC 8290): each flow has a queue, these take turns by bytes (deficit round
// robin), and one that has just begun goes first; a flow whose datagrams wait for longer than
// set_target() says through 100 ms loses one now and then, or has it marked, more often while that lasts
// (session/codel.h).
//
// Bounded in bytes and count, and together with all other sessions in bytes: then the oldest of the flow that
// holds most go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/session/codel.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// It holds the bytes of the datagrams, and kQueueRecordBytes for each.
class FairQueue final : public BudgetHolder {
 public:
  /// What a flow may send in its turn: a full packet.
  static constexpr std::ptrdiff_t kQuantum = 1514;
  /// What each datagram costs of that besides its payload, about: nobody gets more by sending small ones.
  static constexpr std::size_t kOverhead = 60;
  /// Flows that are told apart; further ones share the queues of these.
  static constexpr std::uint32_t kFlows = 1024;

  struct Item {
    FlowHandle flow;
    std::vector<std::uint8_t> payload;
    Marks marks;  ///< its ECN is CE if CoDel says so: the packet inside is to have that, too
    TimePoint since;
  };
  /// Datagrams that went no further.
  struct Losses {
    std::uint64_t full = 0;     ///< for room in this queue; what the budget drops it counts itself
    std::uint64_t delayed = 0;  ///< by CoDel
    std::uint64_t expired = 0;  ///< waited for kQueueLife
  };

  /// `budget` outlives the queue.
  explicit FairQueue(QueueBudget& budget) : budget_(budget) { join_budget(budget); }

  /// How long a datagram may wait before its flow is told to send less, instead of Codel::kTarget.
  void set_target(Duration target) { allowance_ = target - Codel::kTarget; }
  /// Copies `payload`. For room, the oldest of the longest flow go.
  void push(FlowHandle flow, ConstBytes payload, Marks marks, TimePoint now);
  /// The datagram whose turn it is, valid until something else is called; null if nothing waits. If it can't
  /// leave yet, another one's turn may come before.
  const Item* front(TimePoint now);
  /// Takes the one that front() has just returned.
  Item pop();

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  /// When something expires, or earlier; kNever if nothing waits.
  [[nodiscard]] TimePoint deadline() const { return empty() ? kNever : oldest_ + kQueueLife; }
  /// Drops what waited for kQueueLife: where nothing leaves, CoDel is not asked.
  void expire(TimePoint now);
  Losses take_losses() { return std::exchange(losses_, Losses{}); }

 private:
  struct Flow {
    std::uint32_t key = 0;
    std::deque<Item> items;
    std::size_t bytes = 0;   ///< of its payloads, and kOverhead for each
    bool is_judged = false;  ///< CoDel was asked about the first one: that is done once, when its turn comes
    std::ptrdiff_t deficit = kQuantum;
    Codel codel;
  };
  using Flows = std::list<Flow>;

  static std::size_t cost_of(const Item& item) { return item.payload.size() + kQueueRecordBytes; }
  [[nodiscard]] bool is_full(std::size_t payload) const {
    return count_ >= kQueueDatagrams || payload_bytes() + payload > kQueueBytes;
  }
  [[nodiscard]] std::size_t payload_bytes() const { return bytes() - count_ * kQueueRecordBytes; }
  Item take_first(Flow& flow);
  /// Drops the oldest of the longest flow, a batch of them: to find it takes a look at all. Returns how many.
  std::size_t drop_of_longest();
  /// What CoDel lets pass of this flow; null: nothing is left.
  const Item* next_of(Flow& flow, TimePoint now);
  bool yield() override;

  QueueBudget& budget_;
  Flows new_;  ///< in their first turn
  Flows old_;
  std::unordered_map<std::uint32_t, Flows::iterator> by_key_;
  std::size_t count_ = 0;
  TimePoint oldest_{};  ///< nothing that waits is older
  Losses losses_;
  Duration allowance_{};  ///< on top of Codel::kTarget
};

}  // namespace mptunnel
