#include "sim/event_queue.h"

#include <algorithm>
#include <utility>

namespace mptunnel::sim {

void EventQueue::at(TimePoint when, Action action) {
  heap_.push_back({std::max(when, now_), next_order_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

void EventQueue::run_until(TimePoint end) {
  while (!heap_.empty() && heap_.front().when <= end) {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.when;
    entry.action();
  }
  now_ = end;
}

}  // namespace mptunnel::sim
