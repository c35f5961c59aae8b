#include "mptunnel/session/flow_numbers.h"

#include "mptunnel/wire/order_limits.h"

namespace mptunnel {
std::optional<std::uint16_t> FlowNumbers::next(FlowHandle flow, std::size_t bytes, TimePoint now) {
  const auto known = flows_.find(flow);
  if (known == flows_.end() && !has_room(now)) return std::nullopt;
  Flow& own = known == flows_.end() ? flows_[flow] : known->second;
  if (!own.density.count(bytes, kOrderedBitsPerSecond, now)) return std::nullopt;
  return own.next++;
}

bool FlowNumbers::has_room(TimePoint now) {
  if (flows_.size() < kOrderedFlows) return true;
  // To look through all of them takes longer than a datagram.
  if (now - looked_ < FlowDensity::kSlot) return false;
  looked_ = now;
  std::erase_if(flows_, [&](const auto& entry) {
    const Flow& flow = entry.second;
    return now - flow.density.last_used() >= kNumbersForgottenAfter ||
           (flow.next == 0 && now - flow.density.slot() >= FlowDensity::kSlot);
  });
  return flows_.size() < kOrderedFlows;
}

}  // namespace mptunnel
