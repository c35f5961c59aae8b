// What the network makes the two programs say: as much as helps, and how often.

#include <gtest/gtest.h>

#include "mptunnel/engine/event_limiter.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

BenchOptions steady(std::size_t paths, Duration interval = 20ms) {
  BenchOptions options = clean_bench();
  options.client.paths = paths;
  options.traffic.interval = interval;
  return options;
}

/// Whether it is worth more than a debug line: changes to and from suspect are not, nor are new keys.
bool is_line(const Event& event) {
  if (const auto* started = std::get_if<SessionStarted>(&event)) return !started->resumed;
  const auto* change = std::get_if<PathChanged>(&event);
  return change == nullptr || change->state == PathState::down ||
         (change->state != PathState::suspect && change->was != PathState::suspect);
}

std::size_t lines(const std::vector<Event>& events) {
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), is_line));
}

TEST(News, ThreePathsThatLoseATenthSayNothingButThatTheyAreUp) {
  BenchOptions options = steady(3);
  options.client.up.loss_percent = options.client.down.loss_percent = 10;
  Bench bench(options);
  bench.begin();
  bench.run(40s);
  // The session, and three paths.
  EXPECT_LE(lines(bench.client.events()), 4U);
}

TEST(News, EndOfAnOutageIsSaidWithItsLengthAndThePathsThatAreUp) {
  Bench bench(steady(3));
  bench.begin();
  bench.run(2s);
  bench.world.blackout_all(bench.client, true);
  bench.run(4s);
  bench.world.blackout_all(bench.client, false);
  bench.run(4s);
  const auto resumed = Bench::all_of<TrafficResumed>(bench.client.events());
  ASSERT_EQ(resumed.size(), 1U);
  EXPECT_GE(resumed[0].after, 3900ms);
  EXPECT_LE(resumed[0].after, 4400ms);
  EXPECT_EQ(resumed[0].paths, 3U);
  EXPECT_EQ(Bench::all_of<SessionLost>(bench.client.events()).size(), 1U);
  EXPECT_EQ(Bench::all_of<NoAnswer>(bench.client.events()).size(), 0U) << "the session is there";
}

TEST(News, EndOfASessionIsAnOutageToo) {
  Bench bench(steady(2));
  bench.begin();
  bench.run(2s);
  bench.server().close();
  bench.run(8s);
  bench.server().start();
  bench.run(4s);
  const auto resumed = Bench::all_of<TrafficResumed>(bench.client.events());
  ASSERT_EQ(resumed.size(), 1U);
  EXPECT_GE(resumed[0].after, 7900ms);
  EXPECT_LE(resumed[0].after, 8600ms);
  const auto no_answer = Bench::all_of<NoAnswer>(bench.client.events());
  ASSERT_EQ(no_answer.size(), 1U);
  EXPECT_TRUE(no_answer[0].had_session) << "so nobody is asked for a key";
}

TEST(News, OutageThatLastsIsSaidAgainEverMoreSeldom) {
  Bench bench(steady(2, 100ms));
  bench.begin();
  bench.run(2s);
  bench.world.blackout_all(bench.client, true);
  bench.run(600s);
  // At once, after 30 s, 90 s, 210 s, 450 s.
  const auto lost = Bench::all_of<SessionLost>(bench.client.events());
  ASSERT_EQ(lost.size(), 5U);
  EXPECT_EQ(lost[0].lasts, Duration{});
  EXPECT_NEAR(milliseconds(lost[1].lasts), 31'000, 1'500);
  EXPECT_NEAR(milliseconds(lost[4].lasts), 451'000, 5'500);
  bench.world.blackout_all(bench.client, false);
  bench.run(10s);
  EXPECT_EQ(Bench::all_of<TrafficResumed>(bench.client.events()).size(), 1U);
  EXPECT_EQ(Bench::all_of<NoAnswer>(bench.client.events()).size(), 1U)
      << "the key of the session ended meanwhile";
}

