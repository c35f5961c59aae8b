// Two ends that count, and reports between them: what each makes of the other's.

#include "mptunnel/path/path_traffic.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kStart;

/// One end of a path.
struct End {
  PathTraffic traffic;

  PathReport report(TimePoint now, std::uint8_t flags = 0) const {
    PathReport made;
    traffic.fill_report(made, now);
    made.flags = flags;
    return made;
  }
  std::optional<Duration> hear(const PathReport& report, TimePoint now) {
    const auto round_trip = traffic.on_report(report, now);
    ++traffic.received;  // as the engines do: the packet with the report counts behind it
    return round_trip;
  }
};

/// What a report with these counts says to an end that has sent `sent`.
PathReport counts(std::uint32_t time, std::uint32_t sent, std::uint32_t received, std::uint32_t of) {
  PathReport report;
  report.time = time;
  report.sent = sent;
  report.received = received;
  report.of = of;
  return report;
}

TEST(PathTraffic, ReportSaysWhatIsCounted) {
  PathTraffic traffic;
  traffic.sent = 0x1'0000'0007;
  traffic.first = 0x2'0000'0003;
  traffic.duplicates = 9;
  PathReport report;
  traffic.fill_report(report, TimePoint{100s});
  EXPECT_EQ(report.time, 100'000'000U) << "microseconds";
  EXPECT_EQ(report.held, PathReport::kNothingHeld);
  EXPECT_EQ(report.sent, 7U);
  EXPECT_EQ(report.first, 3U);
  EXPECT_EQ(report.duplicates, 9U);
  EXPECT_EQ(report.received, 0U);
  EXPECT_EQ(report.of, 0U);
}

TEST(PathTraffic, LossIsExactByPairsOfCountsFromOneMoment) {
  test::TestRandom random(3);
  End client;
  End server;
  std::uint64_t lost_there = 0;
  std::uint64_t lost_back = 0;
  TimePoint now = kStart;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 50; ++i) {
      ++client.traffic.sent;
      if (random.below(10) == 0)
        ++lost_there;
      else
        ++server.traffic.received;
      ++server.traffic.sent;
      if (random.below(4) == 0)
        ++lost_back;
      else
        ++client.traffic.received;
    }
    // PING, and 10 ms later PONG; packets move in between, which must not blur either count.
    const PathReport ping = client.report(now);
    ++client.traffic.sent;
    client.traffic.sent += 7;
    server.hear(ping, now += 5ms);
    server.traffic.received += 7;
    EXPECT_EQ(server.traffic.in.lost(), lost_there);
    const PathReport pong = server.report(now);
    ++server.traffic.sent;
    client.hear(pong, now += 5ms);
    EXPECT_EQ(client.traffic.in.lost(), lost_back);
    EXPECT_EQ(client.traffic.out.sent, server.traffic.in.sent);
    EXPECT_EQ(client.traffic.out.received, server.traffic.in.received);
    EXPECT_EQ(client.traffic.out.lost(), lost_there);
    now += 90ms;
  }
  EXPECT_NEAR(*client.traffic.out.loss(), 0.1, 0.02);
  EXPECT_NEAR(*client.traffic.in.loss(), 0.25, 0.02);
}

TEST(PathTraffic, LostReportsBlurNothing) {
  test::TestRandom random(4);
  End client;
  End server;
  std::uint64_t lost_there = 0;
  TimePoint now = kStart;
  for (int round = 0; round < 500; ++round) {
    const PathReport ping = client.report(now);
    ++client.traffic.sent;
    now += 10ms;
    if (random.below(2) == 0) {
      ++lost_there;
      continue;
    }
    server.hear(ping, now);
    const PathReport pong = server.report(now);
    ++server.traffic.sent;
    if (random.below(2) == 0) client.hear(pong, now);
    EXPECT_EQ(server.traffic.in.lost(), lost_there) << round;
  }
  EXPECT_GT(lost_there, 200U);
  EXPECT_LE(client.traffic.out.lost(), lost_there);
  EXPECT_GT(client.traffic.out.lost(), lost_there * 9 / 10);
}

