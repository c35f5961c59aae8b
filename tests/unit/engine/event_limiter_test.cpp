#include "mptunnel/engine/event_limiter.h"

#include <gtest/gtest.h>

#include "raw_client.h"

namespace mptunnel {
namespace {

using test::raw_route;

class EventLimiterTest : public testing::Test {
 protected:
  /// Whether the event is still there.
  bool passes(const Event& event) {
    const std::size_t first = out_.events.size();
    out_.events.push_back(event);
    limiter_.limit(out_, first, now_);
    return out_.events.size() > first;
  }
  std::size_t passed(const Event& event, int times) {
    std::size_t count = 0;
    for (int i = 0; i < times; ++i) count += passes(event) ? 1U : 0U;
    return count;
  }
  EventsLeftOut report() {
    const std::size_t before = out_.events.size();
    limiter_.report(out_, now_);
    EXPECT_EQ(out_.events.size(), before + 1);
    return std::get<EventsLeftOut>(out_.events.back());
  }
  static ClientPathChanged path_event(const Route& route, PathState was, PathState state) {
    return {{}, PathId{0}, was, state, {}, {}, false, route};
  }

  TimePoint now_{1000s};
  Output out_;
  EventLimiter limiter_;
};

TEST_F(EventLimiterTest, EventsOfTheEngineAloneAlwaysPass) {
  EXPECT_EQ(passed(EventsLeftOut{}, 1000), 1000U);
  EXPECT_EQ(passed(SessionStarted{Cipher::aes_256_gcm, true}, 1000), 1000U);
  EXPECT_EQ(limiter_.due(), kNever);
}

TEST_F(EventLimiterTest, OutageIsSaidTwiceAtOnceThenEachHalfMinute) {
  EXPECT_EQ(passed(SessionLost{}, 1780), 2U);
  std::size_t count = 0;
  for (int second = 0; second < 65; ++second) {
    now_ += 1s;
    count += passed(SessionLost{}, 30);
  }
  EXPECT_EQ(count, 2U);
  const EventsLeftOut told = report();
  ASSERT_EQ(told.kinds.size(), 1U);
  EXPECT_EQ(told.kinds[0].count, 1780 + 65 * 30 - 4U);
  EXPECT_FALSE(told.path);
}

TEST_F(EventLimiterTest, EndOfAnOutageIsSaidIfItsBeginWasOrItWasLong) {
  EXPECT_EQ(passed(SessionLost{}, 2), 2U);
  EXPECT_TRUE(passes(TrafficResumed{1s, 1}));
  EXPECT_FALSE(passes(SessionLost{}));
  EXPECT_FALSE(passes(TrafficResumed{1s, 1}));
  EXPECT_FALSE(passes(SessionLost{}));
  EXPECT_TRUE(passes(TrafficResumed{30s, 1}));
  EXPECT_EQ(report().kinds.at(0).count, 2U) << "outages, not their ends";
}

TEST_F(EventLimiterTest, EachBridgeHasALineEachHalfMinuteThenEachHour) {
  const auto down = [](std::uint8_t path) {
    return PathChanged{PathId{path}, PathState::suspect, PathState::down, {}, {}, 3};
  };
  EXPECT_EQ(passed(down(1), 100), 6U);
  EXPECT_EQ(passed(down(2), 100), 6U) << "another bridge";
  std::size_t first_hour = 0;
  std::size_t fourth_hour = 0;
  for (int second = 0; second < 4 * 3600; ++second) {
    now_ += 1s;
    if (!passes(down(1))) continue;
    if (second < 3600) ++first_hour;
    if (second >= 3 * 3600) ++fourth_hour;
  }
  EXPECT_GE(first_hour, 14U);
  EXPECT_LE(first_hour, 15U);
  EXPECT_EQ(fourth_hour, 1U);
  EXPECT_EQ(report().path, PathId{1});
  now_ += kNewsForgotten;
  EXPECT_EQ(passed(down(1), 100), 6U) << "quiet for long";
}

TEST_F(EventLimiterTest, WaveringBridgeCostsNoLineOfItsOthersAndIsNotTold) {
  passed(PathChanged{PathId{1}, PathState::up, PathState::suspect, {}, {}, 2}, 1000);
  passed(PathChanged{PathId{1}, PathState::suspect, PathState::up, {}, {}, 2}, 1000);
  EXPECT_EQ(limiter_.due(), kNever);
  EXPECT_TRUE(passes(PathChanged{PathId{1}, PathState::suspect, PathState::down, {}, {}, 3}));
}

TEST_F(EventLimiterTest, CountsAreToldEverMoreSeldomWhileMoreComes) {
  passed(HandshakeOtherKey{raw_route(1)}, 5);
  Duration patience = kLeftOutAfter;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(limiter_.due(), now_ + patience) << i;
    now_ += patience;
    report();
    passed(HandshakeOtherKey{raw_route(1)}, 5);
    patience = std::min<Duration>(2 * patience, kLeftOutAfterMost);
  }
  now_ += patience;
  report();
  now_ += kLeftOutAfterMost;
  passed(HandshakeOtherKey{raw_route(1)}, 5);
  EXPECT_EQ(limiter_.due(), now_ + kLeftOutAfter) << "after quiet";
}

TEST_F(EventLimiterTest, KeepsWhatWasThereBefore) {
  out_.events.assign(5, HandshakeOtherKey{raw_route(1)});
  EXPECT_EQ(passed(HandshakeOtherKey{raw_route(1)}, 3), 1U);
  EXPECT_EQ(out_.events.size(), 6U);
}

TEST_F(EventLimiterTest, KeepsTheOrderOfWhatPasses) {
  out_.events = {HandshakeOtherKey{raw_route(1)}, SessionLost{}, HandshakeOtherKey{raw_route(1)}, NoAnswer{}};
  limiter_.limit(out_, 0, now_);
  ASSERT_EQ(out_.events.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<HandshakeOtherKey>(out_.events[0]));
  EXPECT_TRUE(std::holds_alternative<SessionLost>(out_.events[1]));
  EXPECT_TRUE(std::holds_alternative<NoAnswer>(out_.events[2]));
}

TEST_F(EventLimiterTest, EachNetworkHasItsOwnBudget) {
  EXPECT_EQ(passed(HandshakeOtherKey{raw_route(1)}, 100), 1U);
  EXPECT_FALSE(passes(HandshakeOtherKey{raw_route(1, 5)})) << "the port is no other network";
  EXPECT_TRUE(passes(HandshakeOtherKey{raw_route(2)}));
  EXPECT_TRUE(passes(HandshakeRefused{Refusal::cipher, raw_route(1)})) << "another kind";
  now_ += 60s;
  EXPECT_EQ(passed(HandshakeOtherKey{raw_route(1)}, 100), 1U);
}

TEST_F(EventLimiterTest, AllNetworksTogetherHaveABudget) {
  std::size_t count = 0;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 200; ++i) {
      Route route = raw_route(static_cast<std::uint8_t>(i));
      route.remote.address[1] = static_cast<std::uint8_t>(second);
      count += passes(HandshakeOtherKey{route}) ? 1U : 0U;
    }
    now_ += 1s;
  }
  EXPECT_GE(count, 15U);
  EXPECT_LE(count, 16U);
  const EventsLeftOut told = report();
  ASSERT_EQ(told.kinds.size(), 1U);
  EXPECT_EQ(told.kinds[0].count, 12'000 - count);
}

