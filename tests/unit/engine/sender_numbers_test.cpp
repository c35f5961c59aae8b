// Sender: which datagrams carry numbers in their flows.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sender_support.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::kDataBytes;
using test::kEpochStart;
using test::kMost;
using test::kOpenFlow;
using test::Packet;
using test::packets_to;
using test::SenderSide;
using test::views_of;

using Number = std::optional<std::uint16_t>;
using Numbers = std::vector<Number>;
using Mode = OrderSettings::Mode;

const PathViews kOne = views_of({{0, 1472}});

/// Enough to make its flow dense at once.
std::string large() {
  std::string payload(1300, 'x');
  return payload;
}
Number number_in(ConstBytes frames) {
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (const auto* datagram = std::get_if<DatagramFrame>(&*frame)) return datagram->number;
  }
  ADD_FAILURE() << "no datagram";
  return std::nullopt;
}
/// Of all packets that left.
Numbers numbers_of(SenderSide& side) {
  Numbers numbers;
  for (const Packet& packet : packets_to(side.out, PathId{0})) {
    const auto frames = test::open(*side.far, packet);
    EXPECT_TRUE(frames);
    if (frames) numbers.push_back(number_in(*frames));
  }
  side.out.clear();
  return numbers;
}
Numbers numbers_of_three(SenderSide& side) {
  for (int i = 0; i < 3; ++i) side.send(kOne, large());
  return numbers_of(side);
}

const Numbers kThree{0, 1, 2};
const Numbers kNone{std::nullopt, std::nullopt, std::nullopt};

TEST(SenderNumbers, AreThereAlwaysIfItIsSaid) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  EXPECT_EQ(numbers_of_three(side), kThree);
  side.send(kOne, large());
  EXPECT_EQ(packets_to(side.out, PathId{0}).at(0).size(), kDataBytes + kNumberBytes + large().size());
}

TEST(SenderNumbers, AreNotThereUnlessItIsSaid) {
  SenderSide side;
  EXPECT_EQ(numbers_of_three(side), kNone);
  side.send(kOne, large());
  EXPECT_EQ(packets_to(side.out, PathId{0}).at(0).size(), kDataBytes + large().size());
}

TEST(SenderNumbers, AreForPeersThatKnowThem) {
  SenderSide side(Cipher::chacha20_poly1305, kKnownFrames & ~frame_bit(FrameType::numbered));
  side.context.order = {Mode::always, kMost};
  EXPECT_EQ(numbers_of_three(side), kNone);
}

TEST(SenderNumbers, AreNotThereInTheClear) {
  SenderSide side(Cipher::none);
  side.context.order = {Mode::always, kMost};
  EXPECT_EQ(numbers_of_three(side), kNone);
  const OutgoingFlow opening{FlowHandle{1}, FlowId{5}, 7};
  side.send(kOne, large(), opening);
  EXPECT_EQ(numbers_of(side), Numbers{std::nullopt}) << "nor in the sealed packet that opens the flow";
}

TEST(SenderNumbers, AutomaticMeansWhileSomethingIsRepaired) {
  SenderSide plain;
  plain.context.order = {Mode::automatic, kMost};
  EXPECT_EQ(numbers_of_three(plain), kNone) << "nothing is ever repaired";

  SenderSide side;
  side.context.order = {Mode::automatic, kMost};
  side.context.repair = RepairSettings{};
  side.context.repair->fixed = 0.1;
  side.sender = std::make_unique<Sender>(test::kSession, side.link, side.context);
  EXPECT_EQ(numbers_of_three(side), kNone) << "nothing is repaired yet";
  LinkEpoch& epoch = *side.link.current();
  side.sender->repair().on_report(epoch, RepairReportFrame{epoch.keys().data_sealed(), 0, 0, 0, 0},
                                  {PathSet::of(PathId{0}), {}, *epoch.paths()}, kEpochStart + 1s);
  ASSERT_TRUE(side.sender->repair().is_on());
  EXPECT_EQ(numbers_of_three(side), kThree);

  // A key that nothing is repaired under ends it.
  const LinkEpoch other{test::make_epoch(test::kClientIndex, test::kServerIndex, Role::client,
                                         Cipher::chacha20_poly1305, frame_bit(FrameType::numbered)),
                        1, std::make_shared<PathTable>()};
  side.sender->repair().on_report(other, RepairReportFrame{}, {PathSet::of(PathId{0}), {}, *other.paths()},
                                  kEpochStart + 2s);
  ASSERT_FALSE(side.sender->repair().is_on());
  EXPECT_EQ(numbers_of_three(side), kNone);
}

