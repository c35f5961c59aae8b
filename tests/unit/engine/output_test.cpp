#include "mptunnel/engine/output.h"

#include <gtest/gtest.h>

#include "some_values.h"

namespace mptunnel {
namespace {

using test::kEpoch;
using test::kSession;

/// Sends packets of these sizes, filled with their number; returns the runs as (count, stride, tail).
struct Shape {
  std::uint32_t count;
  std::size_t stride;
  std::size_t tail;
  friend bool operator==(const Shape&, const Shape&) = default;
};
void send(Output& out, std::size_t size, std::uint8_t fill, PathSet paths = PathSet::of(PathId{0})) {
  const Bytes packet = out.make_packet(size);
  std::fill(packet.begin(), packet.end(), fill);
  out.send(size, paths, kSession, kEpoch);
}
std::vector<Shape> shapes(const Output& out) {
  std::vector<Shape> result;
  for (const PacketRun& run : out.runs) result.push_back({run.count, run.stride, run.tail});
  return result;
}
std::vector<Shape> shapes_of(const std::vector<std::size_t>& sizes) {
  Output out;
  std::uint8_t fill = 0;
  for (const std::size_t size : sizes) send(out, size, fill++);
  return shapes(out);
}

TEST(Output, PacketsOfOneSizeShareARun) {
  EXPECT_EQ(shapes_of({100, 100, 100}), (std::vector<Shape>{{3, 100, 100}}));
}

TEST(Output, ShorterPacketEndsItsRun) {
  EXPECT_EQ(shapes_of({100, 100, 60}), (std::vector<Shape>{{3, 100, 60}}));
  EXPECT_EQ(shapes_of({100, 60, 60}), (std::vector<Shape>{{2, 100, 60}, {1, 60, 60}}));
  EXPECT_EQ(shapes_of({100, 60, 100}), (std::vector<Shape>{{2, 100, 60}, {1, 100, 100}}));
}

TEST(Output, LargerPacketStartsANewRun) {
  EXPECT_EQ(shapes_of({60, 100, 100}), (std::vector<Shape>{{1, 60, 60}, {2, 100, 100}}));
}

TEST(Output, RunHoldsAtMost64Packets) {
  EXPECT_EQ(shapes_of(std::vector<std::size_t>(130, 50)),
            (std::vector<Shape>{{64, 50, 50}, {64, 50, 50}, {2, 50, 50}}));
}

TEST(Output, RunHoldsAtMost65000Bytes) {
  EXPECT_EQ(shapes_of(std::vector<std::size_t>(14, 5000)),
            (std::vector<Shape>{{13, 5000, 5000}, {1, 5000, 5000}}));
  EXPECT_EQ(shapes_of({5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 4988}),
            (std::vector<Shape>{{13, 5001, 4988}}));
  EXPECT_EQ(shapes_of({5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 5001, 4989}),
            (std::vector<Shape>{{12, 5001, 5001}, {1, 4989, 4989}}));
}

TEST(Output, OnePacketMayBeLargerThanThat) {
  EXPECT_EQ(shapes_of({65507, 65507}), (std::vector<Shape>{{1, 65507, 65507}, {1, 65507, 65507}}));
}

TEST(Output, RunsAreOfOneWayOnly) {
  Output out;
  send(out, 10, 0, PathSet::first(1));
  send(out, 10, 1, PathSet::first(2));
  out.make_packet(10);
  out.send(10, PathSet::first(2), SessionHandle{2}, kEpoch);
  out.make_packet(10);
  out.send(10, PathSet::first(2), SessionHandle{2}, SessionIndex{78});
  out.make_packet(10);
  out.send(10, PathSet::first(2), SessionHandle{2}, SessionIndex{78}, {0, Ecn::ect0});
  ASSERT_EQ(out.runs.size(), 5U);
  EXPECT_EQ(out.runs[1].paths, PathSet::first(2));
  EXPECT_EQ(out.runs[2].session, SessionHandle{2});
  EXPECT_EQ(out.runs[3].epoch, SessionIndex{78});
  EXPECT_EQ(out.runs[4].marks.ecn, Ecn::ect0);
}

TEST(Output, WhereADscpVanishesEcnStays) {
  PacketRun run;
  run.paths = PathSet::first(2);
  run.marks = {46, Ecn::ect0};
  run.unmarked = PathSet::of(PathId{1});
  EXPECT_EQ(run.marks_on(PathId{0}), (Marks{46, Ecn::ect0}));
  EXPECT_EQ(run.marks_on(PathId{1}), (Marks{0, Ecn::ect0}));
}

TEST(Output, RunsPointAtTheirOwnBytes) {
  Output out;
  for (std::uint8_t i = 0; i < 200; ++i) send(out, i % 7 == 0 ? 30 : 40, i);
  std::uint8_t next = 0;
  for (const PacketRun& run : out.runs) {
    ConstBytes rest = out.bytes_of(run);
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const std::size_t size = i + 1 == run.count ? run.tail : run.stride;
      for (const std::uint8_t byte : rest.first(size)) ASSERT_EQ(byte, next);
      rest = rest.subspan(size);
      ++next;
    }
    EXPECT_TRUE(rest.empty());
  }
  EXPECT_EQ(next, 200);
}

TEST(Output, PacketForNoPathIsDiscarded) {
  Output out;
  send(out, 10, 1);
  send(out, 10, 2, PathSet{});
  EXPECT_EQ(out.arena.size(), 10U);
  send(out, 10, 3);
  ASSERT_EQ(shapes(out), (std::vector<Shape>{{2, 10, 10}}));
  EXPECT_EQ(out.bytes_of(out.runs[0])[10], 3);
}

TEST(Output, DiscardedPacketLeavesTheOthers) {
  Output out;
  send(out, 10, 1);
  out.make_packet(99);
  out.discard_packet(99);
  EXPECT_EQ(out.arena.size(), 10U);
  EXPECT_EQ(out.runs.size(), 1U);
}

TEST(Output, DirectPacketBetweenTwoDoesNotEndUpInTheirRun) {
  Output out;
  send(out, 10, 1);
  const Bytes direct = out.make_packet(10);
  std::fill(direct.begin(), direct.end(), std::uint8_t{9});
  out.send_direct(10, Route{});
  send(out, 10, 2);
  ASSERT_EQ(out.runs.size(), 2U);
  ASSERT_EQ(out.direct.size(), 1U);
  EXPECT_EQ(out.bytes_of(out.runs[0])[0], 1);
  EXPECT_EQ(out.bytes_of(out.direct[0])[0], 9);
  EXPECT_EQ(out.bytes_of(out.runs[1])[0], 2);
}

TEST(Output, DeliveriesOfOneFlowInARowShareOne) {
  Output out;
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  out.deliver(FlowHandle{1}, bytes);
  out.deliver(FlowHandle{1}, {});
  out.deliver(FlowHandle{2}, bytes);
  out.deliver(FlowHandle{1}, bytes);
  ASSERT_EQ(out.deliveries.size(), 3U);
  EXPECT_EQ(out.deliveries[0].count, 2U);
  EXPECT_EQ(out.deliveries[1].first, 2U);
  EXPECT_EQ(out.deliveries[2].flow, FlowHandle{1});
  ASSERT_EQ(out.pieces.size(), 4U);
  EXPECT_TRUE(out.pieces[1].empty());
}

TEST(Output, GroupingMakesOneDeliveryForEachFlowInOrder) {
  Output out;
  std::array<std::uint8_t, 12> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i);
    out.deliver(FlowHandle{static_cast<std::uint32_t>(3 - i % 3)}, ConstBytes(bytes).subspan(i, 1));
  }
  out.deliver(FlowHandle{2}, {});
  out.group_deliveries();
  ASSERT_EQ(out.deliveries.size(), 3U);
  ASSERT_EQ(out.pieces.size(), 13U);
  const std::vector<std::vector<int>> expected{{2, 5, 8, 11}, {1, 4, 7, 10, -1}, {0, 3, 6, 9}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(out.deliveries[i].flow.value, i + 1);
    std::vector<int> got;
    for (const ConstBytes piece : out.pieces_of(out.deliveries[i]))
      got.push_back(piece.empty() ? -1 : piece[0]);
    EXPECT_EQ(got, expected[i]) << i;
  }
}

