#include "mptunnel/engine/link/repair_receiver.h"

#include <gtest/gtest.h>

#include "link_support.h"
#include "mptunnel/repair/repair_encoder.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kClientIndex;
using test::kEpochStart;
using test::kServerIndex;
using test::Packet;

/// The frames of packet `number`.
Packet frames_of(std::uint32_t number) {
  return test::frames_of("packet " + std::string(number % 7, '.') + std::to_string(number));
}

class RepairReceiverTest : public testing::Test {
 protected:
  RepairReceiverTest() {
    for (std::uint32_t number = 0; number < 200; ++number) encoder_.add(number, frames_of(number), now_);
  }

  static LinkEpoch make_link_epoch(SessionIndex index, Cipher cipher = Cipher::chacha20_poly1305) {
    return {test::make_epoch(index, kClientIndex, Role::server, cipher), 0, std::make_shared<PathTable>()};
  }
  std::optional<Drop> repair(LinkEpoch& epoch, std::uint32_t first, std::uint8_t count) {
    symbol_.resize(kMaxCodedBytes);
    symbol_.resize(encoder_.make(first, count, ++seed_, symbol_));
    return receiver_.on_repair(epoch, {PacketNumber{first}, count, seed_, symbol_}, now_);
  }
  std::optional<Drop> repair(std::uint32_t first, std::uint8_t count) { return repair(epoch_, first, count); }
  /// What the peer sealed came, as the received set would have it.
  void receive(LinkEpoch& epoch, std::uint32_t number) {
    ASSERT_TRUE(epoch.keys().recover_data(PacketNumber{number}, now_));
    receiver_.on_data(epoch, PacketNumber{number}, frames_of(number), now_);
  }
  std::vector<Packet> recovered(LinkEpoch& epoch) {
    std::vector<Packet> packets;
    for (const ConstBytes frames : receiver_.take_recovered(epoch, out_, now_))
      packets.emplace_back(frames.begin(), frames.end());
    return packets;
  }
  std::vector<Packet> recovered() { return recovered(epoch_); }
  /// The peer repairs, and nothing was missing.
  void begin() {
    ASSERT_FALSE(repair(0, 1));
    ASSERT_EQ(recovered().size(), 1U);
  }

  RepairBudget budget_;
  RepairReceiver receiver_{budget_};
  RepairEncoder encoder_;
  LinkEpoch epoch_ = make_link_epoch(kServerIndex);
  Output out_;
  Packet symbol_;
  std::uint16_t seed_ = 0;
  TimePoint now_ = kEpochStart;
};

TEST_F(RepairReceiverTest, KeepsNothingOfAPeerThatDoesNotRepair) {
  for (std::uint32_t number = 0; number < 100; ++number) receive(epoch_, number);
  EXPECT_FALSE(receiver_.is_on());
  EXPECT_EQ(budget_.bytes(), 0U);
  EXPECT_FALSE(receiver_.report(epoch_));
  EXPECT_TRUE(recovered().empty());
}

TEST_F(RepairReceiverTest, BringsWhatIsMissingOnceAndMarksItSeen) {
  begin();
  for (const std::uint32_t number : {1U, 2U, 4U}) receive(epoch_, number);
  EXPECT_FALSE(repair(1, 4));
  EXPECT_EQ(recovered(), std::vector<Packet>{frames_of(3)});
  EXPECT_FALSE(epoch_.keys().recover_data(PacketNumber{3}, now_)) << "it has been seen";
  EXPECT_FALSE(repair(1, 4));
  EXPECT_TRUE(recovered().empty());
  EXPECT_GT(budget_.bytes(), 0U);
}

TEST_F(RepairReceiverTest, AnArrivalMayCompleteWhatARepairBegan) {
  begin();
  receive(epoch_, 1);
  EXPECT_FALSE(repair(1, 3));
  EXPECT_TRUE(recovered().empty()) << "two are missing";
  receive(epoch_, 2);
  EXPECT_EQ(recovered(), std::vector<Packet>{frames_of(3)});
}