TEST(News, OnlySlowPathIsNoEndlessOutage) {
  BenchOptions options = steady(1, 5ms);
  options.client.up = options.client.down = {.delay = 10ms, .rate_kbit_s = 64, .queue_bytes = 64'000};
  Bench bench(options);
  bench.begin();
  bench.run(60s);
  EXPECT_LE(Bench::all_of<SessionLost>(bench.client.events()).size(), 3U);
  EXPECT_LE(lines(bench.client.events()), 12U);
}

TEST(News, FlappingIsToldAtMostEachHalfMinuteThenEachHourWithACount) {
  Bench bench(steady(2, 100ms));
  bench.begin();
  EventLimiter limiter;
  std::size_t seen = bench.client.events().size();
  std::size_t told = 0;
  std::size_t held_back = 0;
  std::size_t counted = 0;
  std::vector<std::size_t> told_by_minute;
  for (int minute = 0; minute < 180; ++minute) {
    told = 0;
    for (int i = 0; i < 12; ++i) {
      if (i % 2 == 0) bench.world.blackout_all(bench.client, i % 4 == 0);
      bench.run(5s);
      for (; seen < bench.client.events().size(); ++seen) {
        const Event& event = bench.client.events()[seen];
        if (!is_line(event)) continue;
        const bool is_told = limiter.allows(event, bench.world.now());
        if (is_told) ++told;
        if (!is_told && !std::holds_alternative<TrafficResumed>(event)) ++held_back;
      }
      if (bench.world.now() < limiter.due()) continue;
      Output out;
      limiter.report(out, bench.world.now());
      ++told;
      for (const auto& kind : std::get<EventsLeftOut>(out.events.at(0)).kinds) counted += kind.count;
    }
    told_by_minute.push_back(told);
  }
  std::size_t last_hour = 0;
  for (std::size_t minute = 120; minute < 180; ++minute) last_hour += told_by_minute[minute];
  // One of each path, of the outage and of its end, and a count, or two where an hour begins.
  EXPECT_LE(last_hour, 10U);
  // Two each of these.
  EXPECT_LE(*std::max_element(told_by_minute.begin() + 3, told_by_minute.end()), 10U);
  EXPECT_GT(held_back, 1000U);
  EXPECT_GT(counted, held_back / 2);
}

TEST(News, PathThatLosesMoreThanHalfIsSaidOnceByBothEndsAndWhenItIsOver) {
  for (const bool up : {true, false}) {
    Bench bench(steady(2));
    bench.begin();
    bench.run(12s);
    Link& link = up ? *bench.client.lane(1).up : *bench.client.lane(1).down;
    link.set_options({.loss_percent = 65, .delay = 10ms});
    bench.run(9s);
    const auto at_client = Bench::all_of<PathLossy>(bench.client.events());
    ASSERT_EQ(at_client.size(), 1U);
    EXPECT_EQ(at_client[0].path, PathId{1});
    EXPECT_EQ(at_client[0].direction, up ? Direction::out : Direction::in);
    EXPECT_GT(at_client[0].share, 0.5);
    EXPECT_FALSE(at_client[0].over);
    const auto at_server = Bench::all_of<ClientPathLossy>(bench.server().events());
    ASSERT_EQ(at_server.size(), 1U);
    EXPECT_EQ(at_server[0].what.direction, up ? Direction::in : Direction::out);
    bench.run(20s);
    EXPECT_EQ(Bench::all_of<PathLossy>(bench.client.events()).size(), 1U);
    link.set_options({.delay = 10ms});
    bench.run(9s);
    ASSERT_EQ(Bench::all_of<PathLossy>(bench.client.events()).size(), 2U);
    EXPECT_TRUE(Bench::all_of<PathLossy>(bench.client.events())[1].over);
    ASSERT_EQ(Bench::all_of<ClientPathLossy>(bench.server().events()).size(), 2U);
    EXPECT_TRUE(Bench::all_of<ClientPathLossy>(bench.server().events())[1].what.over);
  }
}

TEST(News, OutageOfAPathIsNoLossOnceItIsOver) {
  Bench bench(steady(2));
  bench.begin();
  bench.run(12s);
  for (int i = 0; i < 5; ++i) {
    bench.world.blackout(bench.client, 1, true);
    bench.run(8s);
    bench.world.blackout(bench.client, 1, false);
    bench.run(8s);
  }
  EXPECT_EQ(Bench::all_of<PathLossy>(bench.client.events()).size(), 0U);
  EXPECT_EQ(Bench::all_of<ClientPathLossy>(bench.server().events()).size(), 0U);
}

TEST(News, HalfOfThePacketsIsSaidOfNoPathThatLosesAThird) {
  BenchOptions options = steady(2);
  options.client.up.loss_percent = options.client.down.loss_percent = 33;
  Bench bench(options);
  bench.begin();
  bench.run(120s);
  EXPECT_EQ(Bench::all_of<PathLossy>(bench.client.events()).size(), 0U);
  EXPECT_EQ(Bench::all_of<ClientPathLossy>(bench.server().events()).size(), 0U);
}

}  // namespace
}  // namespace mptunnel::sim