TEST(PathTraffic, CountsWrapAt32Bits) {
  End client;
  End server;
  client.traffic.sent = 0xffff'fff0;
  TimePoint now = kStart;
  server.hear(client.report(now), now);
  client.hear(server.report(now), now);
  for (std::uint64_t i = 0; i < 40; ++i) {
    client.traffic.sent += 1'000'000'000;
    server.traffic.received += 999'999'000;
    server.traffic.first += 1'500'000'000;
    server.traffic.duplicates += 2'000'000'000;
    now += 1s;
    server.hear(client.report(now), now);
    ++server.traffic.sent;
    client.hear(server.report(now), now);
    ASSERT_EQ(server.traffic.in.sent, client.traffic.sent);
    ASSERT_EQ(client.traffic.out.sent, client.traffic.sent);
    ASSERT_EQ(client.traffic.out.received, server.traffic.in.received);
    ASSERT_EQ(client.traffic.peer_first, server.traffic.first);
    ASSERT_EQ(client.traffic.peer_duplicates, server.traffic.duplicates);
  }
}

TEST(PathTraffic, OvertakenReportChangesNothing) {
  PathTraffic traffic;
  traffic.sent = 1000;
  traffic.received = 500;
  traffic.on_report(counts(2000, 600, 700, 800), kStart);
  traffic.received = 510;
  PathReport late = counts(1000, 300, 350, 400);
  late.mtu = 1400;
  late.jitter = 77;
  late.first = 3;
  EXPECT_FALSE(traffic.on_report(late, kStart + 1ms));
  EXPECT_EQ(traffic.in.sent, 600U);
  EXPECT_EQ(traffic.in.received, 500U);
  EXPECT_EQ(traffic.out.sent, 800U);
  EXPECT_EQ(traffic.out.received, 700U);
  EXPECT_EQ(traffic.peer_mtu, 0U);
  EXPECT_EQ(traffic.peer_jitter, Duration{});
  EXPECT_EQ(traffic.peer_first, 0U);
  EXPECT_EQ(traffic.jitter(), Duration{});
  // So does a copy of the newest.
  EXPECT_FALSE(traffic.on_report(counts(2000, 600, 700, 800), kStart + 2ms));
  EXPECT_EQ(traffic.in.received, 500U);
}

TEST(PathTraffic, ReportByAnotherPathSaysWhatCameOfOursAndNoTimes) {
  PathTraffic traffic;
  traffic.sent = 100;
  traffic.received = 40;
  traffic.on_report(counts(1000, 50, 60, 70), kStart);
  const Arrivals in = traffic.in;
  traffic.on_report_elsewhere(counts(5000, 90, 80, 95));
  EXPECT_EQ(traffic.out.sent, 95U);
  EXPECT_EQ(traffic.out.received, 80U);
  // What is under way on this path is not lost because another is faster.
  EXPECT_EQ(traffic.in.sent, in.sent);
  EXPECT_EQ(traffic.in.received, in.received);
  PathReport report;
  traffic.fill_report(report, kStart + 1s);
  EXPECT_EQ(report.echo, 1000U);
  EXPECT_EQ(report.held, 1'000'000U);
}