TEST_F(RepairReceiverTest, WhatCameBeforeTheDecoderWasThereIsNotDeliveredAgain) {
  for (std::uint32_t number = 0; number < 10; ++number) receive(epoch_, number);
  EXPECT_FALSE(repair(5, 1));
  EXPECT_TRUE(recovered().empty());
  EXPECT_EQ(epoch_.recovered_in(), 0U);
}

TEST_F(RepairReceiverTest, ReportsWhatItRecoveredAndInHowManyRuns) {
  begin();
  for (const std::uint32_t number : {1U, 2U, 4U, 7U, 9U}) receive(epoch_, number);
  // 3, 5, 6 and 8: with 0 four runs.
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(repair(1, 9));
  EXPECT_EQ(recovered().size(), 4U);
  auto report = receiver_.report(epoch_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->recovered, 5U);
  EXPECT_EQ(report->runs, 4U);
  EXPECT_EQ(report->useless, 0U);
  EXPECT_FALSE(repair(1, 9));
  EXPECT_EQ(receiver_.report(epoch_)->useless, 1U);
  // 4 was there all the time; had it been recovered too, 3 to 6 would be one run.
  EXPECT_TRUE(receiver_.is_recovered(epoch_, PacketNumber{5}));
  EXPECT_FALSE(receiver_.is_recovered(epoch_, PacketNumber{4}));
}

TEST_F(RepairReceiverTest, ACopyThatComesAfterAllMakesOneLess) {
  begin();
  for (const std::uint32_t number : {1U, 5U}) receive(epoch_, number);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(repair(1, 5));
  ASSERT_EQ(recovered().size(), 3U);
  ASSERT_EQ(receiver_.report(epoch_)->runs, 2U);
  // 2, 3, 4 less 3: one run more.
  receiver_.withdraw(epoch_, PacketNumber{3});
  EXPECT_FALSE(receiver_.is_recovered(epoch_, PacketNumber{3}));
  EXPECT_EQ(receiver_.report(epoch_)->recovered, 3U);
  EXPECT_EQ(receiver_.report(epoch_)->runs, 3U);
  receiver_.withdraw(epoch_, PacketNumber{2});
  receiver_.withdraw(epoch_, PacketNumber{4});
  EXPECT_EQ(receiver_.report(epoch_)->recovered, 1U);
  EXPECT_EQ(receiver_.report(epoch_)->runs, 1U);
}

TEST_F(RepairReceiverTest, KeysHaveDecodersOfTheirOwnAndTheOldestGoes) {
  std::vector<LinkEpoch> epochs;
  for (std::uint32_t i = 0; i <= kRepairedEpochs; ++i)
    epochs.push_back(make_link_epoch(SessionIndex{500 + i}));
  for (LinkEpoch& epoch : epochs) {
    receive(epoch, 1);
    EXPECT_FALSE(repair(epoch, 1, 2));
    // In the first, 1 came before the peer repaired.
    if (&epoch == &epochs.front()) {
      EXPECT_TRUE(recovered(epoch).empty());
    } else {
      EXPECT_EQ(recovered(epoch), std::vector<Packet>{frames_of(2)});
    }
  }
  EXPECT_FALSE(receiver_.report(epochs.front()));
  EXPECT_TRUE(receiver_.report(epochs[1]));
  EXPECT_FALSE(receiver_.is_recovered(epochs.front(), PacketNumber{1}));
}

TEST_F(RepairReceiverTest, ForgetsAllOnceThePeerRepairsNoMore) {
  begin();
  receive(epoch_, 1);
  now_ += kRepairForgottenAfter - 1ms;
  receiver_.expire(now_);
  EXPECT_TRUE(receiver_.is_on());
  now_ += 1ms;
  receiver_.expire(now_);
  EXPECT_FALSE(receiver_.is_on());
  EXPECT_EQ(budget_.bytes(), 0U);
}

