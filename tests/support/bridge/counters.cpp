#include "support/bridge/counters.h"

#include <numeric>

namespace mptunnel::test {

nlohmann::ordered_json to_json(const DirectionCounters& counters, const DirectionTotals& totals) {
  auto lost = counters.lost;
  lost[static_cast<std::size_t>(Loss::send)] += totals.forwarded.failed;
  nlohmann::ordered_json causes;
  for (std::size_t i = 0; i < kLossKinds; ++i) causes[name_of(static_cast<Loss>(i))] = lost[i];
  return {{"received", counters.received},
          {"received_bytes", counters.received_bytes},
          {"forwarded", totals.forwarded.sent},
          {"forwarded_bytes", totals.forwarded.sent_bytes},
          {"lost", std::accumulate(lost.begin(), lost.end(), std::uint64_t{0})},
          {"lost_by", causes},
          {"duplicated", counters.duplicated},
          {"flipped", counters.flipped},
          {"waiting", totals.waiting},
          {"injected", totals.injected.sent},
          {"refused", totals.refused + totals.forwarded.refused + totals.injected.refused},
          {"kernel_drops", totals.kernel_drops}};
}

}  // namespace mptunnel::test
