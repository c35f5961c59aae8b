// Sender: which datagrams leave when and by which paths, and its CONTROL packets. Fragments:
// sender_fragments_test.cpp.
#include "mptunnel/engine/link/sender.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "mptunnel/engine/link/control_packet.h"
#include "sender_support.h"
#include "support/key_wear.h"

namespace mptunnel {
namespace {

using test::kDataBytes;
using test::kEpochStart;
using test::kOpenFlow;
using test::kSession;
using test::Packet;
using test::packets_to;
using test::SenderSide;
using test::views_of;

constexpr PathId kFirst{0};
constexpr PathId kSecond{1};

PathViews two_common_views() {
  return views_of({{0, kBaseMtu}, {1, kBaseMtu}});
}
Sender::FindFlow always(const OutgoingFlow& flow) {
  return [flow](FlowHandle) { return std::optional(flow); };
}
/// The payloads of DATA packets, as one text; "?" for what is no datagram.
std::string texts(KeyEpoch& far, const std::vector<Packet>& packets) {
  std::string all;
  for (const Packet& packet : packets) {
    const auto frames = test::open(far, packet);
    const auto datagram = frames ? whole_datagram(*frames) : std::nullopt;
    if (datagram) {
      all.append(datagram->payload.begin(), datagram->payload.end());
    } else {
      all += '?';
    }
  }
  return all;
}

TEST(Sender, AsksTheSchedulerForEachDatagramInOrder) {
  std::vector<std::tuple<std::size_t, std::uint32_t, int, std::size_t>> asked;
  SenderSide side([&](const PathViews& paths, const DatagramView& datagram, TimePoint now) {
    EXPECT_EQ(now, kEpochStart);
    asked.emplace_back(datagram.bytes, datagram.flow.value, datagram.dscp, paths.paths().size());
    return Decision{paths.paths(), {}};
  });
  side.sender->send(kOpenFlow, bytes_of("abc"), {46}, two_common_views(), side.out, kEpochStart);
  const OutgoingFlow other{FlowHandle{2}, FlowId{6}, std::nullopt};
  side.sender->send(other, {}, {}, two_common_views(), side.out, kEpochStart);
  EXPECT_EQ(asked, (decltype(asked){{3, 1, 46, 2}, {0, 2, 0, 2}}));
}

TEST(Sender, PathsDifferByDatagramAndThoseInARowShareARun) {
  // The payload says where it goes.
  SenderSide side([&](const PathViews& paths, const DatagramView& datagram, TimePoint) {
    switch (datagram.bytes) {
      case 1:
        return Decision{PathSet::of(kFirst), {}};
      case 2:
        return Decision{PathSet::of(kSecond), {}};
      default:
        return Decision{paths.paths(), {}};
    }
  });
  for (const char* payload : {"a", "b", "cc", "dd", "ee", "fff", "g"}) side.send(two_common_views(), payload);
  side.sender->finish({}, side.out, kEpochStart);
  std::vector<std::pair<PathSet, std::uint32_t>> runs;
  for (const PacketRun& run : side.out.runs) runs.emplace_back(run.paths, run.count);
  const std::vector<std::pair<PathSet, std::uint32_t>> expected{
      {PathSet::of(kFirst), 2}, {PathSet::of(kSecond), 3}, {PathSet::first(2), 1}, {PathSet::of(kFirst), 1}};
  EXPECT_EQ(runs, expected);
  for (const PacketRun& run : side.out.runs) {
    EXPECT_EQ(run.session, kSession);
    EXPECT_EQ(run.epoch, side.keys().local_index());
  }
  // Numbers are in the order of sending, whatever the path.
  EXPECT_EQ(test::number_of(packets_to(side.out, kSecond)[3]), 5U);
  EXPECT_EQ(texts(*side.far, packets_to(side.out, kFirst)), "abfffg");
}

TEST(Sender, CopiesAreTheVerySameBytes) {
  SenderSide side;
  side.send(two_common_views(), "a");
  ASSERT_EQ(side.out.runs.size(), 1U);
  EXPECT_EQ(side.out.arena.size(), kDataBytes + 1);
  EXPECT_EQ(packets_to(side.out, kFirst), packets_to(side.out, kSecond));
  EXPECT_EQ(side.keys().data_sealed(), 1U);
}

TEST(Sender, MarksOfTheDatagramAreThoseOfItsPackets) {
  SenderSide side;
  for (const Marks marks : {Marks{46}, Marks{46}, Marks{8}, Marks{8, Ecn::ce}})
    side.sender->send(kOpenFlow, bytes_of("a"), marks, two_common_views(), side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 3U);
  EXPECT_EQ(side.out.runs[0].marks, Marks{46});
  EXPECT_EQ(side.out.runs[1].marks, Marks{8});
  EXPECT_EQ(side.out.runs[2].marks, (Marks{8, Ecn::ce}));
}

TEST(Sender, FlowOpenRidesInFrontOfTheDatagram) {
  SenderSide side;
  side.send(two_common_views(), "hello", {FlowHandle{1}, FlowId{5}, 0x1234});
  const auto frames = test::open(*side.far, packets_to(side.out, kFirst).at(0));
  ASSERT_TRUE(frames);
  FrameReader reader(*frames);
  const auto open = std::get<FlowOpenFrame>(*reader.next());
  EXPECT_EQ(open.flow, FlowId{5});
  EXPECT_EQ(open.hash, 0x1234U);
  EXPECT_EQ(std::get<DatagramFrame>(*reader.next()).payload.size(), 5U);
  EXPECT_FALSE(reader.next());
}

TEST(Sender, TooLargeADatagramIsDroppedAndLeavesNothing) {
  SenderSide side;
  side.sender->send(kOpenFlow, Packet(kMaxPacketBytes + 1), {}, two_common_views(), side.out, kEpochStart);
  EXPECT_EQ(side.drops(Drop::too_large), 1U);
  EXPECT_TRUE(side.out.arena.empty());
  EXPECT_FALSE(side.sender->has_waiting());
  EXPECT_EQ(side.keys().data_sealed(), 0U);
}

/// Each datagram leaves at `leaves_at`.
class SenderWaiting : public testing::Test {
 protected:
  void send(std::string_view payload, TimePoint now = kEpochStart) {
    side_.send(two_common_views(), payload, kOpenFlow, now);
  }
  void flush(TimePoint now, const PathViews& paths = two_common_views()) {
    side_.sender->flush(paths, always(kOpenFlow), side_.out, now);
  }
  std::string sent() { return texts(*side_.far, packets_to(side_.out, kFirst)); }

