// Sender: what is too large for a path travels in fragments.

#include <gtest/gtest.h>

#include "mptunnel/engine/link/sender.h"
#include "sender_support.h"

namespace mptunnel {
namespace {

using test::assemble;
using test::kDataBytes;
using test::kEpochStart;
using test::kOpenFlow;
using test::kSession;
using test::Packet;
using test::packets_to;
using test::SenderSide;
using test::views_of;

constexpr std::size_t kSmallestMtu = kLeastMtu;
constexpr std::uint8_t kDscp = 46;

/// Sends a datagram whose packet has `size` bytes; returns the packet, which is the last one in the arena.
Packet send_packet(SenderSide& side, std::size_t size, const PathViews& paths, std::uint8_t dscp = kDscp) {
  const std::size_t overhead = side.keys().data_overhead() + datagram_prefix_bytes(*kOpenFlow.id);
  Packet payload(size - overhead);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i * 7 + size);
  side.sender->send(kOpenFlow, payload, {dscp, Ecn::ect0}, paths, side.out, kEpochStart);
  const ConstBytes packet = ConstBytes(side.out.arena).last(size);
  return {packet.begin(), packet.end()};
}
/// Two paths that carry this much.
PathViews narrow(std::size_t mtu) {
  return views_of({{0, mtu}, {2, mtu}});
}

void expect_same_bytes(std::size_t size, std::size_t mtu) {
  SenderSide side;
  const Packet sealed = send_packet(side, size, narrow(mtu));
  side.sender->finish({}, side.out, kEpochStart);
  const auto packets = packets_to(side.out, PathId{2});
  EXPECT_EQ(packets_to(side.out, PathId{0}), packets);
  for (const Packet& packet : packets) EXPECT_LE(packet.size(), mtu);
  if (size <= mtu) {
    EXPECT_EQ(packets, std::vector<Packet>{sealed}) << size << " by " << mtu;
    return;
  }
  const std::size_t room = mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
  EXPECT_EQ(packets.size(), (size - kHeaderBytes + room - 1) / room) << "as few as can be";
  const auto whole = assemble(*side.far, packets);
  ASSERT_TRUE(whole) << size << " by " << mtu;
  // Its header is the far end's name for the key, as it is in what was sealed.
  EXPECT_EQ(*whole, sealed) << size << " by " << mtu;
}

TEST(SenderFragments, FarEndHasTheSameBytesForEachSizeAndMtu) {
  // The largest datagram: FLOW_OPEN in front of it would make the packet larger, but no path takes that whole
  // either.
  constexpr std::size_t kLargest = kMaxPacketBytes + kDataBytes;
  static_assert(kLargest <= kMaxSealedBytes);
  test::TestRandom random(9);
  for (const std::size_t mtu : {kSmallestMtu, std::size_t{900}, kBaseMtu, std::size_t{1252},
                                std::size_t{1372}, std::size_t{1472}, std::size_t{8972}, kMaxPacketBytes}) {
    const std::size_t room = mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
    std::vector<std::size_t> sizes{kDataBytes, kDataBytes + 1, mtu, mtu + 1, kLargest - 1, kLargest};
    for (const std::size_t parts : {1U, 2U, 3U, 7U}) {
      for (std::size_t beside = 0; beside < 4; ++beside)
        sizes.push_back(kHeaderBytes + parts * room - 2 + beside);
    }
    for (int i = 0; i < 40; ++i) sizes.push_back(kDataBytes + random.below(kLargest - kDataBytes));
    for (const std::size_t size : sizes) {
      if (size <= kLargest) expect_same_bytes(size, mtu);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(SenderFragments, EachSizeInASweepOverOneMtu) {
  for (std::size_t size = kDataBytes; size <= 4000; ++size) {
    expect_same_bytes(size, kSmallestMtu);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SenderFragments, AreAboutEquallyLargeAndShareRuns) {
  SenderSide side;
  send_packet(side, 1480, narrow(1472));
  EXPECT_TRUE(side.out.runs.empty()) << "no path carries it whole";
  side.sender->finish({}, side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 1U);
  const PacketRun& run = side.out.runs[0];
  EXPECT_EQ(run.count, 2U);
  EXPECT_EQ(run.stride, run.tail) << "no sliver behind a full one";
  EXPECT_EQ(run.paths, PathSet::of(PathId{0}, PathId{2}));
  EXPECT_EQ(run.marks.dscp, kDscp);
  EXPECT_EQ(run.session, kSession);
  EXPECT_EQ(run.epoch, side.keys().local_index());
}

TEST(SenderFragments, OfTwoPacketsLieWhereTheirRunsSay) {
  SenderSide side;
  const Packet first = send_packet(side, 3000, narrow(1200));
  const Packet second = send_packet(side, 2000, narrow(1200));
  side.sender->finish({}, side.out, kEpochStart);
  const auto packets = packets_to(side.out, PathId{0});
  ASSERT_EQ(packets.size(), 5U);
  const auto split = packets.begin() + 3;
  EXPECT_EQ(assemble(*side.far, {packets.begin(), split}), first);
  EXPECT_EQ(assemble(*side.far, {split, packets.end()}), second);
}

TEST(SenderFragments, ControlPacketsAndClearOnesTravelTheSameWay) {
  SenderSide side(Cipher::none);
  const Packet clear = send_packet(side, 3000, narrow(1200));
  ASSERT_EQ(decode_header(clear)->type, PacketType::data);
  side.sender->finish({}, side.out, kEpochStart);
  EXPECT_EQ(assemble(*side.far, packets_to(side.out, PathId{0})), clear);

  side.out.clear();
  const OutgoingFlow opening{FlowHandle{1}, FlowId{5}, 77};
  side.sender->send(opening, Packet(3000), {}, narrow(1200), side.out, kEpochStart);
  const Packet control(side.out.arena.begin(), side.out.arena.end());
  ASSERT_EQ(decode_header(control)->type, PacketType::control) << "no clear packet opens a flow";
  side.sender->finish({}, side.out, kEpochStart);
  EXPECT_EQ(assemble(*side.far, packets_to(side.out, PathId{0})), control);
}

TEST(SenderFragments, ToAPeerThatKnowsNoneAreDropped) {
  SenderSide side(Cipher::aes_256_gcm, kKnownFrames & ~frame_bit(FrameType::fragment));
  send_packet(side, 3000, narrow(1200));
  side.sender->finish({}, side.out, kEpochStart);
  EXPECT_EQ(side.drops(Drop::unknown_frame), 1U);
  EXPECT_TRUE(side.out.runs.empty());
}

TEST(SenderFragments, UnderASpentKeyAreDroppedAndLeaveNothing) {
  SenderSide side;
  send_packet(side, 3000, narrow(1200));
  const std::size_t before = side.out.arena.size();
  side.sender->finish({}, side.out, kEpochStart + kRejectAfter);
  EXPECT_EQ(side.drops(Drop::key_expired), 1U);
  EXPECT_EQ(side.out.arena.size(), before);
  EXPECT_TRUE(side.out.runs.empty());
}

TEST(SenderFragments, GoToThePathsThatAreTooSmallAndFitTheSmallestOfThem) {
  const PathViews paths = views_of({{0, 1472}, {1, 1372}, {2, 1252}, {3, 1460}});
  for (const bool all : {false, true}) {
    const PathSet chosen = all ? PathSet::first(4) : PathSet::first(4) - PathSet::of(PathId{2});
    SenderSide side([&](const auto&, const auto&, TimePoint) { return Decision{chosen, {}}; });
    // Something lies in front of it.
    send_packet(side, 100, paths);
    const Packet sealed = send_packet(side, 1460, paths, 7);
    side.sender->finish({}, side.out, kEpochStart);
    const PathSet small = all ? PathSet::of(PathId{1}, PathId{2}) : PathSet::of(PathId{1});
    ASSERT_EQ(side.out.runs.size(), 3U);
    EXPECT_EQ(side.out.runs[1].paths, chosen - small) << "path 3 is just large enough";
    EXPECT_EQ(test::packets_of(side.out, side.out.runs[1]), std::vector<Packet>{sealed});
    const PacketRun& fragments = side.out.runs[2];
    EXPECT_EQ(fragments.paths, small);
    EXPECT_EQ(fragments.marks, (Marks{7, Ecn::ect0}));
    EXPECT_LE(fragments.stride, all ? 1252U : 1372U);
    EXPECT_EQ(assemble(*side.far, test::packets_of(side.out, fragments)), sealed);
  }
}

TEST(SenderFragments, AreMadeForTheSmallestPathOfThoseThatNeedThem) {
  // 2,500 bytes: three parts for 1,252, two for 1,372 and more.
  SenderSide two([](const auto&, const auto&, TimePoint) { return Decision{PathSet::of(PathId{1}), {}}; });
  SenderSide three;
  const PathViews paths = views_of({{1, 1372}, {2, 1252}});
  for (SenderSide* side : {&two, &three}) {
    send_packet(*side, 2500, paths);
    side->sender->finish({}, side->out, kEpochStart);
  }
  EXPECT_EQ(packets_to(two.out, PathId{1}).size(), 2U);
  EXPECT_TRUE(packets_to(two.out, PathId{2}).empty());
  EXPECT_EQ(packets_to(three.out, PathId{1}).size(), 3U);
  EXPECT_EQ(packets_to(three.out, PathId{1}), packets_to(three.out, PathId{2}));
}

TEST(SenderFragments, ComeBehindTheWholePacketsThatStayInOneRun) {
  SenderSide side;
  const PathViews paths = views_of({{0, 1472}, {1, 1252}});
  for (int i = 0; i < 10; ++i) send_packet(side, 1400, paths);
  side.sender->finish({}, side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 2U);
  EXPECT_EQ(side.out.runs[0].count, 10U);
  EXPECT_EQ(side.out.runs[0].paths, PathSet::of(PathId{0}));
  EXPECT_EQ(side.out.runs[1].count, 20U);
  EXPECT_EQ(side.out.runs[1].paths, PathSet::of(PathId{1}));
}

TEST(SenderFragments, FitTheBaseAndGoBesideTheWholePacketWhereNoPathIsCertainToCarryIt) {
  SenderSide side;
  const PathViews paths = views_of({{0, 1472, true}, {1, 1372, true}});
  const Packet sealed = send_packet(side, 1460, paths);
  side.sender->finish({}, side.out, kEpochStart);
  ASSERT_EQ(side.out.runs.size(), 2U);
  EXPECT_EQ(side.out.runs[0].paths, PathSet::of(PathId{0}));
  EXPECT_EQ(test::packets_of(side.out, side.out.runs[0]), std::vector<Packet>{sealed});
  EXPECT_EQ(side.out.runs[1].paths, paths.paths());
  EXPECT_LE(side.out.runs[1].stride, kBaseMtu);
  EXPECT_EQ(assemble(*side.far, packets_to(side.out, PathId{1})), sealed);
}

TEST(SenderFragments, OfADoubtedPathAreNotMadeWhereTheyAreOfNoUse) {
  // Another path is certain to carry it; it is no larger than the base; the peer knows none.
  SenderSide certain;
  send_packet(certain, 1460, views_of({{0, 1472, true}, {1, 1460}}));
  SenderSide small;
  send_packet(small, kBaseMtu, views_of({{0, 1472, true}}));
  SenderSide old(Cipher::aes_256_gcm, kKnownFrames & ~frame_bit(FrameType::fragment));
  send_packet(old, 1460, views_of({{0, 1472, true}}));
  for (SenderSide* side : {&certain, &small, &old}) {
    side->sender->finish({}, side->out, kEpochStart);
    ASSERT_EQ(side->out.runs.size(), 1U);
    EXPECT_EQ(side->out.runs[0].count, 1U);
    EXPECT_EQ(side->drops(Drop::unknown_frame), 0U);
  }
}

TEST(SenderFragments, OfADoubtedPathAreNoReasonToAdviseSmallerDatagrams) {
  SenderSide side;
  for (int i = 0; i < 1000; ++i) send_packet(side, 1460, views_of({{0, 1472, true}}));
  side.sender->finish({}, side.out, kEpochStart);
  EXPECT_EQ(side.sender->watch().fragmented(), 0U);
}

TEST(SenderFragments, OfAPathWithADelayLeaveThatMuchAfterTheWholePacket) {
  for (const bool is_large_path_delayed : {false, true}) {
    SenderSide side;
    const PathId delayed{static_cast<std::uint8_t>(is_large_path_delayed ? 0 : 1)};
    side.sender->set_delay(delayed, std::chrono::milliseconds(100));
    const Packet sealed = send_packet(side, 1460, views_of({{0, 1472}, {1, 1252}}));
    side.sender->finish({}, side.out, kEpochStart);
    ASSERT_EQ(side.out.runs.size(), 1U);
    EXPECT_FALSE(side.out.runs[0].paths.contains(delayed));
    if (is_large_path_delayed) {
      EXPECT_EQ(assemble(*side.far, packets_to(side.out, PathId{1})), sealed);
    }
    side.out.clear();
    side.sender->release_delayed(PathSet::all(), side.out, kEpochStart + std::chrono::milliseconds(99));
    EXPECT_TRUE(side.out.runs.empty());
    side.sender->release_delayed(PathSet::all(), side.out, kEpochStart + std::chrono::milliseconds(100));
    const auto late = packets_to(side.out, delayed);
    EXPECT_EQ(late.size(), is_large_path_delayed ? 1U : 2U);
    if (!is_large_path_delayed) {
      EXPECT_EQ(assemble(*side.far, late), sealed);
    }
  }
}

TEST(SenderFragments, FinishNamesThePathsThatAPacketLargerThanTheBaseWentTo) {
  SenderSide side;
  const PathViews paths = views_of({{0, 1472}});
  send_packet(side, kBaseMtu, paths);
  EXPECT_TRUE(side.sender->finish({}, side.out, kEpochStart).empty());
  send_packet(side, kBaseMtu + 1, paths);
  send_packet(side, 100, paths);
  EXPECT_EQ(side.sender->finish({}, side.out, kEpochStart), PathSet::of(PathId{0}));
  EXPECT_TRUE(side.sender->finish({}, side.out, kEpochStart).empty()) << "said once";
}

}  // namespace
}  // namespace mptunnel
