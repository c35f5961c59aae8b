// KeyEpoch: what reports say of DATA, and the counters that the epochs of one session share.

#include <gtest/gtest.h>

#include "epoch_support.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::EpochPair;
using test::Kind;
using test::Packet;

PathReport report_of(const KeyEpoch& epoch) {
  PathReport report;
  epoch.fill_report(report);
  return report;
}
Packet data(KeyEpoch& epoch) {
  return *test::seal(epoch, Kind::data, "x");
}

TEST(KeyEpochReport, BothEndsKnowHowManyDataPacketsArrived) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::none}) {
    EpochPair pair(cipher);
    for (int i = 0; i < 100; ++i) {
      const Packet packet = data(pair.client);
      // Each fourth is lost on all paths; the others come twice.
      if (i % 4 == 0) continue;
      ASSERT_TRUE(test::open(pair.server, packet));
      ASSERT_FALSE(test::open(pair.server, packet));
    }
    pair.server.on_report(report_of(pair.client));
    EXPECT_EQ(pair.server.data_in().sent, 100U);
    EXPECT_EQ(pair.server.data_in().received, 75U);
    for (int i = 0; i < 10; ++i) data(pair.client);
    pair.client.on_report(report_of(pair.server));
    EXPECT_EQ(pair.client.data_out().sent, 100U) << "the pair of counts is from one moment";
    EXPECT_EQ(pair.client.data_out().received, 75U);
    EXPECT_EQ(pair.client.data_in().sent, 0U);
  }
}

TEST(KeyEpochReport, OvertakenReportsChangeNothing) {
  EpochPair pair(Cipher::aes_256_gcm);
  const Packet first = data(pair.client);
  const PathReport early = report_of(pair.client);
  const Packet second = data(pair.client);
  const PathReport late = report_of(pair.client);
  ASSERT_TRUE(test::open(pair.server, first));
  ASSERT_TRUE(test::open(pair.server, second));
  pair.server.on_report(late);
  const PathReport answer_to_late = report_of(pair.server);
  pair.server.on_report(early);
  EXPECT_EQ(pair.server.data_in().sent, 2U);
  EXPECT_EQ(pair.server.data_in().received, 2U);
  PathReport answer_to_early = answer_to_late;
  answer_to_early.data_of = 1;
  answer_to_early.data_opened = 1;
  pair.client.on_report(answer_to_late);
  pair.client.on_report(answer_to_early);
  EXPECT_EQ(pair.client.data_out().sent, 2U);
  EXPECT_EQ(pair.client.data_out().received, 2U);
}

TEST(KeyEpochReport, ArrivalOfWhatWasNeverMadeIsNotBelieved) {
  EpochPair pair(Cipher::aes_256_gcm);
  data(pair.client);
  PathReport report;
  report.data_of = 2;
  report.data_opened = 2;
  pair.client.on_report(report);
  EXPECT_EQ(pair.client.data_out().sent, 0U);
  EXPECT_EQ(pair.client.data_out().received, 0U);
}

TEST(KeyEpochReport, AnnouncesDataAsEveryReportDoes) {
  EpochPair pair(Cipher::none);
  Packet far;
  for (std::uint32_t i = 0; i < 3; ++i) far = data(pair.client);
  test::wear_out(pair.client, kClearNumberReach + 10, 0);
  far = data(pair.client);
  EXPECT_EQ(test::open(pair.server, far), tl::unexpected(Drop::clear_reach));
  pair.server.on_report(report_of(pair.client));
  EXPECT_TRUE(test::open(pair.server, far));
}

TEST(KeyEpochPaths, EpochsOfASessionShareTheirCountersOnceJoined) {
  EpochPair first(Cipher::aes_256_gcm);
  EpochPair second(Cipher::aes_256_gcm);
  first.client.path(PathId{1}).sent = 100;
  first.client.path(PathId{31}).received = 7;
  second.client.path(PathId{1}).sent = 3;
  second.client.path(PathId{1}).received_bytes = 50;
  second.client.join_paths(first.client.paths());
  EXPECT_EQ(second.client.path(PathId{1}).sent, 103U);
  EXPECT_EQ(first.client.path(PathId{1}).sent, 103U);
  EXPECT_EQ(first.client.path(PathId{1}).received_bytes, 50U);
  EXPECT_EQ(second.client.path(PathId{31}).received, 7U);
  // What is still on its way under the old key counts for the same path.
  ++first.client.path(PathId{1}).received;
  EXPECT_EQ(second.client.path(PathId{1}).received, 1U);
}

TEST(KeyEpochPaths, OutliveTheEpochThatMadeThem) {
  EpochPair second(Cipher::aes_256_gcm);
  {
    EpochPair first(Cipher::aes_256_gcm);
    first.client.path(PathId{0}).sent = 5;
    second.client.join_paths(first.client.paths());
  }
  EXPECT_EQ(second.client.path(PathId{0}).sent, 5U);
}

TEST(KeyEpochPaths, EpochsOfTwoSessionsCountApart) {
  EpochPair pair(Cipher::aes_256_gcm);
  ++pair.client.path(PathId{0}).sent;
  EXPECT_EQ(pair.server.path(PathId{0}).sent, 0U);
}

TEST(KeyEpochSeen, SaysWhichNumbersCameOfEachType) {
  EpochPair pair(Cipher::aes_256_gcm);
  for (const Kind kind : {Kind::data, Kind::control}) {
    const Packet came = *test::seal(pair.client, kind, "x");
    const Packet stays_away = *test::seal(pair.client, kind, "x");
    EXPECT_FALSE(pair.server.is_seen(*decode_header(came)));
    ASSERT_TRUE(test::open(pair.server, came));
    EXPECT_TRUE(pair.server.is_seen(*decode_header(came)));
    EXPECT_FALSE(pair.server.is_seen(*decode_header(stays_away)));
  }
}

}  // namespace
}  // namespace mptunnel
