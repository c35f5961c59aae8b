// How a benchmark says what it did: items per second, and the time of one item.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace mptunnel::bench {

/// `items` were done in the whole run. Shown as `items_per_second` and, the other way up, as `item`.
inline void report_items(benchmark::State& state, std::int64_t items) {
  state.SetItemsProcessed(items);
  state.counters["item"] = benchmark::Counter(static_cast<double>(items),
                                              benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace mptunnel::bench
