// The TCP of the simulation does what published models of TCP say: what it says of the tunnel rests on that.
#include "sim/tcp_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

constexpr Duration kSettles = 5s;

BenchOptions silent_bench(const test::ImpairmentOptions& link, std::size_t paths = 1) {
  BenchOptions options;
  options.client.paths = paths;
  options.client.up = options.client.down = link;
  options.traffic.echo = false;
  return options;
}

struct Outcome {
  double goodput_mbit_s = 0;
  TcpStream::Counts counts;
};

/// `lost_one_in`: of the packets of the way up, each so many'th gets lost; 0: none. They are counted from
/// `sent` on.
Outcome run_stream(const BenchOptions& options, StreamWay way, std::unique_ptr<Congestion> congestion,
                   Duration time, std::uint64_t lost_one_in = 0, std::uint64_t sent = 0) {
  Bench bench(options);
  if (lost_one_in > 0)
    bench.client.lane(0).up->set_filter([&](const Copy&) { return ++sent % lost_one_in != 0; });
  bench.world.server().start();
  bench.client.start();
  bench.run(1s);
  TcpStream stream(bench.world, bench.application, way, std::move(congestion));
  stream.start();
  bench.run(kSettles);
  stream.take_goodput_mbit_s();
  bench.run(time);
  Outcome run{stream.take_goodput_mbit_s(), stream.counts()};
  stream.stop();
  bench.run(2s);
  return run;
}

test::ImpairmentOptions line(Duration delay, double rate_mbit_s = 0) {
  return {.delay = delay, .rate_kbit_s = rate_mbit_s * 1000};
}

/// Segments that a line of this rate carries, of each of which the tunnel makes a packet.
double most_of(double rate_mbit_s) {
  return rate_mbit_s * TcpStream::kSegmentBytes / (TcpStream::kSegmentBytes + 26.0);
}

class FillsALine : public ::testing::TestWithParam<StreamWay> {};
INSTANTIATE_TEST_SUITE_P(Ways, FillsALine, ::testing::Values(StreamWay::upload, StreamWay::download),
                         [](const auto& one) {
                           return one.param == StreamWay::upload ? "Upload" : "Download";
                         });

TEST_P(FillsALine, WithCubic) {
  const Outcome run = run_stream(silent_bench(line(20ms, 20), 3), GetParam(), make_cubic(), 10s);
  EXPECT_GT(run.goodput_mbit_s, 0.9 * most_of(20));
  EXPECT_LE(run.goodput_mbit_s, most_of(20) * 1.001);
  EXPECT_EQ(run.counts.timeouts, 0U);
}

TEST_P(FillsALine, WithBbr) {
  const Outcome run = run_stream(silent_bench(line(20ms, 20), 3), GetParam(), make_bbr(), 10s);
  EXPECT_GT(run.goodput_mbit_s, 0.9 * most_of(20));
  EXPECT_LE(run.goodput_mbit_s, most_of(20) * 1.001);
  EXPECT_EQ(run.counts.timeouts, 0U);
}

/// The average window that shows in the goodput of a line whose queue stays empty.
double window_of(const Outcome& run, Duration rtt) {
  return run.goodput_mbit_s * 1e6 / 8 / TcpStream::kSegmentBytes * std::chrono::duration<double>(rtt).count();
}

TEST(TcpStream, CubicKeepsTheWindowOfItsResponseFunction) {
  const double expected = cubic_average_window(0.001, 300ms);
  // Which packets they are, of the tunnel's own too, decides upon a tenth of it.
  constexpr std::array<std::uint64_t, 4> kBefore{0, 250, 500, 750};
  double average = 0;
  for (const std::uint64_t before : kBefore) {
    const Outcome run =
        run_stream(silent_bench(line(150ms)), StreamWay::upload, make_cubic(), 300s, 1000, before);
    average += window_of(run, 300ms) / kBefore.size();
  }
  EXPECT_NEAR(average, expected, 0.15 * expected);
}

TEST(TcpStream, CubicIsAsFastAsRenoWhereThatIsFaster) {
  BenchOptions options = silent_bench(line(20ms));
  options.client.up.loss_percent = 1;
  const Outcome run = run_stream(options, StreamWay::upload, make_cubic(), 120s);
  // Mathis, Semke, Mahdavi: The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, 1997.
  const double expected = std::sqrt(1.5 / 0.01);
  EXPECT_NEAR(window_of(run, 40ms), expected, 0.25 * expected);
  EXPECT_GT(expected, 3 * cubic_average_window(0.01, 40ms));
}

TEST(TcpStream, BbrDoesNotMindLoss) {
  BenchOptions options = silent_bench(line(20ms, 20));
  options.client.up.loss_percent = 2;
  const Outcome bbr = run_stream(options, StreamWay::upload, make_bbr(), 20s);
  const Outcome cubic = run_stream(options, StreamWay::upload, make_cubic(), 20s);
  EXPECT_GT(bbr.goodput_mbit_s, 0.85 * most_of(20));
  EXPECT_LT(cubic.goodput_mbit_s, 0.3 * most_of(20));
}

TEST(TcpStream, SendsAgainWhatIsLostAndLittleElse) {
  BenchOptions options = silent_bench(line(20ms));
  options.client.up.loss_percent = 1;
  const Outcome run = run_stream(options, StreamWay::upload, make_cubic(), 60s);
  const auto sent = static_cast<double>(run.counts.sent);
  EXPECT_NEAR(static_cast<double>(run.counts.retransmitted) / sent, 0.01, 0.004);
  EXPECT_LE(run.counts.spurious, run.counts.retransmitted / 20);
}

TEST(TcpStream, LearnsToBearReordering) {
  BenchOptions options = silent_bench(line(20ms));
  options.client.up.jitter = 25ms;
  const Outcome run = run_stream(options, StreamWay::upload, make_cubic(), 2s);
  // Nothing is lost: what it takes for a loss early on makes it wait longer.
  EXPECT_LT(run.counts.recoveries, 12U);
}

}  // namespace
}  // namespace mptunnel::sim
