#include "mptunnel/session/bulk_flows.h"

#include <algorithm>
#include <array>

#include "mptunnel/wire/limits.h"
#include "mptunnel/wire/order_limits.h"

namespace mptunnel {
namespace {

/// CS5, EF, CS6, CS7.
constexpr std::array<std::uint8_t, 4> kUrgent{40, 46, 48, 56};
/// A flow that was silent for so long is forgotten for room.
constexpr Duration kSilence = std::chrono::seconds(1);

}  // namespace

bool BulkFlows::is_bulk(FlowHandle flow, std::size_t bytes, std::uint8_t dscp, TimePoint now) {
  if (std::find(kUrgent.begin(), kUrgent.end(), dscp) != kUrgent.end()) return false;
  const auto known = flows_.find(flow);
  if (known == flows_.end() && flows_.size() >= kOrderedFlows) {
    // To look through all of them takes longer than a datagram.
    if (now - swept_ < FlowDensity::kSlot) return true;
    swept_ = now;
    std::erase_if(flows_,
                  [&](const auto& entry) { return now - entry.second.density.last_used() >= kSilence; });
    if (flows_.size() >= kOrderedFlows) return true;
  }
  Flow& own = known == flows_.end() ? flows_[flow] : known->second;
  if (own.density.count(bytes, kBulkBitsPerSecond, now)) own.until = now + kQueueLife;
  return now < own.until;
}

}  // namespace mptunnel
