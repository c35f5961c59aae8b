#include <gtest/gtest.h>

#include "link_support.h"
#include "mptunnel/engine/link/session_link.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::kEpochStart;
using test::Kind;
using test::LinkEpochPair;
using test::Packet;

PathReport report_of(const LinkEpoch& epoch) {
  return epoch.make_report(PathId{0}, 0, kEpochStart);
}
void report(LinkEpoch& to, const PathReport& report) {
  to.on_report(report, kEpochStart);
}
Packet data(LinkEpoch& epoch) {
  return *test::seal(epoch.keys(), Kind::data, "x");
}
auto open(LinkEpoch& epoch, const Packet& packet) {
  return test::open(epoch.keys(), packet);
}

TEST(LinkEpochReport, BothEndsKnowHowManyDataPacketsArrived) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::none}) {
    LinkEpochPair pair(cipher);
    for (int i = 0; i < 100; ++i) {
      const Packet packet = data(pair.client);
      // Each fourth is lost on all paths; the others come twice.
      if (i % 4 == 0) continue;
      ASSERT_TRUE(open(pair.server, packet));
      ASSERT_FALSE(open(pair.server, packet));
    }
    report(pair.server, report_of(pair.client));
    EXPECT_EQ(pair.server.data_in().sent, 100U);
    EXPECT_EQ(pair.server.data_in().received, 75U);
    for (int i = 0; i < 10; ++i) data(pair.client);
    report(pair.client, report_of(pair.server));
    EXPECT_EQ(pair.client.data_out().sent, 100U) << "the pair of counts is from one moment";
    EXPECT_EQ(pair.client.data_out().received, 75U);
    EXPECT_EQ(pair.client.data_in().sent, 0U);
  }
}

TEST(LinkEpochReport, OvertakenReportsChangeNothing) {
  LinkEpochPair pair(Cipher::aes_256_gcm);
  const Packet first = data(pair.client);
  const PathReport early = report_of(pair.client);
  const Packet second = data(pair.client);
  const PathReport late = report_of(pair.client);
  ASSERT_TRUE(open(pair.server, first));
  ASSERT_TRUE(open(pair.server, second));
  report(pair.server, late);
  const PathReport answer_to_late = report_of(pair.server);
  report(pair.server, early);
  EXPECT_EQ(pair.server.data_in().sent, 2U);
  EXPECT_EQ(pair.server.data_in().received, 2U);
  PathReport answer_to_early = answer_to_late;
  answer_to_early.data_of = 1;
  answer_to_early.data_opened = 1;
  report(pair.client, answer_to_late);
  report(pair.client, answer_to_early);
  EXPECT_EQ(pair.client.data_out().sent, 2U);
  EXPECT_EQ(pair.client.data_out().received, 2U);
}

/// What had been made some time before, of which some was given up meanwhile: kReorderAge is over, or room
/// was short.
TEST(LinkEpochReport, WhatIsGivenUpLaterIsNotLostOfWhatIsSettled) {
  LinkEpochPair pair;
  const auto come = [&](std::uint32_t first, std::uint32_t end, TimePoint now) {
    for (std::uint32_t number = first; number < end; ++number) {
      data(pair.client);
      // All that came was made before 600, or after 1000.
      if (number < 600 || number >= 1000) pair.server.keys().recover_data(PacketNumber{number}, now);
    }
  };
  come(0, 600, kEpochStart);
  pair.server.on_report(report_of(pair.client), kEpochStart);
  come(600, 1536, kEpochStart);
  const TimePoint later = kEpochStart + kReorderAge;
  come(1536, 1600, later);
  ASSERT_EQ(pair.server.keys().data_received().low_water().value, 1536U);
  pair.server.on_report(report_of(pair.client), later);
  EXPECT_EQ(pair.server.settled_in().sent, 1536U);
  EXPECT_EQ(pair.server.settled_in().lost(), 400U);
  pair.server.on_report(report_of(pair.client), later + 20ms);
  EXPECT_EQ(pair.server.settled_in().sent, 1600U);
  EXPECT_EQ(pair.server.settled_in().lost(), 400U);
}

