// The sum of the paths: one TCP stream over paths of different rates and delays.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/bench.h"
#include "sim/tcp_stream.h"

namespace mptunnel::sim {
namespace {

struct Line {
  double mbit_s = 0;
  Duration delay{};  ///< each way
  double loss_percent = 0;
};

/// With a queue of 60 ms.
test::ImpairmentOptions impairments(const Line& line) {
  test::ImpairmentOptions options{
      .loss_percent = line.loss_percent, .delay = line.delay, .rate_kbit_s = line.mbit_s * 1000};
  options.queue_bytes = static_cast<std::size_t>(line.mbit_s * 1e6 / 8 * 0.06);
  return options;
}

struct Outcome {
  double mbit_s = 0;
  TcpStream::Counts counts;
  std::vector<double> capacities;  ///< of the client's paths, as they are known, in Mbit/s
};

Outcome carry(const std::vector<Line>& lines, SchedulerMode mode, StreamWay way) {
  BenchOptions options;
  options.client.paths = lines.size();
  options.client.mode = options.server.settings.mode = mode;
  options.client.order = options.server.settings.order = {OrderSettings::Mode::automatic, 50ms};
  options.client.repair = options.server.settings.repair = RepairSettings{};
  options.traffic.echo = false;
  Bench bench(options);
  for (std::size_t i = 0; i < lines.size(); ++i) bench.set_path(i, impairments(lines[i]));
  bench.world.context().oracle.allow_holding(100ms);
  bench.world.server().start();
  bench.client.start();
  bench.run(1s);
  TcpStream stream(bench.world, bench.application, way, make_cubic());
  stream.start();
  bench.run(20s);
  stream.take_goodput_mbit_s();
  bench.run(10s);
  Outcome outcome{stream.take_goodput_mbit_s(), stream.counts(), {}};
  if (const Aggregation* own = bench.client.engine().state().sender.aggregation()) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const RateControl* rate = own->rate_of(PathId{static_cast<std::uint8_t>(i)});
      outcome.capacities.push_back(rate == nullptr ? 0 : rate->capacity() * 8e-6);
    }
  }
  stream.stop();
  bench.run(2s);
  return outcome;
}

/// Goodput of one CUBIC stream over these lines, and what it has to be.
struct Sum {
  const char* name;
  std::vector<Line> lines;
  StreamWay way = StreamWay::upload;
  double least_mbit_s = 0;
};

class Aggregate : public ::testing::TestWithParam<Sum> {};

TEST_P(Aggregate, HasTheSumAndNeverLessThanTheBestPath) {
  const Outcome all = carry(GetParam().lines, SchedulerMode::aggregate, GetParam().way);
  fmt::print("{:.1f} Mbit/s, {} of {} segments sent again\n", all.mbit_s, all.counts.retransmitted,
             all.counts.sent);
  EXPECT_GE(all.mbit_s, GetParam().least_mbit_s);
  EXPECT_LE(all.counts.timeouts, 1U);
}

// One path alone carries 0.98 of its rate. The bound is 0.85 of the sum, or 0.95 of the best.
INSTANTIATE_TEST_SUITE_P(
    Sums, Aggregate,
    ::testing::Values(
        Sum{"Unequal", {{50, 10ms}, {20, 30ms}, {10, 60ms}}, StreamWay::upload, 66},
        Sum{"UnequalDown", {{50, 10ms}, {20, 30ms}, {10, 60ms}}, StreamWay::download, 66},
        Sum{"UnequalLosing", {{50, 10ms, 2}, {20, 30ms, 2}, {10, 60ms, 2}}, StreamWay::upload, 50},
        Sum{"UnequalLosingMuch", {{50, 10ms, 10}, {20, 30ms, 10}, {10, 60ms, 10}}, StreamWay::upload, 35},
        Sum{"Equal", {{50, 20ms}, {50, 20ms}}, StreamWay::download, 83},
        Sum{"LargeAndSmall", {{100, 10ms}, {10, 100ms}}, StreamWay::upload, 93},
        Sum{"EqualRates", {{50, 10ms}, {50, 40ms}}, StreamWay::upload, 60},
        Sum{"SlowAndLate", {{20, 5ms}, {2, 300ms}}, StreamWay::download, 18.6},
        Sum{"OneLoses", {{80, 15ms}, {80, 15ms, 1}}, StreamWay::upload, 74.5}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(AggregateRates, AreThoseOfThePaths) {
  const Outcome all = carry({{20, 20ms}, {30, 20ms}}, SchedulerMode::aggregate, StreamWay::upload);
  ASSERT_EQ(all.capacities.size(), 2U);
  EXPECT_NEAR(all.capacities[0], 20, 2);
  EXPECT_NEAR(all.capacities[1], 30, 3);
}

}  // namespace
}  // namespace mptunnel::sim
