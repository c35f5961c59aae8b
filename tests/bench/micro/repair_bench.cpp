// The repair code: its kernels, and what it costs for each source packet.

#include <random>
#include <vector>

#include "mptunnel/repair/galois.h"
#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/repair/repair_encoder.h"
#include "report.h"

namespace mptunnel::bench {
namespace {

/// One item is a region.
void RepairMultiplyAdd(benchmark::State& state) {
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
BENCHMARK(RepairMultiplyAdd)
    ->ArgNames({"kernel", "bytes"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, static_cast<int>(GaloisKernel::count_) - 1, 1),
                   {162, 1202}});

constexpr std::size_t kSymbolBytes = 1200;
/// 10,000 a second.
constexpr Duration kGap = 100us;

/// One item is a source symbol: it is kept, and one in so many has a repair symbol of the last `window`; 0 in
/// so many: none.
void RepairEncode(benchmark::State& state) {
  const auto period = static_cast<std::uint64_t>(state.range(0));
  const auto window = static_cast<std::size_t>(state.range(1));
  RepairEncoder encoder;
  const std::vector<std::uint8_t> symbol(kSymbolBytes, 0x5a);
  std::vector<std::uint8_t> out(kMaxCodedBytes);
  std::uint64_t number = 0;
  for (auto _ : state) {
    const TimePoint now{kGap * number};
    encoder.add(number++, symbol, now);
    if (period == 0 || number % period != 0) continue;
    const auto covered = encoder.newest(window, now);
    encoder.make(covered.first, covered.count, static_cast<std::uint16_t>(number), out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report_items(state, state.iterations());
}
BENCHMARK(RepairEncode)->ArgNames({"period", "window"})->ArgsProduct({{0, 40, 20, 10}, {64, 128}});

/// A stream of 5 % repair symbols, made before.
struct Stream {
  static constexpr std::uint64_t kPeriod = 20;
  static constexpr std::uint64_t kSymbols = 50'000;
  static constexpr std::uint64_t kWarm = 10'000;
  static constexpr std::size_t kWindow = 128;

  Stream() : symbol(kSymbolBytes, 0x5a) {
    RepairEncoder encoder;
    for (std::uint64_t number = 0; number < kSymbols; ++number) {
      encoder.add(number, symbol, TimePoint{kGap * number});
      if (number % kPeriod != kPeriod - 1) continue;
      const auto covered = encoder.newest(kWindow, TimePoint{kGap * number});
      std::vector<std::uint8_t> coded(covered.coded_bytes);
      encoder.make(covered.first, covered.count, static_cast<std::uint16_t>(number), coded);
      repairs.push_back(std::move(coded));
      windows.push_back(covered);
    }
  }

  std::vector<std::uint8_t> symbol;
  std::vector<std::vector<std::uint8_t>> repairs;
  std::vector<RepairEncoder::Window> windows;
};

/// One item is a source symbol, of which `lost` in 10,000 are missing: it is kept, or recovered.
void RepairDecode(benchmark::State& state) {
  const Stream stream;
  const double loss = static_cast<double>(state.range(0)) / 10'000;
  std::mt19937_64 engine(1);
  std::vector<bool> gone;
  for (std::uint64_t i = 0; i < Stream::kSymbols; ++i)
    gone.push_back(std::bernoulli_distribution(loss)(engine));
  RepairDecoder decoder;
  std::int64_t items = 0;
  std::uint64_t lost = 0;
  std::uint64_t recovered = 0;
  const auto receive = [&](std::uint64_t number, std::uint64_t end) {
    for (; number < end; ++number) {
      const TimePoint now{kGap * number};
      if (gone[number]) {
        ++lost;
      } else {
        decoder.on_source(number, stream.symbol, now);
      }
      if (number % Stream::kPeriod != Stream::kPeriod - 1) continue;
      const std::size_t which = number / Stream::kPeriod;
      const auto& window = stream.windows[which];
      decoder.on_repair(
          {window.first, window.count, static_cast<std::uint16_t>(number), stream.repairs[which]}, now);
      recovered += decoder.recovered().size();
    }
  };
  for (auto _ : state) {
    // Memory has grown to its limit when the measurement begins.
    state.PauseTiming();
    decoder.restart();
    receive(0, Stream::kWarm);
    state.ResumeTiming();
    receive(Stream::kWarm, Stream::kSymbols);
    items += Stream::kSymbols - Stream::kWarm;
  }
  report_items(state, items);
  if (lost > 0) state.counters["recovered"] = static_cast<double>(recovered) / static_cast<double>(lost);
}
BENCHMARK(RepairDecode)->ArgName("lost")->Arg(0)->Arg(10)->Arg(80)->Arg(300);

}  // namespace
}  // namespace mptunnel::bench