TEST(PathTraffic, TimeOfReportsMayWrap) {
  PathTraffic traffic;
  traffic.sent = 10;
  traffic.on_report(counts(0xffff'ff00, 1, 0, 0), kStart);
  traffic.on_report(counts(0x0000'0100, 2, 0, 0), kStart + 512us);
  EXPECT_EQ(traffic.in.sent, 2U);
  EXPECT_EQ(traffic.jitter(), Duration{}) << "both clocks went on by 512 us";
}

TEST(PathTraffic, PathThatWasSilentForAnHourIsHeardAgain) {
  for (const Duration silence : {Duration{20min}, Duration{36min}, Duration{60min}, Duration{80min}}) {
    End client;
    End server;
    TimePoint now = kStart;
    ++client.traffic.sent;
    server.hear(client.report(now), now);
    now += silence;
    client.traffic.sent += 5;
    server.traffic.received += 5;
    server.hear(client.report(now), now);
    EXPECT_EQ(server.traffic.in.sent, client.traffic.sent) << silence / 1min << " minutes";
  }
}

TEST(PathTraffic, UncountedReportSaysNothingOfCounts) {
  PathTraffic traffic;
  traffic.sent = 100;
  traffic.received = 50;
  PathReport report = counts(1000, 60, 70, 80);
  report.flags = PathReport::kUncounted;
  report.first = 5;
  report.duplicates = 6;
  report.mtu = 1472;
  report.jitter = 30;
  traffic.on_report(report, kStart);
  EXPECT_EQ(traffic.in.sent, 0U);
  EXPECT_EQ(traffic.out.sent, 0U);
  EXPECT_EQ(traffic.peer_first, 0U);
  EXPECT_EQ(traffic.peer_duplicates, 0U);
  EXPECT_EQ(traffic.peer_mtu, 1472U);
  EXPECT_EQ(traffic.peer_jitter, 30us);
}

TEST(PathTraffic, PeerThatGotMoreThanWasSentIsNotBelieved) {
  PathTraffic traffic;
  traffic.sent = 10;
  traffic.on_report(counts(1000, 0, 5, 11), kStart);
  EXPECT_LE(traffic.out.sent, 10U);
  EXPECT_EQ(Arrivals({10, 12}).lost(), 0U) << "a path that duplicates shows no less than no loss";
}

TEST(PathTraffic, RoundTripIsWhatPassedLessWhatThePeerHeldIt) {
  End client;
  End server;
  TimePoint now = kStart;
  EXPECT_FALSE(server.hear(client.report(now), now + 15ms)) << "it echoes nothing yet";
  now += 15ms;
  now += 70ms;
  EXPECT_EQ(client.hear(server.report(now), now + 25ms), 40ms);
  now += 25ms;
  now += 300ms;
  EXPECT_EQ(server.hear(client.report(now), now + 15ms), 40ms);
}

TEST(PathTraffic, RoundTripNeverIsNegative) {
  PathTraffic traffic;
  PathReport report = counts(1000, 0, 0, 0);
  report.echo = 100'000'000;
  report.held = 5000;
  EXPECT_FALSE(traffic.on_report(report, TimePoint{100s} + 4ms));
  report.time = 2000;
  EXPECT_EQ(traffic.on_report(report, TimePoint{100s} + 5ms), Duration{});
}

TEST(PathTraffic, JitterIsThatOfRfc3550) {
  // J += (|D| - J) / 16, with D the difference of the spacings there and here.
  PathTraffic traffic;
  std::uint32_t there = 1000;
  TimePoint here = kStart;
  traffic.on_report(counts(there, 0, 0, 0), here);
  EXPECT_EQ(traffic.jitter(), Duration{});
  Duration expected{};
  for (const auto& [apart_there, apart_here] :
       {std::pair{20'000U, 36'000U}, {20'000U, 4'000U}, {20'000U, 20'000U}, {100'000U, 100'160U}}) {
    there += apart_there;
    here += std::chrono::microseconds(apart_here);
    traffic.on_report(counts(there, 0, 0, 0), here);
    const std::int64_t difference = std::int64_t{apart_here} - apart_there;
    expected += (std::chrono::abs(Duration{std::chrono::microseconds(difference)}) - expected) / 16;
    EXPECT_EQ(traffic.jitter(), expected);
  }
  EXPECT_GT(traffic.jitter(), 1ms);
  PathReport report;
  traffic.fill_report(report, here);
  EXPECT_EQ(report.jitter, traffic.jitter() / 1us);
}

TEST(PathTraffic, JoinedCountsAreSumsAndKeepWhatReportsSaid) {
  PathTraffic session;
  session.sent = session.sent_bytes = 100;
  session.received = 10;
  session.on_report(counts(1000, 20, 30, 40), kStart);
  PathTraffic epoch;
  epoch.sent = 1;
  epoch.sent_bytes = 2;
  epoch.received = 3;
  epoch.received_bytes = 4;
  epoch.first = 5;
  epoch.duplicates = 6;
  epoch.voided = true;
  epoch.on_report(counts(5000, 200, 300, 400), kStart);
  session.add_counts(epoch);
  EXPECT_EQ(session.sent, 101U);
  EXPECT_EQ(session.sent_bytes, 102U);
  EXPECT_EQ(session.received, 13U);
  EXPECT_EQ(session.received_bytes, 4U);
  EXPECT_EQ(session.first, 5U);
  EXPECT_EQ(session.duplicates, 6U);
  EXPECT_TRUE(session.voided);
  EXPECT_EQ(session.in.sent, 20U);
  EXPECT_EQ(session.out.sent, 40U);
}

TEST(Arrivals, LossIsAShareOfWhatWasSent) {
  EXPECT_FALSE(Arrivals{}.loss());
  EXPECT_DOUBLE_EQ(*Arrivals({4, 3}).loss(), 0.25);
  EXPECT_DOUBLE_EQ(*Arrivals({4, 4}).loss(), 0);
  EXPECT_DOUBLE_EQ(*Arrivals({4, 5}).loss(), 0);
  EXPECT_DOUBLE_EQ(*Arrivals({4, 0}).loss(), 1);
}

}  // namespace
}  // namespace mptunnel
