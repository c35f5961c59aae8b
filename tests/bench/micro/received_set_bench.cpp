// The received set as KeyEpoch uses it: contains() for each packet, insert() for each that is no copy. Beside
// it, the window of RFC 6479 and a std::set. One item is one packet that arrives; 64 of them share a time, as
// those of one wake-up do.

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "bitmap_window.h"
#include "mptunnel/session/received_set.h"
#include "report.h"

namespace mptunnel::bench {
namespace {

constexpr std::uint32_t kRate = 100'000;       // numbers a second
constexpr std::uint32_t kPattern = 1U << 16U;  // numbers after which losses repeat
constexpr std::uint32_t kWakeup = 64;

/// All three take a number once.
class TreeOfBlocks {
 public:
  bool take(PacketNumber number, TimePoint now) { return !set_.contains(number) && set_.insert(number, now); }

 private:
  ReceivedSet set_;
};

template <std::uint32_t kBits>
class Window {
 public:
  bool take(PacketNumber number, TimePoint /*now*/) {
    return !window_.contains(number) && window_.insert(number);
  }

 private:
  BitmapWindow<kBits> window_;
};
using SmallWindow = Window<1U << 13U>;
/// Reaches over two seconds of numbers, as three paths a second apart need.
using LargeWindow = Window<1U << 18U>;

class TreeOfNumbers {
 public:
  bool take(PacketNumber number, TimePoint /*now*/) {
    if (number < mark_ || set_.contains(number)) return false;
    set_.insert(number);
    if (set_.size() > kNumbers) {
      mark_ = PacketNumber{set_.begin()->value + 1};
      set_.erase(set_.begin());
    }
    return true;
  }

 private:
  static constexpr std::size_t kNumbers = std::size_t{3} * kRate;  // three seconds of them

  std::set<PacketNumber> set_;
  PacketNumber mark_{};
};

/// What arrives while the sender goes through kPattern numbers, relative to the first of them.
std::vector<std::int32_t> make_arrivals(int paths, std::int32_t apart, double loss) {
  std::mt19937_64 engine(1);
  std::bernoulli_distribution lost(loss);
  std::vector<std::vector<bool>> losses(static_cast<std::size_t>(paths));
  for (auto& path : losses) {
    for (std::uint32_t i = 0; i < kPattern; ++i) path.push_back(lost(engine));
  }
  std::vector<std::int32_t> arrivals;
  for (std::uint32_t i = 0; i < kPattern; ++i) {
    for (int path = 0; path < paths; ++path) {
      const std::int32_t number = static_cast<std::int32_t>(i) - path * apart;
      if (!losses[static_cast<std::size_t>(path)][static_cast<std::uint32_t>(number) % kPattern]) {
        arrivals.push_back(number);
      }
    }
  }
  return arrivals;
}

/// Arrivals without end.
class Sender {
 public:
  /// `first` is late enough for the latest path's copies not to lie below 0.
  Sender(std::vector<std::int32_t> arrivals, std::uint32_t first)
      : arrivals_(std::move(arrivals)), first_(first) {}

  /// Gives what one wake-up reads to `set`; returns how many numbers were new.
  template <typename Set>
  std::uint32_t wake_up(Set& set) {
    std::uint32_t taken = 0;
    for (std::uint32_t i = 0; i < kWakeup; ++i) {
      const PacketNumber number{first_ + static_cast<std::uint32_t>(arrivals_[at_])};
      taken += set.take(number, now_) ? 1 : 0;
      if (++at_ == arrivals_.size()) {
        at_ = 0;
        first_ += kPattern;
      }
    }
    now_ = TimePoint{std::chrono::nanoseconds(1s) / kRate *
                     (first_ + static_cast<std::uint32_t>(arrivals_[at_]))};
    return taken;
  }
  [[nodiscard]] std::uint32_t first() const { return first_; }

