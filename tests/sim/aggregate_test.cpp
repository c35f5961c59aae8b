// The sum of the paths: one TCP stream over paths of different rates and delays.
#include <fmt/format.h>
#include <gtest/gtest.h>

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

class Aggregate : public ::testing::TestWithParam<StreamWay> {};
INSTANTIATE_TEST_SUITE_P(Ways, Aggregate, ::testing::Values(StreamWay::upload, StreamWay::download),
                         [](const auto& one) {
                           return one.param == StreamWay::upload ? "Upload" : "Download";
                         });

TEST_P(Aggregate, HasMoreThanTheBestOfUnequalPaths) {
  const std::vector<Line> lines{{50, 10ms}, {20, 30ms}};
  const Outcome one = carry({lines[0]}, SchedulerMode::copies, GetParam());
  const Outcome all = carry(lines, SchedulerMode::aggregate, GetParam());
  fmt::print("one path: {:.1f} Mbit/s; the sum of both: {:.1f}, {} of {} segments sent again\n", one.mbit_s,
             all.mbit_s, all.counts.retransmitted, all.counts.sent);
  EXPECT_GT(all.mbit_s, 1.25 * one.mbit_s);
}

TEST_P(Aggregate, HasTheSumOfEqualPaths) {
  const std::vector<Line> lines{{50, 20ms}, {50, 20ms}};
  const Outcome all = carry(lines, SchedulerMode::aggregate, GetParam());
  fmt::print("{:.1f} Mbit/s, {} of {} segments sent again\n", all.mbit_s, all.counts.retransmitted,
             all.counts.sent);
  EXPECT_GT(all.mbit_s, 75);
}

TEST(AggregateRates, AreThoseOfThePaths) {
  const Outcome all = carry({{20, 20ms}, {30, 20ms}}, SchedulerMode::aggregate, StreamWay::upload);
  ASSERT_EQ(all.capacities.size(), 2U);
  EXPECT_NEAR(all.capacities[0], 20, 2);
  EXPECT_NEAR(all.capacities[1], 30, 3);
}

}  // namespace
}  // namespace mptunnel::sim