TEST(LinkEpochReport, ArrivalOfWhatWasNeverMadeIsNotBelieved) {
  LinkEpochPair pair(Cipher::aes_256_gcm);
  data(pair.client);
  PathReport forged;
  forged.data_of = 2;
  forged.data_opened = 2;
  report(pair.client, forged);
  EXPECT_EQ(pair.client.data_out().sent, 0U);
  EXPECT_EQ(pair.client.data_out().received, 0U);
}

TEST(LinkEpochReport, AnnouncesDataAsEveryReportDoes) {
  LinkEpochPair pair(Cipher::none);
  Packet far;
  for (std::uint32_t i = 0; i < 3; ++i) far = data(pair.client);
  test::wear_out(pair.client.keys(), kClearNumberReach + 10, 0);
  far = data(pair.client);
  EXPECT_EQ(open(pair.server, far), tl::unexpected(Drop::clear_reach));
  report(pair.server, report_of(pair.client));
  EXPECT_TRUE(open(pair.server, far));
}

TEST(LinkEpochPaths, EpochsOfASessionShareTheirCountersOnceJoined) {
  LinkEpochPair first(Cipher::aes_256_gcm);
  LinkEpochPair second(Cipher::aes_256_gcm);
  first.client.path(PathId{1}).sent = 100;
  first.client.path(PathId{31}).received = 7;
  second.client.path(PathId{1}).sent = 3;
  second.client.path(PathId{1}).received_bytes = 50;
  second.client.join(first.client.paths());
  EXPECT_EQ(second.client.path(PathId{1}).sent, 103U);
  EXPECT_EQ(first.client.path(PathId{1}).sent, 103U);
  EXPECT_EQ(first.client.path(PathId{1}).received_bytes, 50U);
  EXPECT_EQ(second.client.path(PathId{31}).received, 7U);
  // What is still on its way under the old key counts for the same path.
  ++first.client.path(PathId{1}).received;
  EXPECT_EQ(second.client.path(PathId{1}).received, 1U);
}

TEST(LinkEpochPaths, OutliveTheEpochThatMadeThem) {
  LinkEpochPair second(Cipher::aes_256_gcm);
  {
    LinkEpochPair first(Cipher::aes_256_gcm);
    first.client.path(PathId{0}).sent = 5;
    second.client.join(first.client.paths());
  }
  EXPECT_EQ(second.client.path(PathId{0}).sent, 5U);
}

TEST(LinkEpochPaths, EpochsOfTwoSessionsCountApart) {
  LinkEpochPair pair(Cipher::aes_256_gcm);
  ++pair.client.path(PathId{0}).sent;
  EXPECT_EQ(pair.server.path(PathId{0}).sent, 0U);
}

TEST(LinkEpochReport, SaysWhatTheEpochAndThePathCount) {
  LinkEpochPair pair;
  pair.client.path(PathId{4}).sent = 77;
  for (int i = 0; i < 3; ++i) data(pair.client);
  const PathReport report = pair.client.make_report(PathId{4}, 12, kEpochStart);
  EXPECT_EQ(report.path, PathId{4});
  EXPECT_EQ(report.sequence, 12U);
  EXPECT_EQ(report.sent, 77U);
  EXPECT_EQ(report.data_sealed, 3U);
  EXPECT_EQ(report.data_opened, 0U);
}

TEST(LinkEpochReport, CountsForItsPathAndShowsTheRoundTrip) {
  LinkEpochPair pair;
  pair.client.path(PathId{4}).sent = 10;
  pair.server.path(PathId{4}).received = 9;
  EXPECT_FALSE(pair.server.on_report(pair.client.make_report(PathId{4}, 0, kEpochStart), kEpochStart + 10ms));
  EXPECT_EQ(pair.server.path(PathId{4}).in.sent, 10U);
  EXPECT_EQ(pair.server.path(PathId{4}).in.received, 9U);
  EXPECT_EQ(pair.server.path(PathId{0}).in.sent, 0U);
  const PathReport answer = pair.server.make_report(PathId{4}, 0, kEpochStart + 15ms);
  EXPECT_EQ(pair.client.on_report(answer, kEpochStart + 25ms), 20ms) << "without the 5 ms at the server";
  EXPECT_EQ(pair.client.path(PathId{4}).out.received, 9U);
}

}  // namespace
}  // namespace mptunnel
