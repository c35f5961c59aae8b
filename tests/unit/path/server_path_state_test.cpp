// What the server makes of a client's reports: is the path alive, and is it to carry data?

#include <gtest/gtest.h>

#include "mptunnel/path/server_path.h"
#include "mptunnel/wire/limits.h"
#include "support/start_time.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kStart;

class ServerPathState : public testing::Test {
 protected:
  ServerPathState()
      : route_{*parse_numeric_endpoint("192.0.2.1", 1), *parse_numeric_endpoint("198.51.100.1", 2000)} {}

  ServerPath validated() {
    ServerPath path(route_, random_, kStart);
    // Of two challenges, so that the echo is no sample of the round trip.
    path.on_ping({route_, 0, 100}, 33, random_, kStart);
    const auto verdict = path.on_ping({route_, 0, 100}, 33, random_, kStart);
    path.on_echo(*verdict.challenge, route_, kStart);
    return path;
  }
  /// A PING that promises the next one after `interval`.
  void ping(ServerPath& path, Duration interval, TimePoint now, std::uint8_t flags = 0,
            std::optional<Duration> round_trip = {}) {
    PathReport report;
    report.interval = static_cast<std::uint16_t>(interval / 1ms);
    report.flags = flags;
    report.sequence = sequence_;
    path.on_report(report, round_trip);
    path.on_ping({route_, sequence_++, 100}, 33, random_, now);
  }

  test::TestRandom random_{1};
  Route route_;
  std::uint32_t sequence_ = 0;
};

struct StateRow {
  const char* name;
  Duration interval;
  Duration round_trip;
  Duration suspect_behind;  ///< the last moment that it is up
  Duration down_at;
};

TEST_F(ServerPathState, OneWhoseQueueFillsIsNotDownForSeconds) {
  ServerPath path = validated();
  for (int i = 0; i < 20; ++i) ping(path, 100ms, kStart, 0, 20ms);
  ping(path, 100ms, kStart, 0, 400ms);
  EXPECT_EQ(path.state(kStart + kDownAfterQueue - 1ms), PathState::suspect);
  EXPECT_EQ(path.state(kStart + kDownAfterQueue), PathState::down);
  // Once that is usual there is no queue that fills.
  for (int i = 0; i < 20; ++i) ping(path, 100ms, kStart, 0, 400ms);
  EXPECT_EQ(path.state(kStart + 1300ms), PathState::down);
}

TEST_F(ServerPathState, FollowsTheIntervalThatTheClientPromised) {
  for (const StateRow& row :
       {StateRow{"moving", 100ms, 20ms, 300ms, 1s}, StateRow{"standby", 1s, 20ms, 2500ms, 3s},
        StateRow{"idle", 10s, 20ms, 25s, 30s}, StateRow{"long keepalive", 60s, 20ms, 150s, 180s},
        StateRow{"slow", 100ms, 2s, 300ms, 6s}, StateRow{"no promise", 0ms, 20ms, 300ms, 1s}}) {
    SCOPED_TRACE(row.name);
    ServerPath path = validated();
    ping(path, row.interval, kStart, 0, row.round_trip);
    EXPECT_EQ(path.state(kStart), PathState::up);
    EXPECT_EQ(path.state(kStart + row.suspect_behind), PathState::up);
    EXPECT_EQ(path.state(kStart + row.suspect_behind + 1ns), PathState::suspect);
    EXPECT_EQ(path.state(kStart + row.down_at - 1ns), PathState::suspect);
    EXPECT_EQ(path.state(kStart + row.down_at), PathState::down);
  }
}

TEST_F(ServerPathState, DataGoesToASuspectPathAndNotToOneThatIsDown) {
  ServerPath path = validated();
  ping(path, 100ms, kStart);
  EXPECT_TRUE(path.carries_data(kStart + 999ms));
  EXPECT_FALSE(path.carries_data(kStart + 1s));
  // Where all are, it may still be the one that heals.
  EXPECT_TRUE(path.is_usable(kStart + 1s));
  ping(path, 100ms, kStart + 2s);
  EXPECT_TRUE(path.carries_data(kStart + 2s));
}

TEST_F(ServerPathState, IsNewUntilItHasProvedItself) {
  ServerPath path(route_, random_, kStart);
  ping(path, 100ms, kStart);
  EXPECT_EQ(path.state(kStart), PathState::fresh);
  EXPECT_EQ(path.state(kStart + 1h), PathState::fresh);
  EXPECT_FALSE(path.carries_data(kStart));
}

TEST_F(ServerPathState, StandbyPathIsUpAndCarriesNothing) {
  ServerPath path = validated();
  ping(path, 1s, kStart, PathReport::kStandby);
  EXPECT_TRUE(path.is_standby());
  EXPECT_EQ(path.state(kStart), PathState::up);
  EXPECT_FALSE(path.carries_data(kStart));
  EXPECT_TRUE(path.is_usable(kStart));
  ping(path, 100ms, kStart + 1s, PathReport::kUncounted);
  EXPECT_FALSE(path.is_standby()) << "other flags say nothing of it";
  EXPECT_TRUE(path.carries_data(kStart + 1s));
}

TEST_F(ServerPathState, PathIsUsableForAsLongAsTheClientMayKeepStill) {
  // `keepalive` may be 60 s: what the target sends in between must not be lost.
  ServerPath path = validated();
  ping(path, 60s, kStart);
  EXPECT_TRUE(path.is_usable(kStart + 60s));
  EXPECT_TRUE(path.carries_data(kStart + 60s));
}

TEST_F(ServerPathState, RoundTripsOfReportsAreAveraged) {
  ServerPath path = validated();
  EXPECT_FALSE(path.rtt().has_sample());
  ping(path, 100ms, kStart, 0, 40ms);
  EXPECT_EQ(path.rtt().smoothed(), 40ms);
  ping(path, 100ms, kStart, 0, std::nullopt);
  EXPECT_EQ(path.rtt().smoothed(), 40ms);
  ping(path, 100ms, kStart, 0, 80ms);
  EXPECT_EQ(path.rtt().smoothed(), 45ms);
  EXPECT_EQ(path.rtt().minimum(), 40ms);
}

}  // namespace
}  // namespace mptunnel
