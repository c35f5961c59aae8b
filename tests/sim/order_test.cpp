// Datagrams of a flow in their order: what is out of it without, what it costs, and what TCP makes of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/at_target.h"
#include "sim/bench.h"
#include "sim/tcp_stream.h"

namespace mptunnel::sim {
namespace {

constexpr Duration kMost = 20ms;
constexpr Duration kLongest = kMost + 5ms;  ///< and what a driver is late

BenchOptions ordered_bench(double loss_percent, OrderSettings::Mode mode, std::size_t paths = 3) {
  BenchOptions options = repaired_bench(loss_percent, paths);
  options.client.order = options.server.settings.order = {mode, kMost};
  options.traffic = {.interval = 500us, .min_bytes = 500, .max_bytes = 500, .echo = false};
  return options;
}

TEST(Order, OfWhatIsRepairedIsNearlyPerfect) {
  for (const OrderSettings::Mode mode : {OrderSettings::Mode::none, OrderSettings::Mode::automatic}) {
    Bench bench(ordered_bench(10, mode));
    bench.world.context().oracle.allow_holding(kLongest);
    AtTarget target(bench.world, bench.application);
    bench.begin();
    bench.run(3s);
    target.restart();
    bench.run(20s);
    fmt::print("order {}: {} of {} out of order, delay {:.1f} ms, p99.9 {:.1f} ms\n", static_cast<int>(mode),
               target.out_of_order(), target.count(), milliseconds(target.delay(0.5)),
               milliseconds(target.delay(0.999)));
    if (mode == OrderSettings::Mode::none) {
      EXPECT_GT(target.out_of_order(), target.count() / 100);
    } else {
      EXPECT_LE(target.out_of_order(), target.count() / 1000);
      EXPECT_LE(target.delay(0.5), 23ms);
      EXPECT_LE(target.delay(0.999), 20ms + kMost + 5ms);
    }
    bench.settle();
  }
}

TEST(Order, IsNotKeptWhereNothingIsRepaired) {
  BenchOptions options = ordered_bench(0, OrderSettings::Mode::automatic);
  options.client.up.jitter = options.client.down.jitter = 3ms;
  Bench bench(options);
  AtTarget target(bench.world, bench.application);
  bench.begin();
  bench.run(5s);
  EXPECT_GT(target.out_of_order(), 100U);
  EXPECT_EQ(bench.server().engine().state().table.all().begin()->second->receiver.order().counts().held, 0U);
  bench.settle();
}

/// What the fast path loses comes 130 ms later: to wait for it is in vain.
TEST(Order, WaitsForNoSlowPath) {
  for (const OrderSettings::Mode mode : {OrderSettings::Mode::none, OrderSettings::Mode::always}) {
    BenchOptions options = ordered_bench(0, mode, 2);
    options.client.repair = options.server.settings.repair = std::nullopt;
    options.client.up.loss_percent = 5;
    Bench bench(options);
    bench.client.lane(1).up->set_options({.delay = 150ms, .jitter = 1ms});
    bench.world.context().oracle.allow_holding(kLongest);
    AtTarget target(bench.world, bench.application);
    bench.begin();
    bench.run(5s);
    target.restart();
    bench.run(20s);
    EXPECT_GT(target.out_of_order(), target.count() / 40);
    // The share of the slow path alone is late.
    EXPECT_LE(target.delay(0.94), 23ms);
    EXPECT_GE(target.delay(0.99), 140ms);
    bench.settle();
  }
}

/// A call beside a bulk flow, on one line that loses a tenth, waits for nobody.
TEST(Order, OfOneFlowDelaysNoOther) {
  Bench bench(ordered_bench(10, OrderSettings::Mode::always));
  bench.world.context().oracle.allow_holding(kLongest);
  Application& call =
      bench.client.add_application({.interval = 20ms, .min_bytes = 400, .max_bytes = 400, .echo = false});
  AtTarget target(bench.world, call);
  bench.begin();
  bench.world.traffic().start(call);
  bench.run(3s);
  target.restart();
  bench.run(60s);
  ASSERT_GT(target.count(), 2000U);
  // Of three copies the first; 1 in 1,000 is repaired.
  EXPECT_LE(target.delay(0.99), 22ms);
  bench.settle();
}

/// Mbit/s of one TCP connection over three paths of 50 Mbit/s that lose 20 %, in the steady state.
double ordered_goodput(OrderSettings::Mode mode, std::unique_ptr<Congestion> control) {
  BenchOptions options = ordered_bench(20, mode);
  options.client.up.rate_kbit_s = options.client.down.rate_kbit_s = 50'000;
  options.client.up.queue_bytes = options.client.down.queue_bytes = 128 << 10U;
  Bench bench(options);
  bench.world.context().oracle.allow_holding(kLongest);
  bench.server().start();
  bench.client.start();
  bench.run(1s);
  return steady_goodput_mbit_s(bench.world, bench.application, StreamWay::upload, std::move(control));
}

TEST(Order, HarmsNoTcp) {
  for (auto* const make : {&make_cubic, &make_bbr}) {
    const double without = ordered_goodput(OrderSettings::Mode::none, make());
    const double automatic = ordered_goodput(OrderSettings::Mode::automatic, make());
    const double always = ordered_goodput(OrderSettings::Mode::always, make());
    fmt::print("out of order {:.1f}; in order {:.1f}, {:.1f} Mbit/s\n", without, automatic, always);
    EXPECT_GE(automatic, 0.9 * without);
    EXPECT_GE(always, 0.9 * without);
  }
}

}  // namespace
}  // namespace mptunnel::sim
