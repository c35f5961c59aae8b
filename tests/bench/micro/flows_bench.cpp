// What a server's look-up of the flow that a datagram names costs. One item is one look-up.

#include <random>
#include <vector>

#include "mptunnel/session/flows.h"
#include "report.h"

namespace mptunnel::bench {
namespace {

/// `flows` are open, `apart` ids from each other, and asked for at random.
void FlowById(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const auto apart = static_cast<std::uint32_t>(state.range(1));
  ServerFlows table;
  std::vector<FlowHandle> closed;
  for (std::uint32_t i = 0; i < flows; ++i)
    (void)table.open(FlowId{static_cast<std::uint16_t>(i * apart)}, i, FlowHandle{i}, closed, TimePoint{});
  std::mt19937_64 engine(1);
  std::vector<FlowId> asked;
  for (int i = 0; i < 4096; ++i)
    asked.push_back(FlowId{static_cast<std::uint16_t>(engine() % flows * apart)});
  std::int64_t items = 0;
  for (auto _ : state) {
    for (const FlowId id : asked) benchmark::DoNotOptimize(table.find(id));
    items += static_cast<std::int64_t>(asked.size());
  }
  report_items(state, items);
}
BENCHMARK(FlowById)
    ->ArgNames({"flows", "apart"})
    ->Args({1, 1})
    ->Args({64, 1})
    ->Args({4096, 1})
    ->Args({4096, 4});

}  // namespace
}  // namespace mptunnel::bench