 private:
  std::vector<std::int32_t> arrivals_;
  std::uint32_t first_;
  std::size_t at_ = 0;
  TimePoint now_{};
};

template <typename Set>
void run(benchmark::State& state, int paths, std::uint32_t apart, double loss) {
  const std::uint32_t behind = static_cast<std::uint32_t>(paths - 1) * apart;
  Sender sender(make_arrivals(paths, static_cast<std::int32_t>(apart), loss), behind);
  const auto set = std::make_unique<Set>();
  // Blocks with holes stay for 30 s: only then does the number of them stand still.
  const std::uint32_t warm = behind + 31 * kRate;
  while (sender.first() < warm) sender.wake_up(*set);
  std::int64_t items = 0;
  std::int64_t taken = 0;
  for (auto _ : state) {
    taken += sender.wake_up(*set);
    items += kWakeup;
  }
  report_items(state, items);
  state.counters["new"] = static_cast<double>(taken) / static_cast<double>(items);
}

/// One path; `holes` of a hundred numbers never come.
template <typename Set>
void InOrder(benchmark::State& state) {
  run<Set>(state, 1, 0, static_cast<double>(state.range(0)) / 100);
}
BENCHMARK_TEMPLATE(InOrder, TreeOfBlocks)->ArgName("holes")->Arg(0)->Arg(1)->Arg(20);
BENCHMARK_TEMPLATE(InOrder, SmallWindow)->ArgName("holes")->Arg(0)->Arg(1)->Arg(20);
BENCHMARK_TEMPLATE(InOrder, LargeWindow)->ArgName("holes")->Arg(0)->Arg(1)->Arg(20);
BENCHMARK_TEMPLATE(InOrder, TreeOfNumbers)->ArgName("holes")->Arg(0)->Arg(1)->Arg(20);

/// Three paths, each `apart` numbers behind the one before it and losing `loss` of a hundred: 10 ms, where
/// copies lie two blocks below the top; 16 blocks, where a cache by the last bits of a block's key would have
/// the paths in each other's way; a second.
template <typename Set>
void ThreePaths(benchmark::State& state) {
  run<Set>(state, 3, static_cast<std::uint32_t>(state.range(0)), static_cast<double>(state.range(1)) / 100);
}
void three_paths(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"apart", "loss"});
  for (const int apart : {1000, 16 * 512, static_cast<int>(kRate)}) {
    for (const int loss : {0, 1, 20}) benchmark->Args({apart, loss});
  }
}
BENCHMARK_TEMPLATE(ThreePaths, TreeOfBlocks)->Apply(three_paths);
BENCHMARK_TEMPLATE(ThreePaths, LargeWindow)->Apply(three_paths);
BENCHMARK_TEMPLATE(ThreePaths, TreeOfNumbers)->Apply(three_paths);

/// contains() alone, of numbers that were seen: all in the top block, or in turn in the two highest, above
/// `below` other blocks with holes.
void CopyLookup(benchmark::State& state) {
  const auto blocks = static_cast<std::uint32_t>(state.range(0));
  const auto below = static_cast<std::uint32_t>(state.range(1));
  constexpr std::uint32_t kBlock = ReceivedSet::kBlockNumbers;
  ReceivedSet set;
  const std::uint32_t end = (below + 2) * kBlock;
  for (std::uint32_t number = 0; number < end; ++number) {
    if (number % kBlock != 7) set.insert(PacketNumber{number}, TimePoint{});
  }
  std::mt19937_64 engine(1);
  std::vector<PacketNumber> copies;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const std::uint32_t offset = 8 + static_cast<std::uint32_t>(engine() % (kBlock - 8));
    copies.push_back(PacketNumber{end - (1 + i % blocks) * kBlock + offset});
  }
  std::int64_t items = 0;
  for (auto _ : state) {
    std::uint32_t seen = 0;
    for (const PacketNumber copy : copies) seen += set.contains(copy) ? 1 : 0;
    if (seen != copies.size()) state.SkipWithError("a number was forgotten");
    items += static_cast<std::int64_t>(copies.size());
  }
  report_items(state, items);
}
BENCHMARK(CopyLookup)->ArgNames({"blocks", "below"})->ArgsProduct({{1, 2}, {0, 200, 6000}});

}  // namespace
}  // namespace mptunnel::bench
