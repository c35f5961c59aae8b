#include "support/bridge/delay_queue.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mptunnel::test {
namespace {

/// The heap functions put the largest first: the largest is the one that leaves first.
bool leaves_later(const DelayedDatagram& left, const DelayedDatagram& right) {
  return std::tie(left.release, left.order) > std::tie(right.release, right.order);
}

}  // namespace

bool DelayQueue::push(DelayedDatagram datagram) {
  if (heap_.size() >= max_datagrams_ || bytes_ + datagram.bytes.size() > max_bytes_) return false;
  bytes_ += datagram.bytes.size();
  datagram.order = next_order_++;
  heap_.push_back(std::move(datagram));
  std::push_heap(heap_.begin(), heap_.end(), leaves_later);
  return true;
}

std::optional<DelayedDatagram> DelayQueue::pop_due(TimePoint now) {
  if (heap_.empty() || heap_.front().release > now) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), leaves_later);
  DelayedDatagram datagram = std::move(heap_.back());
  heap_.pop_back();
  bytes_ -= datagram.bytes.size();
  return datagram;
}

}  // namespace mptunnel::test
