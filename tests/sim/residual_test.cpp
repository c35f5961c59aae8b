// What both ends say of datagrams that no copy of came, when the keys change meanwhile.
#include <gtest/gtest.h>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// 100 datagrams a second each way, of which none is an answer.
BenchOptions both_ways() {
  BenchOptions options = clean_bench();
  options.traffic.interval = 10ms;
  options.traffic.echo = false;
  options.traffic.push_interval = 10ms;
  return options;
}

bool is_no_data(const Copy& copy) {
  return copy.packet->type != PacketType::data;
}

void filter(Bench& bench, const std::function<bool(const Copy&)>& passes) {
  bench.filter_up(passes);
  bench.filter_down(passes);
}

std::size_t keys_so_far(const Bench& bench) {
  return Bench::count<SessionStarted>(bench.client.events());
}

/// Lets time pass until there are so many keys, a minute at most.
void run_until_keys(Bench& bench, std::size_t keys) {
  for (int i = 0; i < 600 && keys_so_far(bench) < keys; ++i) bench.run(100ms);
  ASSERT_EQ(keys_so_far(bench), keys);
}

/// Both ends say of both directions what is true.
void expect_true_residual(Bench& bench) {
  bench.settle();
  const std::uint64_t lost_out = bench.tally(false).lost();
  const std::uint64_t lost_in = bench.tally(true).lost();
  const SessionSnapshot client = bench.client.engine().snapshot(bench.world.now()).session;
  const SessionSnapshot server = bench.server().engine().snapshot(bench.world.now()).peers.at(0).session;
  EXPECT_EQ(client.data_out.lost(), lost_out);
  EXPECT_EQ(server.data_in.lost(), lost_out - client.untaken);
  EXPECT_EQ(server.data_out.lost(), lost_in);
  EXPECT_EQ(client.data_in.lost(), lost_in - server.untaken);
}

TEST(Residual, HasWhatWasLostJustBeforeTheKeysChanged) {
  Bench bench(both_ways());
  bench.begin();
  bench.run(118'990ms);
  filter(bench, is_no_data);
  run_until_keys(bench, 2);
  filter(bench, nullptr);
  bench.run(4s);
  EXPECT_GE(bench.tally(false).lost(), 5U);
  EXPECT_GE(bench.tally(true).lost(), 5U);
  expect_true_residual(bench);
}

TEST(Residual, HasWhatAStoppedServerLost) {
  BenchOptions options = clean_bench();
  options.traffic.interval = 10ms;
  Bench bench(options);
  bench.begin();
  bench.run(10s);
  bench.server().stall(4s);
  // Its receive buffers lose what comes, that of handshakes does not, and so new keys are made.
  bench.filter_up([](const Copy& copy) { return copy.packet->type == PacketType::handshake1; });
  bench.run(4015ms);
  bench.filter_up(nullptr);
  bench.run(8s);
  EXPECT_GE(keys_so_far(bench), 2U);
  EXPECT_GE(bench.tally(false).lost(), 50U);
  expect_true_residual(bench);
}

TEST(Residual, HasWhatAnOutageLostThatOutlivesTheKeys) {
  for (const Duration begins : {Duration{20s}, Duration{110s}}) {
    Bench bench(both_ways());
    bench.begin();
    bench.run(begins);
    bench.world.blackout_all(bench.client, true);
    bench.run(240s);
    bench.world.blackout_all(bench.client, false);
    bench.run(10s);
    EXPECT_GE(bench.tally(false).lost(), 10'000U);
    EXPECT_GE(bench.tally(true).lost(), 1'000U);
    expect_true_residual(bench);
  }
}

TEST(Residual, HasWhatCameUnderKeysThatWereNotConfirmedInTime) {
  Bench bench(both_ways());
  bench.begin();
  bench.run(118'500ms);
  // Each key that the server takes is given up by the client, which hears nothing of it.
  filter(bench, [](const Copy& copy) {
    const auto& frames = copy.packet->frames;
    return std::none_of(frames.begin(), frames.end(),
                        [](const Frame& frame) { return std::holds_alternative<ServerHelloFrame>(frame); });
  });
  bench.run(1500ms);
  const auto replies_of_new_keys = [](const Copy& copy) {
    return copy.packet->type != PacketType::data && copy.packet->type != PacketType::control;
  };
  bench.filter_down(replies_of_new_keys);
  bench.run(150ms);
  filter(bench, nullptr);
  bench.run(5s);
  EXPECT_GE(bench.tally(true).lost(), 5U);
  EXPECT_GE(keys_so_far(bench), 2U);
  expect_true_residual(bench);
}

TEST(Residual, HasNothingThatOnlyCameLate) {
  Bench bench(both_ways());
  bench.begin();
  bench.set_path(2, {.delay = 3s});
  bench.run(118'990ms);
  for (std::size_t path = 0; path < 2; ++path) {
    bench.client.lane(path).up->set_filter(is_no_data);
    bench.client.lane(path).down->set_filter(is_no_data);
  }
  run_until_keys(bench, 2);
  filter(bench, nullptr);
  bench.run(8s);
  bench.settle();
  bench.run(4s);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
  expect_true_residual(bench);
}

TEST(Residual, HasNothingThatWasRecovered) {
  BenchOptions options = both_ways();
  options.client.up.loss_percent = options.client.down.loss_percent = 20;
  options.client.repair = options.server.settings.repair = RepairSettings{};
  Bench bench(options);
  bench.begin();
  for (std::size_t keys = 2; keys <= 4; ++keys) {
    bench.run(100s);
    run_until_keys(bench, keys);
  }
  bench.run(30s);
  expect_true_residual(bench);
  const SessionSnapshot client = bench.client.engine().snapshot(bench.world.now()).session;
  const SessionSnapshot server = bench.server().engine().snapshot(bench.world.now()).peers.at(0).session;
  EXPECT_GT(client.data_in.recovered, 300U);
  EXPECT_EQ(client.data_in.recovered, server.data_out.recovered);
  EXPECT_EQ(client.data_out.recovered, server.data_in.recovered);
  EXPECT_NEAR(static_cast<double>(client.data_in.recovered + server.data_in.recovered),
              static_cast<double>(bench.world.context().oracle.recovered()), 20);
}

TEST(Residual, IsAskedForInAPacketOrTwoPerKey) {
  std::size_t told = 0;
  Bench bench(both_ways());
  bench.begin();
  bench.client.set_tap([&](const PacketPtr& packet) {
    for (const Frame& frame : packet->frames) told += std::holds_alternative<EpochCountsFrame>(frame) ? 1 : 0;
  });
  bench.run(630s);
  EXPECT_EQ(told, keys_so_far(bench) - 1);
  bench.client.set_tap(nullptr);
}

}  // namespace
}  // namespace mptunnel::sim