/// As after the other end was replaced by an older one: it would drop what it does not know.
TEST_F(RepairReceiverTest, APeerThatDoesNotKnowReportsGetsNone) {
  begin();
  LinkEpoch old(
      test::make_epoch(SessionIndex{7}, kClientIndex, Role::server, Cipher::chacha20_poly1305,
                       kKnownFrames & ~frame_bit(FrameType::repair) & ~frame_bit(FrameType::repair_report)),
      1, std::make_shared<PathTable>());
  receive(old, 1);
  EXPECT_FALSE(receiver_.report(old));
  EXPECT_TRUE(receiver_.report(epoch_));
}

/// 1,024 numbers are remembered: beyond, runs may be miscounted, but never below none.
TEST_F(RepairReceiverTest, RunsAreNeverFewerThanNone) {
  begin();
  for (std::uint32_t number = 200; number < 1200; ++number) encoder_.add(number, frames_of(number), now_);
  for (const std::uint32_t number : {1000U, 1001U, 1002U}) {
    EXPECT_FALSE(repair(number, 1));
    EXPECT_EQ(recovered().size(), 1U);
  }
  for (std::uint32_t number = 1200; number < 2100; ++number) encoder_.add(number, frames_of(number), now_);
  EXPECT_FALSE(repair(1001 + 1024, 1));
  EXPECT_EQ(recovered().size(), 1U);
  for (const std::uint32_t number : {1000U, 1002U, 1001U + 1024}) {
    ASSERT_TRUE(receiver_.is_recovered(epoch_, PacketNumber{number}));
    receiver_.withdraw(epoch_, PacketNumber{number});
  }
  EXPECT_LE(receiver_.report(epoch_)->runs, 2U);
}

TEST_F(RepairReceiverTest, SaysWhatIsWrongWithARepair) {
  LinkEpoch clear = make_link_epoch(SessionIndex{7}, Cipher::none);
  EXPECT_EQ(repair(clear, 0, 1), Drop::unexpected_frame);
  EXPECT_FALSE(receiver_.is_on()) << "and keeps nothing";
  const Packet coded{0, 9, 1, 2, 3};
  EXPECT_EQ(receiver_.on_repair(epoch_, {PacketNumber{0}, 1, 0, coded}, now_), Drop::repair_contradiction);
  EXPECT_EQ(receiver_.on_repair(epoch_, {PacketNumber{0}, 0, 0, coded}, now_), Drop::bad_frame);
}

/// Whoever repairs a little and then sends much does not make more be kept than is accounted.
TEST_F(RepairReceiverTest, WhatOneKeepsYieldsToTheBudgetOfAll) {
  RepairBudget budget(400'000);
  RepairReceiver greedy(budget);
  RepairReceiver modest(budget);
  LinkEpoch other = make_link_epoch(SessionIndex{7});
  const Packet large(1400, 'x');
  symbol_.resize(kMaxCodedBytes);
  symbol_.resize(encoder_.make(0, 1, 1, symbol_));
  const RepairFrame first{PacketNumber{0}, 1, 1, symbol_};
  for (auto& [receiver, epoch] : {std::pair{&greedy, &epoch_}, std::pair{&modest, &other}}) {
    ASSERT_FALSE(receiver->on_repair(*epoch, first, now_));
    receiver->take_recovered(*epoch, out_, now_);
  }
  modest.on_data(other, PacketNumber{1}, frames_of(1), now_);
  modest.take_recovered(other, out_, now_);
  for (std::uint32_t number = 1; number < 3000; ++number) {
    greedy.on_data(epoch_, PacketNumber{number}, large, now_);
    greedy.take_recovered(epoch_, out_, now_);
    ASSERT_LE(budget.bytes(), 400'000U) << number;
  }
  EXPECT_GT(greedy.bytes(), modest.bytes());
  symbol_.resize(kMaxCodedBytes);
  symbol_.resize(encoder_.make(1, 2, 2, symbol_));
  EXPECT_FALSE(modest.on_repair(other, {PacketNumber{1}, 2, 2, symbol_}, now_));
  EXPECT_EQ(modest.take_recovered(other, out_, now_).size(), 1U) << "the modest one lost nothing";
}

}  // namespace
}  // namespace mptunnel
