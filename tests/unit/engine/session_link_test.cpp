#include "mptunnel/engine/link/session_link.h"

#include <gtest/gtest.h>

#include "link_support.h"
#include "some_values.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::kEpochStart;
using test::Kind;
using test::kPath;

std::unique_ptr<KeyEpoch> keys(std::uint32_t index) {
  return test::make_epoch(SessionIndex{index}, SessionIndex{1000 + index}, Role::client);
}
LinkEpoch& begin(SessionLink& link, std::uint32_t index, bool resumed = false, TimePoint now = kEpochStart) {
  link.propose(keys(index));
  link.confirm(resumed, now);
  return *link.current();
}
std::vector<std::uint32_t> indices(const SessionLink& link) {
  std::vector<std::uint32_t> all;
  for (const SessionIndex index : link.indices()) all.push_back(index.value);
  return all;
}
/// As if the peer had made this many DATA packets under the key, and none had come; and had got `got` of
/// ours.
void report(LinkEpoch& epoch, std::uint32_t made, std::uint32_t got) {
  for (std::uint32_t i = 0; i < got; ++i) ASSERT_TRUE(test::seal(epoch.keys(), Kind::data, "x"));
  PathReport report;
  report.data_sealed = made;
  report.data_of = report.data_opened = got;
  epoch.on_report(report, kEpochStart);
}