TEST(Output, GroupingLeavesOneFlowAsItIs) {
  Output out;
  out.group_deliveries();
  EXPECT_TRUE(out.deliveries.empty());
  out.deliver(FlowHandle{7}, {});
  out.deliver(FlowHandle{7}, {});
  out.group_deliveries();
  ASSERT_EQ(out.deliveries.size(), 1U);
  EXPECT_EQ(out.pieces_of(out.deliveries[0]).size(), 2U);
}

TEST(Output, ClearEmptiesAll) {
  Output out;
  EXPECT_TRUE(out.empty());
  send(out, 10, 1);
  out.make_packet(5);
  out.send_direct(5, Route{});
  out.deliver(FlowHandle{1}, {});
  out.flow_changes.push_back({});
  out.events.push_back({});
  EXPECT_FALSE(out.empty());
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(out.arena.empty() && out.pieces.empty());
}

TEST(Output, EachKindOfWorkMakesItNotEmpty) {
  Output out;
  out.deliver(FlowHandle{1}, {});
  EXPECT_FALSE(out.empty());
  out.clear();
  out.events.push_back({});
  EXPECT_FALSE(out.empty());
  out.clear();
  out.flow_changes.push_back({});
  EXPECT_FALSE(out.empty());
  out.clear();
  out.make_packet(5);
  out.send_direct(5, Route{});
  EXPECT_FALSE(out.empty());
}

}  // namespace
}  // namespace mptunnel
