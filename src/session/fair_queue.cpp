#include "mptunnel/session/fair_queue.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

/// RFC 8290, section 4.1: so many at a time, and no more than half of what a flow has.
constexpr std::size_t kDroppedAtOnce = 64;

/// Neighbours get queues of their own. Nobody outside chooses handles.
std::uint32_t key_of(FlowHandle flow) {
  return flow.value % FairQueue::kFlows;
}

}  // namespace

void FairQueue::push(FlowHandle flow, ConstBytes payload, Marks marks, TimePoint now) {
  while (is_full(payload.size()) && !empty()) losses_.full += drop_of_longest();
  make_room(payload.size() + kQueueRecordBytes);
  if (empty()) oldest_ = now;
  const auto found = by_key_.find(key_of(flow));
  const auto place = found != by_key_.end() ? found->second : new_.emplace(new_.end());
  if (found == by_key_.end()) {
    place->key = key_of(flow);
    by_key_.emplace(place->key, place);
  }
  place->items.push_back({flow, {payload.begin(), payload.end()}, marks, now});
  place->bytes += payload.size() + kOverhead;
  ++count_;
  take(cost_of(place->items.back()));
}

const FairQueue::Item* FairQueue::front(TimePoint now) {
  while (!new_.empty() || !old_.empty()) {
    Flows& flows = new_.empty() ? old_ : new_;
    Flow& flow = flows.front();
    if (flow.deficit <= 0) {
      flow.deficit += kQuantum;
      old_.splice(old_.end(), flows, flows.begin());
    } else if (const Item* next = next_of(flow, now)) {
      return next;
    } else if (&flows == &new_) {
      // It has had its turn, and no other before the old ones have had theirs.
      old_.splice(old_.end(), new_, new_.begin());
    } else {
      by_key_.erase(flow.key);
      old_.pop_front();
    }
  }
  return nullptr;
}

FairQueue::Item FairQueue::pop() {
  Flow& flow = new_.empty() ? old_.front() : new_.front();
  MPT_ASSERT(!flow.items.empty());
  flow.deficit -= static_cast<std::ptrdiff_t>(flow.items.front().payload.size() + kOverhead);
  return take_first(flow);
}

const FairQueue::Item* FairQueue::next_of(Flow& flow, TimePoint now) {
  while (!flow.items.empty()) {
    Item& first = flow.items.front();
    if (std::exchange(flow.is_judged, true)) return &first;
    const std::size_t behind = flow.bytes - first.payload.size() - kOverhead;
    if (!flow.codel.drops(now - first.since - allowance_, behind, now)) return &first;
    if (first.marks.ecn != Ecn::not_ect) {
      first.marks.ecn = Ecn::ce;
      return &first;
    }
    take_first(flow);
    ++losses_.delayed;
  }
  flow.codel.on_empty();
  return nullptr;
}

FairQueue::Item FairQueue::take_first(Flow& flow) {
  Item item = std::move(flow.items.front());
  flow.items.pop_front();
  flow.is_judged = false;
  flow.bytes -= item.payload.size() + kOverhead;
  --count_;
  give_back(cost_of(item));
  return item;
}

std::size_t FairQueue::drop_of_longest() {
  Flow* longest = nullptr;
  for (Flows* flows : {&new_, &old_}) {
    for (Flow& flow : *flows) {
      if (!flow.items.empty() && (longest == nullptr || flow.bytes > longest->bytes)) longest = &flow;
    }
  }
  if (longest == nullptr) return 0;
  const std::size_t dropped = std::min(kDroppedAtOnce, (longest->items.size() + 1) / 2);
  for (std::size_t i = 0; i < dropped; ++i) take_first(*longest);
  return dropped;
}

bool FairQueue::yield() {
  const std::size_t dropped = drop_of_longest();
  budget_.dropped += dropped;
  return dropped > 0;
}

void FairQueue::expire(TimePoint now) {
  if (now < deadline()) return;
  oldest_ = now;
  for (Flows* flows : {&new_, &old_}) {
    for (Flow& flow : *flows) {
      for (; !flow.items.empty() && flow.items.front().since + kQueueLife <= now; ++losses_.expired)
        take_first(flow);
      if (!flow.items.empty()) oldest_ = std::min(oldest_, flow.items.front().since);
    }
  }
}

}  // namespace mptunnel