TEST(SessionLink, HasNothingBeforeItsFirstKey) {
  SessionLink link(4);
  EXPECT_EQ(link.current(), nullptr);
  EXPECT_EQ(link.next(), nullptr);
  EXPECT_EQ(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(link.hold(SessionIndex{1}), nullptr);
  EXPECT_FALSE(link.can_seal(kEpochStart));
  EXPECT_FALSE(link.since());
  EXPECT_EQ(link.traffic(kPath), nullptr);
  EXPECT_EQ(link.data_in().sent, 0U);
  EXPECT_TRUE(link.indices().empty());
  link.retire_next(kEpochStart);
  link.retire_current(kEpochStart);
  EXPECT_TRUE(link.expire(kEpochStart + 1h).empty());
}

TEST(SessionLink, ProposedKeyOpensAndDoesNotSeal) {
  SessionLink link(4);
  link.propose(keys(1));
  ASSERT_NE(link.next(), nullptr);
  EXPECT_EQ(link.find(SessionIndex{1}), link.next());
  EXPECT_FALSE(link.can_seal(kEpochStart));
  EXPECT_FALSE(link.since());
  EXPECT_EQ(link.traffic(kPath), nullptr) << "it counts for itself";
}

TEST(SessionLink, ConfirmedKeySealsAsLongAsItIsUsable) {
  SessionLink link(4);
  LinkEpoch& epoch = begin(link, 1, false, kEpochStart + 1s);
  EXPECT_EQ(epoch.index(), SessionIndex{1});
  EXPECT_EQ(link.next(), nullptr);
  EXPECT_EQ(link.since(), kEpochStart + 1s);
  EXPECT_TRUE(link.can_seal(kEpochStart + kRejectAfter - 1ns));
  EXPECT_FALSE(link.can_seal(kEpochStart + kRejectAfter));
}

TEST(SessionLink, OrderGrowsWithEachKey) {
  SessionLink link(4);
  EXPECT_EQ(begin(link, 1).order(), 0U);
  link.propose(keys(2));
  EXPECT_EQ(link.next()->order(), 1U);
  link.discard_next();
  EXPECT_EQ(begin(link, 3).order(), 2U);
}

TEST(SessionLink, ReplacedKeyOpensForItsTime) {
  SessionLink link(4);
  begin(link, 1);
  begin(link, 2, true, kEpochStart + 10s);
  EXPECT_EQ(link.current()->index(), SessionIndex{2});
  ASSERT_NE(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(link.find(SessionIndex{1})->index(), SessionIndex{1});
  EXPECT_TRUE(link.expire(kEpochStart + 10s + kOldKeyOpensFor - 1ns).empty());
  EXPECT_EQ(link.expire(kEpochStart + 10s + kOldKeyOpensFor), std::vector{SessionIndex{1}});
  EXPECT_EQ(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(indices(link), (std::vector<std::uint32_t>{2}));
}

TEST(SessionLink, CountersOfAResumedSessionGoOn) {
  SessionLink link(4);
  LinkEpoch& first = begin(link, 1);
  first.path(kPath).received = 10;
  link.propose(keys(2));
  link.next()->path(kPath).received = 3;
  EXPECT_EQ(link.traffic(kPath)->received, 10U);
  link.confirm(true, kEpochStart + 10s);
  EXPECT_EQ(link.traffic(kPath)->received, 13U);
  ++link.find(SessionIndex{1})->path(kPath).received;
  ++link.current()->path(kPath).received;
  EXPECT_EQ(link.traffic(kPath)->received, 15U) << "whatever the key";
  EXPECT_EQ(link.since(), kEpochStart);
}

TEST(SessionLink, CountersOfANewSessionStartOver) {
  SessionLink link(4);
  LinkEpoch& first = begin(link, 1);
  first.path(kPath).received = 10;
  report(first, 5, 2);
  link.propose(keys(2));
  link.next()->path(kPath).received = 3;
  link.confirm(false, kEpochStart + 10s);
  EXPECT_EQ(link.traffic(kPath)->received, 3U);
  EXPECT_EQ(link.since(), kEpochStart + 10s);
  EXPECT_EQ(link.data_in().sent, 0U);
  EXPECT_EQ(link.data_out().sent, 0U);
  ++link.find(SessionIndex{1})->path(kPath).received;
  EXPECT_EQ(link.traffic(kPath)->received, 3U) << "what comes late belongs to the session before";
}

TEST(SessionLink, DataOfAllKeysOfTheSessionIsAddedUp) {
  SessionLink link(4);
  report(begin(link, 1), 5, 2);
  report(begin(link, 2, true), 7, 1);
  EXPECT_EQ(link.data_in().sent, 12U);
  EXPECT_EQ(link.data_in().received, 0U);
  EXPECT_EQ(link.data_out().sent, 3U);
  EXPECT_EQ(link.data_out().received, 3U);
}

/// As the peer would say that it made `sealed` DATA packets and got `opened`, under the key with this index.
EpochCountsFrame counts_of(std::uint32_t index, std::uint32_t sealed, std::uint32_t opened) {
  return {SessionIndex{index}, sealed, opened, 0};
}

TEST(SessionLink, PeerIsToldWhatCameUnderAKeyThatEndedUntilItAnswers) {
  SessionLink link(4);
  report(begin(link, 1), 5, 2);
  begin(link, 2, true);
  EXPECT_TRUE(link.take_counts_to_tell(kEpochStart + kEpochCountsAfter - 1ns).empty());
  const auto told = link.take_counts_to_tell(kEpochStart + kEpochCountsAfter);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].index, SessionIndex{1001}) << "the peer's name for it";
  EXPECT_EQ(told[0].sealed, 2U);
  EXPECT_EQ(told[0].opened, 0U);
  std::size_t again = 0;
  for (int second = 2; second < 200; ++second)
    again += link.take_counts_to_tell(kEpochStart + second * 1s).size();
  EXPECT_EQ(again, 4U) << "after 2, 4, 8 and 16 s";
  begin(link, 3, true, kEpochStart + 200s);
  EXPECT_EQ(link.take_counts_to_tell(kEpochStart + 201s).size(), 2U) << "and under the next keys";
  ASSERT_TRUE(link.on_counts(counts_of(1, 0, 2)));
  ASSERT_TRUE(link.on_counts(counts_of(2, 0, 0)));
  for (int second = 202; second < 300; ++second)
    EXPECT_EQ(link.take_counts_to_tell(kEpochStart + second * 1s).size(), 0U) << "nothing is missing";
}

TEST(SessionLink, CountsOfAKeyThatEndedTakeThePlaceOfItsLastReport) {
  SessionLink link(4);
  LinkEpoch& epoch = begin(link, 1);
  const auto far = test::make_epoch(SessionIndex{1001}, SessionIndex{1}, Role::server);
  report(epoch, 5, 2);
  std::vector<test::Packet> late;
  for (int i = 0; i < 9; ++i) late.push_back(*test::seal(*far, Kind::data, "x"));
  begin(link, 2, true);
  EXPECT_FALSE(link.on_counts(counts_of(2, 9, 2))) << "that key seals";
  EXPECT_FALSE(link.on_counts(counts_of(77, 9, 2)));
  EXPECT_EQ(link.data_in().sent, 5U);
  const auto own = link.on_counts(counts_of(1, 9, 1));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->index, SessionIndex{1001});
  EXPECT_EQ(own->sealed, 2U);
  EXPECT_EQ(link.data_in().lost(), 9U);
  EXPECT_EQ(link.data_out().lost(), 1U);
  // What still comes is no loss.
  for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(test::open(link.find(SessionIndex{1})->keys(), late[i]));
  EXPECT_EQ(link.data_in().lost(), 3U);
  EXPECT_EQ(link.on_counts(counts_of(1, 9, 2))->opened, 6U);
  EXPECT_EQ(link.data_out().lost(), 0U);
  link.on_counts(counts_of(1, 7, 1));
  EXPECT_EQ(link.data_in().sent, 9U) << "overtaken";
  EXPECT_EQ(link.data_out().received, 2U);
  // The key goes, and what is known stays.
  link.expire(kEpochStart + kOldKeyOpensFor);
  ASSERT_EQ(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(link.data_in().lost(), 3U);
  EXPECT_EQ(link.on_counts(counts_of(1, 9, 2))->opened, 6U);
  for (std::uint32_t index = 3; index < 3 + 2 * kEndedEpochs; ++index) begin(link, index, true);
  EXPECT_FALSE(link.on_counts(counts_of(1, 9, 2))) << "known for good";
  EXPECT_EQ(link.data_in().sent, 9U);
  EXPECT_EQ(link.data_in().received, 6U);
  EXPECT_EQ(link.data_out().sent, 2U);
}

TEST(SessionLink, WhatWasRecoveredUnderAKeyThatEndedStaysKnown) {
  SessionLink link(4);
  LinkEpoch& epoch = begin(link, 1);
  report(epoch, 5, 2);
  begin(link, 2, true);
  LinkEpoch& old = *link.find(SessionIndex{1});
  for (const std::uint32_t number : {0U, 1U, 2U})
    ASSERT_TRUE(old.keys().recover_data(PacketNumber{number}, kEpochStart));
  old.count_recovered();
  old.count_recovered();
  const auto own = link.on_counts({SessionIndex{1}, 5, 2, 1});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->opened, 3U);
  EXPECT_EQ(own->recovered, 2U);
  EXPECT_EQ(link.data_in().recovered, 2U);
  EXPECT_EQ(link.data_in().before_repair().lost(), 4U);
  EXPECT_EQ(link.data_out().recovered, 1U);
  EXPECT_EQ(link.data_out().before_repair().lost(), 1U);
  // One of them comes late, and the peer says the same of its own; then it is overtaken.
  old.withdraw_recovered();
  link.on_counts({SessionIndex{1}, 5, 2, 0});
  link.on_counts({SessionIndex{1}, 5, 1, 1});
  link.expire(kEpochStart + kOldKeyOpensFor);
  EXPECT_EQ(link.data_in().recovered, 1U);
  EXPECT_EQ(link.data_out().recovered, 0U);
}