TEST_F(EventLimiterTest, EachTableIsSaidOnceAMinute) {
  EXPECT_EQ(passed(TablesFull{Drop::session_limit}, 10), 1U);
  EXPECT_EQ(passed(TablesFull{Drop::flow_limit}, 10), 1U);
}

TEST_F(EventLimiterTest, RateOfAKeyIsSaidOnceAMinuteAndCostsNoOtherQuotaALine) {
  const auto quota = [](Drop drop) { return ClientQuotaReached{{SessionHandle{1}, {}, "bob"}, drop}; };
  EXPECT_EQ(passed(quota(Drop::key_rate), 10), 1U);
  EXPECT_TRUE(passes(quota(Drop::key_flows)));
  now_ += 60s;
  EXPECT_EQ(passed(quota(Drop::key_rate), 10), 1U);
  EXPECT_EQ(report().kinds.at(0).count, 18U);
}

TEST_F(EventLimiterTest, LineThatIsGivenTooMuchIsSaidOfEachPathApart) {
  EXPECT_EQ(passed(PathOverloaded{PathId{0}, 0.5, 1000, false}, 100), 4U);
  EXPECT_TRUE(passes(PathOverloaded{PathId{1}, 0.5, 1000, false}));
  EXPECT_TRUE(passes(PathLossy{PathId{0}, Direction::out, 0.6, false}));
  EXPECT_EQ(report().kinds.at(0).count, 96U);
}

TEST_F(EventLimiterTest, WaveringPathsCostNoLineOfOthersAndAreNotTold) {
  passed(path_event(raw_route(1), PathState::up, PathState::suspect), 1000);
  passed(path_event(raw_route(1), PathState::suspect, PathState::up), 1000);
  EXPECT_EQ(limiter_.due(), kNever);
  EXPECT_TRUE(passes(path_event(raw_route(1), PathState::suspect, PathState::down)));
}

TEST_F(EventLimiterTest, WhatWasLeftOutIsToldAMinuteLater) {
  passed(HandshakeOtherKey{raw_route(1)}, 5);
  EXPECT_EQ(limiter_.due(), now_ + kLeftOutAfter);
  now_ += 30s;
  passed(TablesFull{Drop::flow_limit}, 3);
  now_ += 30s;
  EXPECT_EQ(limiter_.due(), now_);
  const EventsLeftOut told = report();
  EXPECT_EQ(told.span, 60s);
  ASSERT_EQ(told.kinds.size(), 2U);
  EXPECT_EQ(told.kinds[0].count, 2U);
  EXPECT_FALSE(told.kinds[0].last_from.is_set());
  EXPECT_EQ(told.kinds[1].count, 4U);
  EXPECT_EQ(told.kinds[1].last_from, raw_route(1).remote);
  EXPECT_EQ(limiter_.due(), kNever);
}

TEST_F(EventLimiterTest, ClientWithAKeyOfItsOwnIsASourceByItself) {
  const auto started = [](const char* name) {
    return ClientSessionStarted{{SessionHandle{1}, {}, name}, Cipher::aes_256_gcm, raw_route(1)};
  };
  EXPECT_EQ(passed(started("mallory"), 100), 20U);
  EXPECT_TRUE(passes(started("alice"))) << "of the same network";
  // So with its paths.
  const auto down = [](const char* name) {
    return ClientPathChanged{
        {SessionHandle{1}, {}, name}, PathId{0}, PathState::up, PathState::down, {}, {}, false, raw_route(1)};
  };
  EXPECT_EQ(passed(down("mallory"), 100), 40U);
  EXPECT_TRUE(passes(down("alice")));
}

}  // namespace
}  // namespace mptunnel
