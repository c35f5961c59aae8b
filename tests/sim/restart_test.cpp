#include <gtest/gtest.h>

#include <functional>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

constexpr Duration kFoundWithin = 300ms;

/// On one machine: next to no delay.
BenchOptions loopback(std::uint64_t seed) {
  BenchOptions options = clean_bench(50us);
  options.seed = seed;
  options.traffic.interval = 5ms;
  return options;
}

struct DownTime {
  const char* name;
  Duration time;
  int runs;
};
constexpr std::array kDownTimes{DownTime{"no time", 0s, 20}, DownTime{"0.1 s", 100ms, 20},
                                DownTime{"5 s", 5s, 20}, DownTime{"60 s", 60s, 5}};

TEST(Restart, ServerRestartedUnderTrafficIsFoundWithin300Milliseconds) {
  for (const DownTime& down : kDownTimes) {
    for (int i = 0; i < down.runs; ++i) {
      SCOPED_TRACE(testing::Message() << "down for " << down.name << ", run " << i);
      Bench bench(loopback(static_cast<std::uint64_t>(i)));
      bench.begin();
      bench.run(2s + i * 7ms);
      bench.server().kill();
      bench.run(down.time);
      bench.server().start();
      const TimePoint listening = bench.world.now();
      bench.run(1s);
      EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin);
    }
  }
}

TEST(Restart, ServerFarAwayIsFoundWithin300MillisecondsAndSixRoundTrips) {
  // Silence is noticed after three round trips; one is on its way when the server dies, the handshake takes
  // two.
  constexpr Duration kRoundTrip = 200ms;
  for (int i = 0; i < 10; ++i) {
    SCOPED_TRACE(i);
    BenchOptions options = clean_bench(kRoundTrip / 2);
    options.seed = static_cast<std::uint64_t>(i);
    Bench bench(options);
    bench.begin();
    bench.run(2s + i * 17ms);
    bench.server().kill();
    bench.server().start();
    const TimePoint listening = bench.world.now();
    bench.run(5s);
    EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin + 7 * kRoundTrip);
  }
}

TEST(Restart, ClientRestartedUnderTrafficResumesWithin300Milliseconds) {
  for (const DownTime& down : kDownTimes) {
    for (int i = 0; i < down.runs; ++i) {
      SCOPED_TRACE(testing::Message() << "down for " << down.name << ", run " << i);
      Bench bench(loopback(static_cast<std::uint64_t>(i)));
      bench.begin();
      bench.run(2s + i * 7ms);
      bench.client.kill();
      if (i % 2 == 1) bench.world.new_sockets(bench.client);
      bench.run(down.time);
      bench.client.start();
      const TimePoint listening = bench.world.now();
      bench.run(1s);
      EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin);
    }
  }
}

TEST(Restart, BothAtOnceResumeWithin300Milliseconds) {
  for (int i = 0; i < 10; ++i) {
    SCOPED_TRACE(i);
    Bench bench(loopback(static_cast<std::uint64_t>(i)));
    bench.begin();
    bench.run(2s);
    bench.server().kill();
    bench.client.kill();
    bench.run(i * 100ms);
    bench.client.start();
    bench.run(i * 130ms);
    bench.server().start();
    const TimePoint listening = bench.world.now();
    bench.run(1s);
    EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin);
  }
}

TEST(Restart, ClosedServerIsKnownToBeGoneAtOnce) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.server().close();
  bench.run(11ms);
  ASSERT_FALSE(bench.client.events().empty());
  EXPECT_TRUE(std::holds_alternative<SessionEnded>(bench.client.events().back()));
  EXPECT_EQ(std::get<SessionEnded>(bench.client.events().back()).reason, CloseReason::shutdown);
  EXPECT_FALSE(bench.client.engine().state().link.current() != nullptr);
  bench.server().start();
  const TimePoint listening = bench.world.now();
  bench.run(1s);
  EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin);
}

TEST(Restart, ClosedClientEndsItsSession) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 1U);
  bench.client.close();
  bench.run(11ms);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 0U);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 0U);
  EXPECT_EQ(bench.count<ClientSessionEnded>(bench.server().events()), 1U);
}

TEST(Restart, DatagramAfterQuietLooksForTheServerAtOnce) {
  Bench bench(loopback(1));
  bench.begin();
  bench.run(1s);
  bench.world.traffic().stop_all();
  bench.run(30s);
  bench.server().kill();
  bench.run(100s);
  bench.server().start();
  bench.world.traffic().start(bench.application);
  const TimePoint listening = bench.world.now();
  bench.run(1s);
  EXPECT_LE(resumed_after(bench.application, listening), kFoundWithin);
}

TEST(Restart, FirstDatagramsWaitForTheSession) {
  Bench bench(clean_bench());
  bench.server().start();
  bench.client.start();
  for (int i = 0; i < 10; ++i) bench.world.traffic().send(bench.application, 1, 100);
  bench.run(1s);
  EXPECT_EQ(bench.tally(false).offered, 10U);
  EXPECT_EQ(bench.tally(false).lost(), 0U);
  EXPECT_EQ(bench.tally(true).lost(), 0U);
}

TEST(Restart, DatagramsThatWaitTooLongAreCounted) {
  Bench bench(clean_bench());
  bench.client.start();
  for (int i = 0; i < 10; ++i) bench.world.traffic().send(bench.application, 1, 100);
  bench.run(499ms);
  EXPECT_EQ(bench.client.drops(Drop::queue_expired), 0U);
  bench.run(1ms);
  EXPECT_EQ(bench.client.drops(Drop::queue_expired), 10U);
}

TEST(Restart, ServerKilledInTheMiddleOfAHandshakeIsNotWaitedFor) {
  Bench bench(loopback(1));
  bench.begin();
  bench.run(1s);
  bench.server().kill();
  bench.run(1s);
  bench.server().start();
  // It answers a HANDSHAKE 1, and is gone before the answer is confirmed.
  while (bench.server().made(PacketType::handshake2) < 4) bench.run(10us);
  bench.server().kill();
  bench.server().start();
  const TimePoint listening = bench.world.now();
  bench.run(3s);
  EXPECT_LE(resumed_after(bench.application, listening), 600ms);
}

}  // namespace
}  // namespace mptunnel::sim
