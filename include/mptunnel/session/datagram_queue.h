// Datagrams that wait, for at most kQueueLife, for a session, a path or a flow. Bounded in bytes and count,
// and together with all other sessions in bytes: then the oldest of the session that holds most is dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/session/shared_budget.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// It holds the bytes of the datagrams, and kQueueRecordBytes for each.
class DatagramQueue final : public BudgetHolder {
 public:
  /// `budget` outlives the queue.
  explicit DatagramQueue(QueueBudget& budget) : budget_(budget) { join_budget(budget); }

  struct Item {
    FlowHandle flow;
    std::vector<std::uint8_t> payload;
    Marks marks;
    TimePoint expires;
  };

  /// Copies `payload`. False if the queue is full: the datagram is not taken. What the budget drops for it,
  /// here or elsewhere, it says itself.
  bool push(FlowHandle flow, ConstBytes payload, TimePoint now, Marks marks = {}) {
    if (items_.size() >= kQueueDatagrams || payload_bytes() + payload.size() > kQueueBytes) return false;
    make_room(payload.size() + kQueueRecordBytes);
    items_.push_back({flow, {payload.begin(), payload.end()}, marks, now + kQueueLife});
    take(cost_of(items_.back()));
    return true;
  }
  /// Drops what waited too long; returns how many.
  std::size_t expire(TimePoint now) {
    std::size_t expired = 0;
    for (; !items_.empty() && items_.front().expires <= now; ++expired) drop_oldest();
    return expired;
  }
  /// Offers each datagram in order to `send(const Item&)`, which says whether it is done with it, and pushes
  /// nothing. The others stay.
  template <typename Send>
  void drain(Send send) {
    std::deque<Item> kept;
    while (!items_.empty()) {
      Item item = std::move(items_.front());
      items_.pop_front();
      if (send(item)) {
        give_back(cost_of(item));
      } else {
        kept.push_back(std::move(item));
      }
    }
    items_ = std::move(kept);
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  /// When the first datagram expires, or kNever.
  [[nodiscard]] TimePoint deadline() const { return items_.empty() ? kNever : items_.front().expires; }

 private:
  static std::size_t cost_of(const Item& item) { return item.payload.size() + kQueueRecordBytes; }
  [[nodiscard]] std::size_t payload_bytes() const { return bytes() - items_.size() * kQueueRecordBytes; }
  void drop_oldest() {
    give_back(cost_of(items_.front()));
    items_.pop_front();
  }
  bool yield() override {
    if (items_.empty()) return false;
    drop_oldest();
    ++budget_.dropped;
    return true;
  }

  QueueBudget& budget_;
  std::deque<Item> items_;
};

}  // namespace mptunnel
