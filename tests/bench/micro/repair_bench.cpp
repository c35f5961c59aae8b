// The repair code: its kernels, and what it costs for each source packet.

#include <vector>

#include "mptunnel/repair/galois.h"
#include "report.h"

namespace mptunnel::bench {
namespace {

/// One item is a region of 1,200 bytes.
void MultiplyAdd(benchmark::State& state) {
  const auto kernel = static_cast<GaloisKernel>(state.range(0));
  if (!is_available(kernel)) {
    state.SkipWithError("not in this build, or not on this processor");
    return;
  }
  const auto size = static_cast<std::size_t>(state.range(1));
  std::vector<std::uint8_t> target(size, 1);
  const std::vector<std::uint8_t> source(size, 2);
  std::uint8_t factor = 2;
  for (auto _ : state) {
    factor = static_cast<std::uint8_t>(factor % 253U + 2U);
    multiply_add(kernel, target, factor, source);
    benchmark::DoNotOptimize(target.data());
    benchmark::ClobberMemory();
  }
  state.SetLabel(name_of(kernel));
  report_items(state, state.iterations());
}
BENCHMARK(MultiplyAdd)
    ->ArgNames({"kernel", "bytes"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, static_cast<int>(GaloisKernel::count_) - 1, 1),
                   {162, 1202}});

}  // namespace
}  // namespace mptunnel::bench
