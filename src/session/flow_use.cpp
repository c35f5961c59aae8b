#include "mptunnel/session/flow_use.h"

#include <utility>

namespace mptunnel {

void FlowOrder::add(FlowUse& flow) {
  flow.listed_ = flow.last_used;
  flow.listed_short_ = flow.is_short();
  flow.serial_ = next_serial_++;
  list_of(flow).insert(&flow);
}

void FlowOrder::erase(FlowUse& flow) {
  list_of(flow).erase(&flow);
}

void FlowOrder::clear() {
  short_.clear();
  lasting_.clear();
}

void FlowOrder::forget_counts(FlowUse& flow) {
  flow.to_server_ = flow.to_client_ = 0;
  // At once: among the lasting ones it would be looked at only once it was silent for long.
  relist(flow);
}

bool FlowOrder::relist(FlowUse& flow) {
  if (flow.listed_ == flow.last_used && flow.listed_short_ == flow.is_short()) return false;
  auto node = list_of(flow).extract(&flow);
  flow.listed_ = flow.last_used;
  flow.listed_short_ = flow.is_short();
  list_of(flow).insert(std::move(node));
  return true;
}

FlowUse* FlowOrder::first(Listed& list, TimePoint latest) {
  while (!list.empty()) {
    FlowUse* flow = *list.begin();
    if (flow->listed_ > latest) return nullptr;
    if (!relist(*flow)) return flow;
  }
  return nullptr;
}

FlowUse* FlowOrder::evictable(TimePoint now) {
  FlowUse* flow = first(short_, now - kShortFlowEvictableAfter);
  return flow != nullptr ? flow : first(lasting_, now - kFlowEvictableAfter);
}

FlowUse* FlowOrder::oldest() {
  FlowUse* of_short = first(short_, kNever);
  FlowUse* of_lasting = first(lasting_, kNever);
  if (of_short == nullptr || of_lasting == nullptr) return of_short != nullptr ? of_short : of_lasting;
  return Earlier{}(of_lasting, of_short) ? of_lasting : of_short;
}

}  // namespace mptunnel