  TimePoint leaves_at_ = kEpochStart + 20ms;
  PathSet goes_to_ = PathSet::first(2);
  SenderSide side_{[this](const auto&, const auto&, TimePoint) { return Decision{goes_to_, leaves_at_}; }};
  Sender& sender_ = *side_.sender;
};

TEST_F(SenderWaiting, DatagramWaitsForItsTimeAndLeavesThen) {
  send("a");
  EXPECT_TRUE(side_.out.empty());
  EXPECT_TRUE(sender_.has_waiting());
  EXPECT_EQ(sender_.deadline(), leaves_at_);
  EXPECT_EQ(sender_.wake_by(kEpochStart), leaves_at_);
  EXPECT_FALSE(sender_.is_due(leaves_at_ - 1ns));
  flush(leaves_at_ - 1ns);
  EXPECT_TRUE(side_.out.empty());
  EXPECT_EQ(sender_.deadline(), leaves_at_) << "decided anew, with the same result";
  EXPECT_TRUE(sender_.is_due(leaves_at_));
  flush(leaves_at_);
  EXPECT_EQ(sent(), "a");
  EXPECT_FALSE(sender_.has_waiting());
  EXPECT_FALSE(sender_.is_due(leaves_at_ + 1h));
  EXPECT_EQ(sender_.deadline(), kNever);
}

TEST_F(SenderWaiting, EarliestTimeOfSeveralIsTheDeadline) {
  for (const Duration after : {30ms, 10ms, 20ms}) {
    leaves_at_ = kEpochStart + after;
    send("a");
  }
  EXPECT_EQ(sender_.deadline(), kEpochStart + 10ms);
}

TEST_F(SenderWaiting, WhatIsPutOffAgainMovesTheDeadline) {
  send("a");
  leaves_at_ = kEpochStart + 70ms;
  flush(kEpochStart + 20ms);
  EXPECT_TRUE(side_.out.empty());
  EXPECT_FALSE(sender_.is_due(kEpochStart + 20ms));
  EXPECT_EQ(sender_.deadline(), kEpochStart + 70ms);
}

TEST_F(SenderWaiting, LeavesInOrderWithItsMarks) {
  sender_.send(kOpenFlow, bytes_of("a"), {46}, two_common_views(), side_.out, kEpochStart);
  sender_.send(kOpenFlow, bytes_of("b"), {8, Ecn::ect0}, two_common_views(), side_.out, kEpochStart);
  flush(leaves_at_);
  ASSERT_EQ(side_.out.runs.size(), 2U);
  EXPECT_EQ(side_.out.runs[0].marks, Marks{46});
  EXPECT_EQ(side_.out.runs[1].marks, (Marks{8, Ecn::ect0}));
  EXPECT_EQ(sent(), "ab");
}

TEST_F(SenderWaiting, ForNoPathsDatagramWaitsUntilFlushFindsOne) {
  goes_to_ = PathSet{};
  send("a");
  EXPECT_EQ(sender_.deadline(), kEpochStart + kQueueLife) << "no time of its own";
  EXPECT_EQ(sender_.wake_by(kEpochStart), kEpochStart + kQueueTick);
  EXPECT_FALSE(sender_.is_due(kEpochStart + kQueueLife));
  leaves_at_ = {};
  flush(kEpochStart + 100ms);
  EXPECT_TRUE(side_.out.empty());
  EXPECT_TRUE(sender_.has_waiting());
  goes_to_ = PathSet::of(kSecond);
  flush(kEpochStart + 200ms);
  EXPECT_EQ(texts(*side_.far, packets_to(side_.out, kSecond)), "a");
  EXPECT_TRUE(packets_to(side_.out, kFirst).empty());
}

TEST_F(SenderWaiting, ExpiresWhateverTheSchedulerWants) {
  leaves_at_ = kEpochStart + kQueueLife + 1s;
  send("a");
  EXPECT_EQ(sender_.deadline(), kEpochStart + kQueueLife);
  sender_.expire(kEpochStart + kQueueLife - 1ns);
  EXPECT_EQ(side_.drops(Drop::queue_expired), 0U);
  sender_.expire(kEpochStart + kQueueLife);
  EXPECT_EQ(side_.drops(Drop::queue_expired), 1U);
  EXPECT_FALSE(sender_.has_waiting());
  // Otherwise the engine would be woken for it again and again.
  EXPECT_EQ(sender_.deadline(), kNever);
  EXPECT_FALSE(sender_.is_due(leaves_at_));
}

TEST_F(SenderWaiting, WithoutAPathItIsDueOnceAndThenWaitsForOne) {
  send("a");
  flush(leaves_at_, {});
  EXPECT_FALSE(sender_.is_due(leaves_at_ + 1ms));
  EXPECT_EQ(sender_.deadline(), kEpochStart + kQueueLife);
  flush(leaves_at_ + 10ms);
  EXPECT_EQ(sent(), "a");
}

TEST_F(SenderWaiting, DropWaitingCountsAll) {
  for (int i = 0; i < 3; ++i) send("a");
  sender_.drop_waiting();
  EXPECT_EQ(side_.drops(Drop::queue_expired), 3U);
  EXPECT_FALSE(sender_.has_waiting());
  EXPECT_EQ(sender_.deadline(), kNever);
}

TEST_F(SenderWaiting, FullQueueDrops) {
  for (std::size_t i = 0; i < kQueueDatagrams + 2; ++i) send("a");
  EXPECT_EQ(side_.drops(Drop::queue_full), 2U);
}

TEST(Sender, SessionWithMostDatagramsThatWaitLosesItsOldestForOthers) {
  SenderSide side([](const PathViews& paths, const auto&, TimePoint) { return Decision{paths.paths(), {}}; });
  const OutgoingFlow unknown{FlowHandle{1}, std::nullopt, std::nullopt};
  const auto send = [&](Sender& sender, const Packet& payload) {
    sender.send(unknown, payload, {}, two_common_views(), side.out, kEpochStart);
  };
  send(*side.sender, Packet(100));
  std::vector<std::unique_ptr<Sender>> greedy;
  for (int i = 0; i < 20; ++i) {
    greedy.push_back(std::make_unique<Sender>(SessionHandle{}, side.link, side.context));
    for (std::size_t bytes = 0; bytes < kQueueBytes; bytes += 32768) send(*greedy.back(), Packet(32768));
    ASSERT_LE(side.context.waiting.bytes(), kQueueBytesOfAll);
  }
  send(*side.sender, Packet(100));
  EXPECT_GE(side.drops(Drop::queue_full), 4 * kQueueBytes / 32768) << "of 80 MiB, 64 stay";
  side.sender->drop_waiting();
  EXPECT_EQ(side.drops(Drop::queue_expired), 2U) << "both are still there";
  const std::uint64_t dropped = side.drops(Drop::queue_full);
  for (const auto& sender : greedy) sender->drop_waiting();
  EXPECT_EQ(dropped + side.drops(Drop::queue_expired), 2 + 20 * kQueueBytes / 32768) << "each is counted";
  EXPECT_EQ(side.context.waiting.bytes(), 0U);
}

TEST(Sender, FlowThatThePeerDoesNotKnowWaits) {
  int asked = 0;
  SenderSide side([&](const PathViews& paths, const auto&, TimePoint) {
    ++asked;
    return Decision{paths.paths(), {}};
  });
  const OutgoingFlow unknown{FlowHandle{1}, std::nullopt, std::nullopt};
  side.send(two_common_views(), "a", unknown);
  side.sender->flush(two_common_views(), always(unknown), side.out, kEpochStart);
  EXPECT_TRUE(side.out.empty());
  EXPECT_TRUE(side.sender->has_waiting());
  EXPECT_EQ(asked, 0);
  side.sender->flush(two_common_views(), always(kOpenFlow), side.out, kEpochStart);
  EXPECT_EQ(texts(*side.far, packets_to(side.out, kFirst)), "a");
}

TEST(Sender, WhatWaitsForAFlowThatEndedIsDropped) {
  SenderSide side;
  side.send({}, "a");
  side.send({}, "b", {FlowHandle{2}, FlowId{6}, std::nullopt});
  const auto find = [](FlowHandle flow) {
    return flow == FlowHandle{1} ? std::nullopt : std::optional(OutgoingFlow{flow, FlowId{6}, std::nullopt});
  };
  side.sender->flush(two_common_views(), find, side.out, kEpochStart);
  EXPECT_EQ(side.drops(Drop::flow_unknown), 1U);
  EXPECT_EQ(texts(*side.far, packets_to(side.out, kFirst)), "b");
  EXPECT_FALSE(side.sender->has_waiting());
}

TEST(Sender, WithoutPathOrUsableKeyDatagramsWait) {
  SenderSide side;
  EXPECT_FALSE(side.sender->can_send({}, kEpochStart));
  EXPECT_TRUE(side.sender->can_send(two_common_views(), kEpochStart));
  const TimePoint spent = kEpochStart + kRejectAfter;
  EXPECT_FALSE(side.sender->can_send(two_common_views(), spent));
  side.send(two_common_views(), "a", kOpenFlow, spent);
  EXPECT_TRUE(side.sender->has_waiting());
  EXPECT_TRUE(side.sender->flush(two_common_views(), always(kOpenFlow), side.out, spent).empty());
  EXPECT_TRUE(side.out.empty());
  side.link.propose(test::make_epoch(SessionIndex{7}, SessionIndex{8}, Role::client,
                                     Cipher::chacha20_poly1305, kKnownFrames, spent));
  EXPECT_FALSE(side.sender->can_send(two_common_views(), spent)) << "not confirmed yet";
  side.link.confirm(true, spent);
  side.sender->flush(two_common_views(), always(kOpenFlow), side.out, spent);
  ASSERT_EQ(side.out.runs.size(), 1U);
  EXPECT_EQ(side.out.runs[0].epoch, SessionIndex{7});
}

TEST(Sender, KeyThatIsSpentInTheMidstOfABatchMakesTheRestWait) {
  SenderSide side;
  test::wear_out(side.keys(), kRejectAfterPackets - 1, 0);
  side.send(two_common_views(), "a");
  side.send(two_common_views(), "b");
  EXPECT_EQ(side.out.runs.at(0).count, 1U);
  EXPECT_TRUE(side.sender->has_waiting());
  EXPECT_EQ(side.drops(Drop::number_limit), 0U);
}

TEST(Sender, LargestWholeIsTheLastThatNeedsNoFragments) {
  for (const Cipher cipher : {Cipher::chacha20_poly1305, Cipher::none}) {
    SenderSide side(cipher);
    const OutgoingFlow flow{FlowHandle{1}, FlowId{0}, std::nullopt};
    const PathViews paths = views_of({{0, 1472}, {1, 1300}});
    const auto largest = side.sender->largest_whole(paths);
    ASSERT_TRUE(largest);
    EXPECT_EQ(*largest, 1300 - side.keys().data_overhead() - 2);
    side.sender->send(flow, Packet(*largest), {}, paths, side.out, kEpochStart);
    EXPECT_EQ(side.sender->watch().fragmented(), 0U);
    side.sender->send(flow, Packet(*largest + 1), {}, paths, side.out, kEpochStart);
    EXPECT_EQ(side.sender->watch().fragmented(), 1U);
  }
}

TEST(Sender, WhatRepairsTheLargestWholeGoesWholeAsWell) {
  SenderSide side;
  side.context.repair = RepairSettings{};
  side.sender = std::make_unique<Sender>(test::kSession, side.link, side.context);
  const PathViews paths = views_of({{0, 1300}, {1, 1300}});
  const std::size_t largest = side.sender->largest_whole(paths).value();
  EXPECT_EQ(largest, 1300 - side.keys().data_overhead() - 2 - 10);
  const LinkEpoch& epoch = *side.link.current();
  const OutgoingFlow flow{FlowHandle{1}, FlowId{0}, std::nullopt};
  TimePoint now = kEpochStart;
  for (std::uint32_t sent = 1; sent <= 2000; ++sent) {
    now += 1ms;
    side.sender->send(flow, Packet(largest), {}, paths, side.out, now);
    side.sender->finish(paths, side.out, now);
    if (sent % 100 != 0) continue;
    const RepairReportFrame report{sent, 0, sent / 10, sent / 10, 0};
    side.sender->repair().on_report(epoch, report, {paths.paths(), {}, *epoch.paths()}, now);
  }
  EXPECT_GT(side.sender->repair().repairs(), 0U);
  std::uint64_t packets = 0;
  for (const PacketRun& run : side.out.runs) {
    packets += run.count;
    EXPECT_LE(run.stride, 1300U);
  }
  EXPECT_EQ(packets, 2000 + side.sender->repair().repairs()) << "none in pieces";
}

TEST(Sender, LargestWholeNeedsASessionAndAPath) {
  SenderSide side;
  EXPECT_FALSE(side.sender->largest_whole({}));
  side.link.retire_current(kEpochStart);
  EXPECT_FALSE(side.sender->largest_whole(two_common_views()));
}

TEST(Sender, SteadyFragmentingIsAnEventThatNamesTheSmallestPath) {
  SenderSide side;
  const PathViews paths = views_of({{0, 1472}, {1, 1300}, {2, 1400}});
  const auto send = [&](int large, int small) {
    for (int i = 0; i < large; ++i)
      side.sender->send(kOpenFlow, Packet(1290), {}, paths, side.out, kEpochStart);
    for (int i = 0; i < small; ++i)
      side.sender->send(kOpenFlow, Packet(100), {}, paths, side.out, kEpochStart);
  };
  TimePoint now = kEpochStart;
  EXPECT_FALSE(side.sender->check_fragmenting(paths, now));
  send(10, 30);
  EXPECT_FALSE(side.sender->check_fragmenting(paths, now += FragmentWatch::kWindow));
  send(10, 30);
  const auto event = side.sender->check_fragmenting(paths, now += FragmentWatch::kWindow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->path, kSecond);
  EXPECT_DOUBLE_EQ(event->share, 0.25);
  EXPECT_EQ(event->largest, 1300 - kDataBytes);
}

TEST(Sender, ControlGoesToEachPathPadded) {
  SenderSide side;
  LinkEpoch& epoch = *side.link.current();
  EXPECT_TRUE(side.sender->send_control(epoch, {PingFrame{}}, PathSet::first(2), side.out, kEpochStart,
                                        kProbeFrameBytes));
  ASSERT_EQ(side.out.runs.size(), 1U);
  EXPECT_EQ(side.out.runs[0].paths, PathSet::first(2));
  EXPECT_EQ(side.out.runs[0].session, kSession);
  EXPECT_EQ(side.out.runs[0].epoch, epoch.index());
  EXPECT_EQ(side.out.arena.size(), kProbeBytes);
  EXPECT_TRUE(test::open(*side.far, packets_to(side.out, kFirst)[0]));
}

TEST(Sender, ControlForNoPathIsNotSealed) {
  SenderSide side;
  EXPECT_FALSE(side.sender->send_control(*side.link.current(), {PingFrame{}}, {}, side.out, kEpochStart));
  EXPECT_EQ(side.keys().control_sealed(), 0U);
  EXPECT_TRUE(side.out.arena.empty());
}

TEST(Sender, ControlUnderASpentKeyIsCountedAndLeavesNothing) {
  SenderSide side;
  LinkEpoch& epoch = *side.link.current();
  const TimePoint spent = kEpochStart + kRejectAfter;
  EXPECT_FALSE(side.sender->send_control(epoch, {PingFrame{}}, PathSet::first(2), side.out, spent));
  side.sender->send_control_to(Route{}, epoch, {PingFrame{}}, side.out, spent);
  side.sender->send_answer(epoch, {PongFrame{}}, kFirst, 1200, side.out, spent);
  MtuSearch search;
  search.start(spent);
  side.sender->send_mtu_probe(kFirst, search, {100ms}, true, side.out, spent);
  EXPECT_EQ(side.drops(Drop::key_expired), 4U);
  EXPECT_TRUE(side.out.empty());
  EXPECT_TRUE(side.out.arena.empty());
}

TEST(Sender, ControlToAnAddressIsADirectPacket) {
  SenderSide side;
  const Route route{*parse_numeric_endpoint("192.0.2.1", 7), {}};
  side.sender->send_control_to(route, *side.link.current(), {ChallengeFrame{1}}, side.out, kEpochStart);
  EXPECT_TRUE(side.out.runs.empty());
  ASSERT_EQ(side.out.direct.size(), 1U);
  EXPECT_EQ(side.out.direct[0].route, route);
  EXPECT_EQ(side.out.direct[0].size, kChallengeBytes);
}

TEST(Sender, AnswerIsNoLargerThanItMayBe) {
  SenderSide side;
  LinkEpoch& epoch = *side.link.current();
  const std::size_t size = KeyEpoch::kControlOverhead + 1 + kReportBytes;
  side.sender->send_answer(epoch, {PongFrame{}}, kSecond, size - 1, side.out, kEpochStart);
  EXPECT_EQ(side.drops(Drop::no_path), 1U);
  EXPECT_TRUE(side.out.empty());
  EXPECT_TRUE(side.out.arena.empty());
  side.sender->send_answer(epoch, {PongFrame{}}, kSecond, size, side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 1U);
  EXPECT_EQ(side.out.runs[0].paths, PathSet::of(kSecond));
  EXPECT_EQ(side.drops(Drop::no_path), 1U);
}

TEST(Sender, MtuProbeLeavesWhenItIsDue) {
  SenderSide side;
  MtuSearch search;
  side.sender->send_mtu_probe(kFirst, search, {100ms}, true, side.out, kEpochStart);
  EXPECT_TRUE(side.out.empty()) << "the search is off";
  search.start(kEpochStart);
  side.sender->send_mtu_probe(kFirst, search, {100ms}, true, side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 1U);
  EXPECT_EQ(side.out.runs[0].paths, PathSet::of(kFirst));
  EXPECT_EQ(side.out.arena.size(), kBaseMtu);
  side.sender->send_mtu_probe(kFirst, search, {100ms}, true, side.out, kEpochStart);
  EXPECT_EQ(side.out.runs.size(), 1U);
}

TEST(Sender, CountsWhatTheKernelTookAndWhatItRefused) {
  SenderSide side;
  for (const char* payload : {"aaa", "bbb", "c"}) side.send(two_common_views(), payload);
  ASSERT_EQ(side.out.runs.size(), 1U);
  const PacketRun run = side.out.runs[0];
  LinkEpoch& epoch = *side.link.current();
  Sender::count_sent(&epoch, kFirst, run, 3, Drop::would_block, side.context.drops);
  EXPECT_EQ(epoch.path(kFirst).sent, 3U);
  EXPECT_EQ(epoch.path(kFirst).sent_bytes, side.out.arena.size());
  EXPECT_EQ(side.drops(Drop::would_block), 0U);
  Sender::count_sent(&epoch, kSecond, run, 1, Drop::would_block, side.context.drops);
  EXPECT_EQ(epoch.path(kSecond).sent, 1U);
  EXPECT_EQ(epoch.path(kSecond).sent_bytes, run.stride);
  EXPECT_EQ(side.drops(Drop::would_block), 2U);
  Sender::count_sent(nullptr, kSecond, run, 0, Drop::unreachable, side.context.drops);
  EXPECT_EQ(epoch.path(kSecond).sent, 1U);
  EXPECT_EQ(side.drops(Drop::unreachable), 3U) << "whatever has become of the key";
}

}  // namespace
}  // namespace mptunnel
