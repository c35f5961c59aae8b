// A path that is slow, not dead: 64 kbit/s and a queue of two seconds, beside a fast one.

#include <gtest/gtest.h>

#include <array>
#include <tuple>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

constexpr std::size_t kSlow = 1;

/// What the slow link carries in a second, and what its queue holds: two seconds of it.
constexpr double kRateKbit = 64;
constexpr std::size_t kQueueBytes = 16'000;

test::ImpairmentOptions slow_link() {
  return {.delay = 10ms, .rate_kbit_s = kRateKbit, .queue_bytes = kQueueBytes};
}

/// Two paths, the second of which is slow each way from now on.
void slow_down(Bench& bench) {
  bench.set_path(kSlow, slow_link());
}

BenchOptions two_paths(Duration interval) {
  BenchOptions options = clean_bench();
  options.client.paths = 2;
  options.traffic = {.interval = interval, .min_bytes = 200, .max_bytes = 200};
  return options;
}

/// Changes of the slow path, of any kind, and those of them that follow another one at once.
struct Changes {
  std::size_t all = 0;
  std::size_t at_once = 0;
};

std::uint64_t bytes_by_slow_path(Bench& bench) {
  const auto& sessions = bench.server().engine().state().table.all();
  return sessions.begin()->second->link.traffic(PathId{kSlow})->received_bytes;
}

/// Lets time pass in steps of a millisecond, and counts.
Changes watch(Bench& bench, Duration time) {
  Changes changes;
  std::size_t seen = bench.client.events().size();
  for (const TimePoint end = bench.world.now() + time; bench.world.now() < end;) {
    bench.run(1ms);
    std::size_t now = 0;
    for (; seen < bench.client.events().size(); ++seen) {
      const auto* change = std::get_if<PathChanged>(&bench.client.events()[seen]);
      if (change != nullptr && change->path.value == kSlow) ++now;
    }
    changes.all += now;
    if (now > 1) changes.at_once += now;
  }
  return changes;
}

TEST(SlowPath, IsLearntAndUsedForWhatItCan) {
  for (const Duration interval : {20ms, 10ms, 5ms}) {
    SCOPED_TRACE(milliseconds(interval));
    Bench bench(two_paths(interval));
    bench.begin();
    bench.run(2s);
    slow_down(bench);
    const Changes first = watch(bench, 20s);
    EXPECT_LE(first.all, 6U);
    EXPECT_EQ(first.at_once, 0U);
    const ProbedPath& path = bench.client.engine().path(PathId{kSlow});
    EXPECT_GE(path.rtt().smoothed(), 1500ms);
    const std::uint64_t before = bytes_by_slow_path(bench);
    const Changes later = watch(bench, 60s);
    EXPECT_LE(later.all, 4U);
    EXPECT_EQ(later.at_once, 0U);
    // It is full all the time.
    EXPECT_GE(static_cast<double>(bytes_by_slow_path(bench) - before) * 8, 0.9 * kRateKbit * 60'000);
  }
}

/// Whether each way is slow.
struct Ways {
  bool up = false;
  bool down = false;
};
constexpr std::array kWays{Ways{true, true}, Ways{true, false}, Ways{false, true}};

void slow_down(Bench& bench, std::size_t path, Ways ways, std::size_t queue_bytes) {
  test::ImpairmentOptions link = slow_link();
  link.queue_bytes = queue_bytes;
  if (ways.up) bench.client.lane(path).up->set_options(link);
  if (ways.down) bench.client.lane(path).down->set_options(link);
}

template <typename Change>
std::size_t times_down(const std::vector<Event>& events) {
  const auto changes = Bench::all_of<Change>(events);
  return static_cast<std::size_t>(std::count_if(
      changes.begin(), changes.end(), [](const Change& change) { return change.state == PathState::down; }));
}

TEST(SlowPath, WhoseQueueFillsIsNeitherOneWayNorDownTimeAndAgain) {
  for (const Ways ways : kWays) {
    for (const Duration start : {0s, 1s, 2s}) {
      for (const auto& [interval, queue, downs] :
           {std::tuple(20ms, kQueueBytes, 0U), std::tuple(5ms, kQueueBytes, 0U),
            std::tuple(5ms, 3 * kQueueBytes, 0U), std::tuple(1ms, kQueueBytes, 1U)}) {
        SCOPED_TRACE(std::to_string(start.count()) + " s, each " + std::to_string(interval.count()) + " ms");
        Bench bench(two_paths(interval));
        bench.begin();
        bench.run(start);
        slow_down(bench, kSlow, ways, queue);
        const std::uint64_t before = bytes_by_slow_path(bench);
        bench.run(60s);
        EXPECT_EQ(Bench::count<PathOneWay>(bench.client.events()), 0U);
        EXPECT_LE(times_down<PathChanged>(bench.client.events()), downs);
        EXPECT_LE(times_down<ClientPathChanged>(bench.server().events()), downs);
        // Once its queue is full at the latest it is used for what it can.
        if (ways.up && interval < 20ms) {
          EXPECT_GE(static_cast<double>(bytes_by_slow_path(bench) - before) * 8, 0.9 * kRateKbit * 60'000);
        }
      }
    }
  }
}

TEST(SlowPath, IsNoOutageIfTheOtherIsAsSlow) {
  for (const Ways ways : kWays) {
    for (const Duration interval : {20ms, 5ms, 1ms}) {
      for (const std::size_t queue : {kQueueBytes, 2 * kQueueBytes}) {
        SCOPED_TRACE(std::to_string(queue) + " bytes, each " + std::to_string(interval / 1ms) + " ms");
        Bench bench(two_paths(interval));
        bench.begin();
        bench.run(1s);
        for (std::size_t path = 0; path < 2; ++path) slow_down(bench, path, ways, queue);
        bench.run(60s);
        EXPECT_EQ(Bench::count<SessionLost>(bench.client.events()), 0U);
        EXPECT_EQ(Bench::count<TrafficResumed>(bench.client.events()), 0U);
        EXPECT_EQ(Bench::count<PathOneWay>(bench.client.events()), 0U);
      }
    }
  }
}

TEST(SlowPath, IsFastAgainOnceItsQueueHasDrained) {
  Bench bench(two_paths(10ms));
  bench.begin();
  bench.run(2s);
  slow_down(bench);
  bench.run(20s);
  bench.set_path(kSlow, {.delay = 10ms});
  const Changes changes = watch(bench, 5s);
  EXPECT_LE(changes.all, 2U);
  EXPECT_EQ(bench.state(kSlow), PathState::up);
  EXPECT_LE(bench.client.engine().path(PathId{kSlow}).rtt().smoothed(), 100ms);
  bench.world.blackout(bench.client, kSlow, true);
  bench.run(1300ms);
  EXPECT_EQ(bench.state(kSlow), PathState::down) << "found as fast as ever";
}

}  // namespace
}  // namespace mptunnel::sim