TEST(SenderNumbers, SparseFlowsHaveNone) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  for (int i = 0; i < 50; ++i) {
    side.send(kOne, "voice", kOpenFlow, kEpochStart + i * 20ms);
    EXPECT_EQ(numbers_of(side), Numbers{std::nullopt});
  }
}

TEST(SenderNumbers, AreThoseOfTheFlow) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  const OutgoingFlow other{FlowHandle{2}, FlowId{6}, std::nullopt};
  for (std::uint16_t i = 0; i < 3; ++i) {
    side.send(kOne, large());
    side.send(kOne, large(), other);
    EXPECT_EQ(numbers_of(side), (Numbers{i, i}));
  }
}

TEST(SenderNumbers, StandBehindFlowOpen) {
  for (const FlowId id : {FlowId{5}, FlowId{64}, FlowId{kMaxFlowId}}) {
    SenderSide side;
    side.context.order = {Mode::always, kMost};
    side.send(kOne, large(), {FlowHandle{1}, id, 0x0102030405060708});
    const std::vector<Packet> packets = packets_to(side.out, PathId{0});
    ASSERT_EQ(packets.size(), 1U);
    const auto frames = test::open(*side.far, packets[0]);
    ASSERT_TRUE(frames);
    FrameReader reader(*frames);
    const auto first = reader.next();
    ASSERT_TRUE(first && std::holds_alternative<FlowOpenFrame>(*first));
    EXPECT_EQ(std::get<FlowOpenFrame>(*first).flow, id);
    const auto second = reader.next();
    ASSERT_TRUE(second && std::holds_alternative<DatagramFrame>(*second));
    EXPECT_EQ(std::get<DatagramFrame>(*second).flow, id);
    EXPECT_EQ(std::get<DatagramFrame>(*second).number, Number{0});
    EXPECT_EQ(std::get<DatagramFrame>(*second).payload.size(), large().size());
  }
}

TEST(SenderNumbers, OfWhatWaitedFollowTheOrderOfLeaving) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  OutgoingFlow unknown = kOpenFlow;
  unknown.id = std::nullopt;
  for (int i = 0; i < 2; ++i) side.send(kOne, large(), unknown);
  EXPECT_TRUE(numbers_of(side).empty());
  side.sender->flush(
      kOne, [](FlowHandle) { return std::optional(kOpenFlow); }, side.out, kEpochStart);
  side.send(kOne, large());
  EXPECT_EQ(numbers_of(side), kThree);
}

TEST(SenderNumbers, WhatIsTooLargeToLeaveTakesNone) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  side.send(kOne, std::string(kMaxPacketBytes + 1, 'x'));
  EXPECT_EQ(side.drops(Drop::too_large), 1U);
  EXPECT_EQ(numbers_of_three(side), kThree) << "no gap";
}

TEST(SenderNumbers, AreInFragments) {
  SenderSide side;
  side.context.order = {Mode::always, kMost};
  side.send(kOne, std::string(3000, 'x'));
  side.sender->finish(kOne, side.out, kEpochStart);
  const std::vector<Packet> fragments = packets_to(side.out, PathId{0});
  ASSERT_GT(fragments.size(), 1U);
  const auto whole = test::assemble(*side.far, fragments);
  ASSERT_TRUE(whole);
  const auto frames = test::open(*side.far, *whole);
  ASSERT_TRUE(frames);
  EXPECT_EQ(number_in(*frames), Number{0});
}

TEST(SenderNumbers, TakeTheirBytesOffTheLargestPayload) {
  SenderSide side;
  const std::size_t without = *side.sender->largest_whole(kOne);
  EXPECT_EQ(without, 1472 - kDataBytes);
  for (const Mode mode : {Mode::always, Mode::automatic}) {
    side.context.order = {mode, kMost};
    EXPECT_EQ(side.sender->largest_whole(kOne), without - kNumberBytes);
  }
  side.context.order = {Mode::always, kMost};
  side.send(kOne, std::string(without - kNumberBytes, 'x'));
  EXPECT_EQ(packets_to(side.out, PathId{0}).at(0).size(), 1472U) << "it fits exactly";

  SenderSide old(Cipher::chacha20_poly1305, kKnownFrames & ~frame_bit(FrameType::numbered));
  old.context.order = {Mode::always, kMost};
  EXPECT_EQ(old.sender->largest_whole(kOne), without);
  SenderSide clear(Cipher::none);
  const std::size_t in_the_clear = *clear.sender->largest_whole(kOne);
  clear.context.order = {Mode::always, kMost};
  EXPECT_EQ(clear.sender->largest_whole(kOne), in_the_clear);
}

}  // namespace
}  // namespace mptunnel
