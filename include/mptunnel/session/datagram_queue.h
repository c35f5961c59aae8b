// Datagrams that wait, for at most kQueueLife, for a session, a path or a flow. Bounded in bytes and count.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class DatagramQueue {
 public:
  struct Item {
    FlowHandle flow;
    std::vector<std::uint8_t> payload;
    std::uint8_t dscp = 0;
    TimePoint expires;
  };

  /// Copies `payload`. False if the queue is full: the datagram is not taken.
  bool push(FlowHandle flow, ConstBytes payload, TimePoint now, std::uint8_t dscp = 0) {
    if (items_.size() >= kQueueDatagrams || bytes_ + payload.size() > kQueueBytes) return false;
    items_.push_back({flow, {payload.begin(), payload.end()}, dscp, now + kQueueLife});
    bytes_ += payload.size();
    return true;
  }
  /// Drops what waited too long; returns how many.
  std::size_t expire(TimePoint now) {
    std::size_t expired = 0;
    for (; !items_.empty() && items_.front().expires <= now; items_.pop_front(), ++expired)
      bytes_ -= items_.front().payload.size();
    return expired;
  }
  /// Offers each datagram in order to `send(const Item&)`, which says whether it is done with it. The others
  /// stay.
  template <typename Send>
  void drain(Send send) {
    std::deque<Item> kept;
    while (!items_.empty()) {
      Item item = std::move(items_.front());
      items_.pop_front();
      bytes_ -= item.payload.size();
      if (!send(item)) {
        bytes_ += item.payload.size();
        kept.push_back(std::move(item));
      }
    }
    items_ = std::move(kept);
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  /// When the first datagram expires, or kNever.
  [[nodiscard]] TimePoint deadline() const { return items_.empty() ? kNever : items_.front().expires; }

 private:
  std::deque<Item> items_;
  std::size_t bytes_ = 0;
};

}  // namespace mptunnel