TEST(SessionLink, CountsThatCannotBeAreNotBelieved) {
  SessionLink link(4);
  report(begin(link, 1), 0, 2);
  begin(link, 2, true);
  link.on_counts(counts_of(1, 0, 100));
  EXPECT_EQ(link.data_out().received, 2U);
  EXPECT_EQ(link.data_in().received, 0U);
}

TEST(SessionLink, RetiredNextIsCountedToo) {
  SessionLink link(4);
  begin(link, 1);
  link.propose(keys(2));
  link.retire_next(kEpochStart);
  link.on_counts(counts_of(2, 7, 0));
  EXPECT_EQ(link.data_in().lost(), 7U) << "the peer may have sealed with it";
}

TEST(SessionLink, ResumedWithoutASessionBeginsOne) {
  // As the server does with each key: a session's first is no different.
  SessionLink link(4);
  begin(link, 1, true);
  EXPECT_EQ(link.since(), kEpochStart);
  EXPECT_NE(link.traffic(kPath), nullptr);
}

TEST(SessionLink, RetiredCurrentOpensAndItsCountsStay) {
  SessionLink link(4);
  LinkEpoch& epoch = begin(link, 1);
  epoch.path(kPath).received = 10;
  report(epoch, 5, 2);
  link.retire_current(kEpochStart + 1s);
  EXPECT_EQ(link.current(), nullptr);
  EXPECT_FALSE(link.can_seal(kEpochStart + 1s));
  EXPECT_NE(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(link.traffic(kPath)->received, 10U);
  EXPECT_EQ(link.data_in().sent, 5U);
  EXPECT_EQ(link.since(), kEpochStart);
  // The session is heard again.
  begin(link, 2, true, kEpochStart + 2s);
  EXPECT_EQ(link.traffic(kPath)->received, 10U);
  EXPECT_EQ(link.data_in().sent, 5U);
}

TEST(SessionLink, RetiredNextOpensAndCountsForTheSession) {
  SessionLink link(4);
  begin(link, 1).path(kPath).received = 10;
  link.propose(keys(2));
  link.next()->path(kPath).received = 3;
  link.retire_next(kEpochStart);
  EXPECT_EQ(link.next(), nullptr);
  EXPECT_EQ(link.current()->index(), SessionIndex{1});
  EXPECT_EQ(link.traffic(kPath)->received, 13U) << "the peer may count under it already";
  ++link.find(SessionIndex{2})->path(kPath).received;
  EXPECT_EQ(link.traffic(kPath)->received, 14U);
  EXPECT_EQ(link.expire(kEpochStart + kOldKeyOpensFor), std::vector{SessionIndex{2}});
}

TEST(SessionLink, DiscardedNextIsForgottenAtOnce) {
  SessionLink link(4);
  begin(link, 1).path(kPath).received = 10;
  link.propose(keys(2));
  link.next()->path(kPath).received = 3;
  link.discard_next();
  EXPECT_EQ(link.find(SessionIndex{2}), nullptr);
  EXPECT_EQ(link.traffic(kPath)->received, 10U);
  link.propose(keys(3));
  EXPECT_EQ(indices(link), (std::vector<std::uint32_t>{1, 3}));
}

TEST(SessionLink, OldestReplacedKeyGoesForOneTooMany) {
  SessionLink link(2);
  begin(link, 1);
  for (const std::uint32_t index : {2U, 3U}) {
    link.propose(keys(index));
    EXPECT_FALSE(link.confirm(true, kEpochStart));
  }
  link.propose(keys(4));
  EXPECT_EQ(link.confirm(true, kEpochStart), SessionIndex{1});
  EXPECT_EQ(link.find(SessionIndex{1}), nullptr);
  EXPECT_EQ(indices(link), (std::vector<std::uint32_t>{4, 2, 3}));
}

TEST(SessionLink, HeldEpochOutlivesItsPlace) {
  SessionLink link(1);
  begin(link, 1).path(kPath).received = 10;
  const auto held = link.hold(SessionIndex{1});
  EXPECT_EQ(held.get(), link.current());
  link.propose(keys(2));
  EXPECT_EQ(link.hold(SessionIndex{2}).get(), link.next());
  link.retire_current(kEpochStart);
  EXPECT_EQ(link.hold(SessionIndex{1}), held);
  link.expire(kEpochStart + 1h);
  EXPECT_EQ(link.hold(SessionIndex{1}), nullptr);
  EXPECT_EQ(held->path(kPath).received, 10U);
}

TEST(SessionLink, ForcedClosingsOfForgottenKeysAreStillCounted) {
  SessionLink link(4);
  LinkEpoch& epoch = begin(link, 1);
  const auto far = test::make_epoch(SessionIndex{1001}, SessionIndex{1}, Role::server);
  // One number of each block, and a block more than the quota has room for.
  for (std::uint32_t block = 0; block <= kReceivedSetNumbers / ReceivedSet::kBlockNumbers; ++block) {
    test::wear_out(*far, block * ReceivedSet::kBlockNumbers, 0);
    ASSERT_TRUE(test::open(epoch.keys(), *test::seal(*far, Kind::data, "x")));
  }
  const std::uint64_t closings = epoch.keys().forced_closings();
  ASSERT_EQ(closings, 1U);
  EXPECT_EQ(link.forced_closings(), closings);
  begin(link, 2, true);
  EXPECT_EQ(link.forced_closings(), closings);
  link.expire(kEpochStart + kOldKeyOpensFor);
  EXPECT_EQ(link.forced_closings(), closings);
}

}  // namespace
}  // namespace mptunnel
