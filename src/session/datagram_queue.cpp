#include "mptunnel/session/datagram_queue.h"

#include "mptunnel/wire/limits.h"

namespace mptunnel {

bool DatagramQueue::push(FlowHandle flow, ConstBytes payload, TimePoint now, std::uint8_t dscp) {
  if (items_.size() >= kQueueDatagrams || bytes_ + payload.size() > kQueueBytes) return false;
  items_.push_back({flow, {payload.begin(), payload.end()}, dscp, now + kQueueLife});
  bytes_ += payload.size();
  return true;
}

std::size_t DatagramQueue::expire(TimePoint now) {
  std::size_t expired = 0;
  while (!items_.empty() && items_.front().expires <= now) {
    bytes_ -= items_.front().payload.size();
    items_.pop_front();
    ++expired;
  }
  return expired;
}

}  // namespace mptunnel
