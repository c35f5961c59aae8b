// ReorderBuffer: one case at a time. Against an oracle: reorder_buffer_oracle_test.cpp.
#include "mptunnel/engine/link/reorder_buffer.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "mptunnel/wire/order_limits.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::kMost;

constexpr FlowHandle kFlow{1};
constexpr FlowHandle kOther{2};

class ReorderBufferTest : public testing::Test {
 protected:
  explicit ReorderBufferTest(OrderSettings::Mode mode = OrderSettings::Mode::always,
                             std::size_t budget = kHeldBytesOfAll)
      : budget_(budget), buffer_({mode, kMost}, budget_) {}

  void come(int number, FlowHandle flow = kFlow, bool is_recovered = false) {
    const std::string& text = texts_.emplace_back(std::to_string(number) + ' ');
    buffer_.on_datagram({flow, static_cast<std::uint16_t>(number), bytes_of(text), is_recovered}, out_, now_);
  }
  void come_all(int first, int last, FlowHandle flow = kFlow) {
    for (int number = first; number <= last; ++number) come(number, flow);
  }
  /// The same of so many bytes.
  void come_large(int number, std::size_t bytes, FlowHandle flow = kFlow) {
    std::string& text = texts_.emplace_back(std::to_string(number) + ' ');
    text.resize(std::max(text.size(), bytes), '.');
    buffer_.on_datagram({flow, static_cast<std::uint16_t>(number), bytes_of(text), false}, out_, now_);
  }
  /// What was delivered to the flow since the last call, in its order.
  std::string delivered(FlowHandle flow = kFlow) {
    std::string all;
    for (const Delivery& delivery : out_.deliveries) {
      EXPECT_TRUE(delivery.flow == kFlow || delivery.flow == kOther || delivery.flow.value >= 100);
      if (delivery.flow != flow) continue;
      for (const ConstBytes piece : out_.pieces_of(delivery)) {
        const std::string text(piece.begin(), piece.end());
        all += text.substr(0, text.find(' ') + 1);
      }
    }
    if (flow == kFlow) out_.clear();
    return all;
  }
  /// Lets time pass, and what waits for it leave.
  void advance(Duration span) {
    for (const TimePoint end = now_ + span; now_ < end;) {
      now_ = std::min(end, std::max(now_, buffer_.deadline()));
      buffer_.release_due(out_, now_);
      EXPECT_GT(buffer_.deadline(), now_);
    }
  }
  [[nodiscard]] const OrderCounts& counts() const { return buffer_.counts(); }
  /// It learns that what is missing comes so late.
  void teach(Duration after, FlowHandle flow = kOther) {
    for (int i = 0; i < 200; ++i) {
      come(2 * i, flow);
      come(2 * i + 2, flow);
      advance(after);
      come(2 * i + 1, flow);
    }
    buffer_.close(flow, out_);
    advance(kMost);
    out_.clear();
  }

  OrderBudget budget_;
  ReorderBuffer buffer_;
  Output out_;
  TimePoint now_{100s};
  std::deque<std::string> texts_;
};

class UnorderedBuffer : public ReorderBufferTest {
 protected:
  UnorderedBuffer() : ReorderBufferTest(OrderSettings::Mode::none) {}
};
class SmallReorderBuffer : public ReorderBufferTest {
 protected:
  SmallReorderBuffer() : ReorderBufferTest(OrderSettings::Mode::always, 1000) {}
};

TEST_F(ReorderBufferTest, WhatComesInOrderPassesAtOnce) {
  come_all(7, 300);
  std::string wanted;
  for (int i = 7; i <= 300; ++i) wanted += std::to_string(i) + ' ';
  EXPECT_EQ(delivered(), wanted);
  EXPECT_EQ(counts().held, 0U);
  EXPECT_EQ(buffer_.deadline(), kNever);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

TEST_F(ReorderBufferTest, AGapIsFilledAndAllBehindItLeaveInOrder) {
  come_all(7, 9);
  come(12);
  come(11);
  come(13);
  EXPECT_EQ(delivered(), "7 8 9 ");
  EXPECT_GT(buffer_.bytes(), 0U);
  EXPECT_EQ(budget_.bytes(), buffer_.bytes());
  EXPECT_EQ(buffer_.deadline(), now_ + kMost);
  advance(3ms);
  EXPECT_EQ(delivered(), "");
  come(10);
  EXPECT_EQ(delivered(), "10 11 12 13 ");
  EXPECT_EQ(counts().filled, 2U) << "11 was missing as well, for a moment";
  EXPECT_EQ(counts().held, 3U);
  EXPECT_EQ(buffer_.bytes(), 0U);
  EXPECT_EQ(budget_.bytes(), 0U);
  come(14);
  EXPECT_EQ(delivered(), "14 ");
}

TEST_F(ReorderBufferTest, WhatIsHeldIsACopy) {
  std::string text = "1 mine";
  come(0);
  buffer_.on_datagram({kFlow, 2, bytes_of(text), false}, out_, now_);
  text = "3 yours";
  come(1);
  ASSERT_EQ(out_.pieces.size(), 3U);
  EXPECT_EQ(std::string(out_.pieces[2].begin(), out_.pieces[2].end()), "1 mine");
}

TEST_F(ReorderBufferTest, WhatRepairBroughtIsCountedApart) {
  come(0);
  come(2);
  come(1, kFlow, true);
  EXPECT_EQ(delivered(), "0 1 2 ");
  EXPECT_EQ(counts().repaired, 1U);
  EXPECT_EQ(counts().filled, 0U);
}

TEST_F(ReorderBufferTest, OneOfTwoGapsFilledLetsAllUpToTheOtherLeave) {
  come(0);
  come(2);
  come(3);
  come(5);
  come(1);
  EXPECT_EQ(delivered(), "0 1 2 3 ");
  come(4);
  EXPECT_EQ(delivered(), "4 5 ");
}

TEST_F(ReorderBufferTest, TheLaterOfTwoGapsFilledWaitsForTheEarlier) {
  come(0);
  come(2);
  come(4);
  come(3);
  EXPECT_EQ(delivered(), "0 ");
  come(1);
  EXPECT_EQ(delivered(), "1 2 3 4 ");
}

TEST_F(ReorderBufferTest, WhatDoesNotComeIsWaitedForUntilTheDeadline) {
  come(0);
  come(2);
  come(3);
  EXPECT_EQ(delivered(), "0 ");
  now_ += kMost - 1ns;
  buffer_.release_due(out_, now_);
  EXPECT_EQ(delivered(), "");
  EXPECT_EQ(buffer_.deadline(), now_ + 1ns);
  now_ += 1ns;
  buffer_.release_due(out_, now_);
  EXPECT_EQ(delivered(), "2 3 ");
  EXPECT_EQ(buffer_.deadline(), kNever);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

TEST_F(ReorderBufferTest, WhatComesAfterTheDeadlineIsDeliveredAndLate) {
  come(0);
  come(2);
  advance(kMost);
  EXPECT_EQ(delivered(), "0 2 ");
  come(1);
  EXPECT_EQ(delivered(), "1 ");
  EXPECT_EQ(counts().late, 1U);
  EXPECT_EQ(counts().filled, 0U);
  come(3);
  EXPECT_EQ(delivered(), "3 ");
  buffer_.expire(now_ + kMissingFor);
  EXPECT_EQ(counts().lost, 0U);
}

TEST_F(ReorderBufferTest, WhatNeverComesIsLostAfterAWhile) {
  come(0);
  come(3);
  advance(kMissingFor - 1ns);
  buffer_.expire(now_);
  EXPECT_EQ(counts().lost, 0U);
  advance(1ns);
  buffer_.expire(now_);
  EXPECT_EQ(counts().lost, 2U);
  come(1);
  EXPECT_EQ(delivered(), "0 3 1 ") << "delivered all the same";
  EXPECT_EQ(counts().late, 0U) << "counted once";
}

TEST_F(ReorderBufferTest, ANewGapBehindAnOldOneHasItsOwnDeadline) {
  come(0);
  come(2);
  advance(15ms);
  come(4);
  EXPECT_EQ(delivered(), "0 ");
  advance(5ms);
  EXPECT_EQ(delivered(), "2 ");
  EXPECT_EQ(buffer_.deadline(), now_ + 15ms);
  advance(14ms);
  EXPECT_EQ(delivered(), "");
  advance(1ms);
  EXPECT_EQ(delivered(), "4 ");
}

TEST_F(ReorderBufferTest, ADeadlineThatIsCalledLateStillKeepsTheOrder) {
  come(0);
  come(2);
  now_ += 1s;
  come(3);
  EXPECT_EQ(delivered(), "0 2 3 ") << "it had waited for long enough";
  buffer_.release_due(out_, now_);
  EXPECT_EQ(buffer_.deadline(), kNever);
}

TEST_F(ReorderBufferTest, ALateOneMayStillComeBeforeThoseThatWait) {
  come(0);
  come(2);
  now_ += kMost;
  come(1);  // before release_due()
  EXPECT_EQ(delivered(), "0 1 2 ");
}

TEST_F(ReorderBufferTest, FlowsDoNotWaitForEachOther) {
  come(0);
  come(2);
  come(100, kOther);
  come(101, kOther);
  come(103, kOther);
  EXPECT_EQ(delivered(kOther), "100 101 ");
  EXPECT_EQ(delivered(kFlow), "0 ");
  come(1);
  EXPECT_EQ(delivered(kOther), "");
  EXPECT_EQ(delivered(kFlow), "1 2 ");
  come(102, kOther);
  EXPECT_EQ(delivered(kOther), "102 103 ");
}

TEST_F(ReorderBufferTest, TheDeadlineIsTheFirstOfAllFlows) {
  come(0);
  come(0, kOther);
  come(2, kOther);
  const TimePoint first = now_ + kMost;
  advance(5ms);
  come(2);
  EXPECT_EQ(buffer_.deadline(), first);
  now_ = first;
  buffer_.release_due(out_, now_);
  EXPECT_EQ(delivered(kOther), "0 2 ");
  EXPECT_EQ(delivered(kFlow), "0 ");
  EXPECT_EQ(buffer_.deadline(), first + 5ms);
}

TEST_F(ReorderBufferTest, NumbersGoRound) {
  for (int number = 65499; number < 65499 + 200'000; ++number) {
    if (number % 3 == 1) continue;
    come(number & 0xffff);
    if (number % 3 == 2) come((number - 1) & 0xffff);
  }
  EXPECT_EQ(counts().filled, counts().held);
  EXPECT_GT(counts().filled, 60'000U);
  EXPECT_EQ(counts().lost + counts().late + counts().overflow, 0U);
  std::string wanted;
  for (int number = 65499; number < 65499 + 200'000; ++number)
    wanted += std::to_string(number & 0xffff) + ' ';
  const std::string got = delivered();
  const auto differ = std::mismatch(got.begin(), got.end(), wanted.begin()).first;
  EXPECT_GE(got.size(), wanted.size() - 20);
  EXPECT_EQ(differ, got.end()) << differ - got.begin();
}

TEST_F(ReorderBufferTest, ADatagramInFrontOfTheFirstIsDeliveredAtOnce) {
  come(5);
  come(3);
  come(4);
  come(6);
  EXPECT_EQ(delivered(), "5 3 4 6 ");
  EXPECT_EQ(counts().late + counts().filled + counts().held, 0U) << "nothing says that it was missing";
}

TEST_F(ReorderBufferTest, AsMuchAsMayBeMissingIsWaitedFor) {
  come(0);
  const int next = kMostAhead + 1;
  come(next);
  EXPECT_EQ(delivered(), "0 ");
  come_all(1, next - 1);
  EXPECT_EQ(counts().filled, static_cast<std::uint64_t>(kMostAhead));
  EXPECT_EQ(counts().held, 1U);
  std::string wanted;
  for (int i = 1; i <= next; ++i) wanted += std::to_string(i) + ' ';
  EXPECT_EQ(delivered(), wanted);
}

TEST_F(ReorderBufferTest, AGapIsFilledInWhateverOrder) {
  come(0);
  come(6);
  for (const int number : {3, 5, 1}) come(number);
  EXPECT_EQ(delivered(), "0 1 ");
  come(4);
  EXPECT_EQ(delivered(), "");
  come(2);
  EXPECT_EQ(delivered(), "2 3 4 5 6 ");
  EXPECT_EQ(counts().filled, 5U);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

TEST_F(ReorderBufferTest, OddOnesPassAndChangeNothing) {
  for (const int odd : {40'000 - kFarBehind, 39'999, 40'003 + kMostAhead + 1, 7}) {
    come(40'000);
    come(40'002);
    come(odd);
    EXPECT_EQ(delivered(), "40000 " + std::to_string(odd) + ' ') << "at once";
    come(40'001);
    EXPECT_EQ(delivered(), "40001 40002 ") << "the flow keeps its order";
    EXPECT_EQ(counts().lost, 0U);
    buffer_.restart(out_);
  }
}

TEST_F(ReorderBufferTest, AFlowThatGoesOnElsewhereBeginsAnew) {
  for (const int there : {3 + kMostAhead + 1, 3 + 20'000}) {
    buffer_.restart(out_);
    const std::uint64_t lost = counts().lost;
    come(0);
    come(2);
    come_all(there, there + static_cast<int>(kOddUntilAnew) - 2);
    EXPECT_EQ(counts().lost, lost);
    delivered();
    const int last = there + static_cast<int>(kOddUntilAnew) - 1;
    come(last);
    EXPECT_EQ(delivered(), "2 " + std::to_string(last) + ' ') << "what waits leaves first";
    EXPECT_EQ(counts().lost, lost + 1) << "1, and nothing between";
    EXPECT_EQ(buffer_.bytes(), 0U);
    come(last + 2);
    EXPECT_EQ(delivered(), "") << "order is kept from there on";
    come(last + 1);
    EXPECT_EQ(delivered(), std::to_string(last + 1) + ' ' + std::to_string(last + 2) + ' ');
  }
  EXPECT_EQ(buffer_.hold_time(), kMost) << "it says nothing of how long anything takes";
}

TEST_F(ReorderBufferTest, AFlowThatGoesOnBehindBeginsAnewOnceNothingElseCame) {
  come(1000);
  delivered();
  come_all(0, 5);
  EXPECT_EQ(delivered(), "0 1 2 3 4 5 ");
  come(7);
  EXPECT_EQ(delivered(), "7 ") << "at once: it may be late beside others";
  advance(kMissingFor);
  come(8);
  delivered();
  come(10);
  EXPECT_EQ(delivered(), "") << "the flow has its order from here on";
  come(9);
  EXPECT_EQ(delivered(), "9 10 ");
}

TEST_F(ReorderBufferTest, OddOnesThatDoNotFollowEachOtherBeginNothingAnew) {
  come(40'000);
  for (const int odd : {105, 104, 103, 102, 101}) come(odd);
  come(40'002);
  come_all(100, 98 + static_cast<int>(kOddUntilAnew));
  come(40'003);
  come_all(102, 100 + static_cast<int>(kOddUntilAnew));
  delivered();
  come(40'001);
  EXPECT_EQ(delivered(), "40001 40002 40003 ");
}

TEST_F(ReorderBufferTest, WhatIsMissingIsForgottenBeforeItsNumberComesRound) {
  come(0);
  come(2);
  advance(kMost);
  come_all(3, kFarBehind);
  EXPECT_EQ(counts().lost, 0U);
  come(kFarBehind + 1);
  EXPECT_EQ(counts().lost, 1U);
}

TEST_F(ReorderBufferTest, WhatWasDroppedIsNotWaitedFor) {
  come(0);
  come(2);
  come(4);
  buffer_.skip(kFlow, 1, out_, now_);
  EXPECT_EQ(delivered(), "0 2 ");
  buffer_.skip(kFlow, 3, out_, now_);
  EXPECT_EQ(delivered(), "4 ");
  buffer_.skip(kFlow, 5, out_, now_);
  come(6);
  EXPECT_EQ(delivered(), "6 ");
  come(8);
  buffer_.skip(kFlow, 9, out_, now_);
  come(7);
  EXPECT_EQ(delivered(), "7 8 ");
  buffer_.skip(kOther, 0, out_, now_);
  EXPECT_EQ(counts().filled, 3U);
}

/// Numbers that go round while some wait for those that were forgotten.
TEST_F(ReorderBufferTest, NothingIsStuckHoweverFarTheNumbersGo) {
  come(0);
  std::size_t sent = 1;
  for (int i = 1; i < 70; ++i, ++sent) {
    come((i * (kMostAhead + 1)) % 65'536);
    advance(100us);
  }
  advance(5s);
  EXPECT_EQ(buffer_.deadline(), kNever);
  const std::string all = delivered();
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), ' ')), sent);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

/// A slow path brings what was given up long ago, all at once.
TEST_F(ReorderBufferTest, ALateBurstDoesNotSetAFlowBack) {
  for (int i = 0; i < 10; ++i) come(i);
  for (int i = 15; i < 1500; ++i) {
    come(i);
    advance(1ms);
  }
  buffer_.expire(now_);
  delivered();
  const Duration hold = buffer_.hold_time();
  const std::uint64_t lost = counts().lost;
  for (int i = 10; i < 15; ++i) come(i);
  EXPECT_EQ(delivered(), "10 11 12 13 14 ");
  for (int i = 1500; i < 1510; ++i) come(i);
  EXPECT_EQ(delivered(), "1500 1501 1502 1503 1504 1505 1506 1507 1508 1509 ");
  EXPECT_EQ(counts().lost, lost);
  EXPECT_EQ(buffer_.hold_time(), hold);
}

TEST_F(ReorderBufferTest, OneWithoutANumberLetsAllBeforeItLeave) {
  come(0);
  come(2);
  come(7, kOther);
  come(9, kOther);
  buffer_.on_unnumbered(kFlow, out_, now_);
  EXPECT_EQ(delivered(kOther), "7 ") << "its own flow alone";
  EXPECT_EQ(delivered(), "0 2 ");
  come(3);
  EXPECT_EQ(delivered(), "3 ");
  come(1);
  EXPECT_EQ(delivered(), "1 ");
  EXPECT_EQ(counts().late, 1U);
  advance(kMost);
  EXPECT_EQ(delivered(kOther), "9 ");
}

TEST_F(ReorderBufferTest, AGapThatIsWorthLessThanTheOneBeforeItHasItsOwnDeadline) {
  come(0);
  come(2);  // 1 is worth waiting for for long, 3 is not any more
  for (int i = 0; i < 100; ++i) {
    come(2 * i, kOther);
    come(2 * i + 2, kOther);
    come(2 * i + 1, kOther);
  }
  ASSERT_LT(buffer_.hold_time(), 5ms);
  const Duration hold = buffer_.hold_time();
  advance(5ms);
  come(4);
  come(1);
  EXPECT_EQ(buffer_.deadline(), now_ + hold);
  delivered();
  advance(hold);
  EXPECT_EQ(delivered(), "4 ");
}

TEST_F(ReorderBufferTest, WhatIsGivenUpEarlySaysNothingOfTheHoldTime) {
  for (int i = 0; i <= static_cast<int>(kMostMissing) + 40; ++i) come(2 * i);
  EXPECT_EQ(counts().lost, 40U);
  EXPECT_EQ(buffer_.hold_time(), kMost);
}

TEST_F(ReorderBufferTest, AGapThatFallsInTwoMayBeOneTooMany) {
  const int most = static_cast<int>(kMostMissing);
  for (int i = 0; i <= most; ++i) come(4 * i);
  EXPECT_EQ(counts().lost, 0U);
  come(4 * most - 2);
  EXPECT_EQ(counts().lost, 3U) << "1, 2 and 3";
}

TEST_F(ReorderBufferTest, TooManyMissingGiveUpTheOldest) {
  // Every second one is missing.
  const int most = static_cast<int>(kMostMissing);
  for (int i = 0; i <= most; ++i) come(2 * i);
  EXPECT_EQ(counts().lost, 0U);
  delivered();
  come(2 * most + 2);
  EXPECT_EQ(counts().lost, 1U);
  advance(kMost);
  std::string wanted;
  for (int i = 1; i <= most + 1; ++i) wanted += std::to_string(2 * i) + ' ';
  EXPECT_EQ(delivered(), wanted);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

TEST_F(ReorderBufferTest, MoreDatagramsThanItHoldsAreDeliveredAndTheGapIsGivenUp) {
  come(0);
  const int last = static_cast<int>(kMostHeld) + 1;
  come_all(2, last);
  EXPECT_EQ(counts().held, kMostHeld);
  EXPECT_EQ(delivered(), "0 ");
  come(last + 1);
  std::string wanted;
  for (int i = 2; i <= last + 1; ++i) wanted += std::to_string(i) + ' ';
  EXPECT_EQ(delivered(), wanted);
  EXPECT_EQ(counts().overflow, 1U);
  EXPECT_EQ(counts().held, kMostHeld);
  EXPECT_EQ(buffer_.bytes(), 0U);
  come(last + 2);
  EXPECT_EQ(delivered(), std::to_string(last + 2) + ' ');
  come(1);
  EXPECT_EQ(delivered(), "1 ");
  EXPECT_EQ(counts().late, 0U) << "counted once";
}

TEST_F(ReorderBufferTest, DatagramsOfAllFlowsAreHeldTogether) {
  come(0, kOther);
  come_all(2, 1000, kOther);
  come(0);
  come_all(2, static_cast<int>(kMostHeld) - 1000 + 2);
  ASSERT_EQ(counts().held, kMostHeld);
  EXPECT_EQ(delivered(kOther), "0 ");
  EXPECT_EQ(delivered(), "0 ");
  come(static_cast<int>(kMostHeld) - 1000 + 3);
  EXPECT_EQ(counts().overflow, 1U);
  EXPECT_EQ(delivered(kOther), "");
  come(1, kOther);
  EXPECT_EQ(counts().filled, 1U) << "the other flow goes on waiting";
}

TEST_F(ReorderBufferTest, MoreBytesThanItHoldsAreDelivered) {
  constexpr std::size_t kLarge = 60'000;
  come(0);
  int number = 2;
  for (; counts().overflow == 0 && number < 1000; ++number) {
    come_large(number, kLarge);
    EXPECT_LE(buffer_.bytes(), kHeldBytes);
  }
  EXPECT_GT(counts().held * kLarge, kHeldBytes - 2 * kLarge) << "it is used up";
  EXPECT_EQ(counts().held + 1, static_cast<std::uint64_t>(number - 2));
  EXPECT_EQ(counts().overflow, 1U);
  std::string wanted = "0 ";
  for (int i = 2; i < number; ++i) wanted += std::to_string(i) + ' ';
  EXPECT_EQ(delivered(), wanted);
  EXPECT_EQ(buffer_.bytes(), 0U);
}

TEST_F(SmallReorderBuffer, WhatAllHoldIsBound) {
  ReorderBuffer other({OrderSettings::Mode::always, kMost}, budget_);
  Output others;
  const std::string text(500, 'x');
  other.on_datagram({kFlow, 0, bytes_of(text), false}, others, now_);
  other.on_datagram({kFlow, 2, bytes_of(text), false}, others, now_);
  EXPECT_EQ(others.pieces.size(), 1U);
  come(0);
  come_large(2, 500);
  EXPECT_EQ(delivered(), "0 2 ");
  EXPECT_EQ(counts().overflow, 1U);
  EXPECT_EQ(other.counts().overflow, 0U) << "whoever holds keeps it";
  come_large(4, 10);
  EXPECT_EQ(delivered(), "") << "it fits";
  other.on_datagram({kFlow, 1, bytes_of(text), false}, others, now_);
  come_large(5, 500);
  EXPECT_EQ(delivered(), "") << "there is room again";
  EXPECT_EQ(budget_.bytes(), buffer_.bytes());
}

TEST_F(ReorderBufferTest, WhatIsHeldIsGivenBackWhenTheBufferGoes) {
  {
    ReorderBuffer other({OrderSettings::Mode::always, kMost}, budget_);
    other.on_datagram({kFlow, 0, bytes_of("x"), false}, out_, now_);
    other.on_datagram({kFlow, 2, bytes_of("x"), false}, out_, now_);
    EXPECT_GT(budget_.bytes(), 0U);
  }
  EXPECT_EQ(budget_.bytes(), 0U);
}

TEST_F(ReorderBufferTest, MoreFlowsThanFitGoWithoutOrder) {
  for (std::uint32_t i = 0; i < kOrderedFlows; ++i) come(0, FlowHandle{100 + i});
  come(0);
  come(2);
  come(1);
  EXPECT_EQ(delivered(), "0 2 1 ");
  EXPECT_EQ(counts().held, 0U);
  now_ += kOrderForgottenAfter - 1ns;
  buffer_.expire(now_);
  come(3);
  come(5);
  EXPECT_EQ(delivered(), "3 5 ");
  now_ += 1ns;
  buffer_.expire(now_);
  come(6);
  come(8);
  EXPECT_EQ(delivered(), "6 ") << "silent flows are forgotten";
}

TEST_F(ReorderBufferTest, ASilentFlowBeginsAnew) {
  come(1000);
  now_ += kOrderForgottenAfter;
  buffer_.expire(now_);
  come(10);
  come(12);
  EXPECT_EQ(delivered(), "1000 10 ");
  come(11);
  EXPECT_EQ(delivered(), "11 12 ");
}

TEST_F(ReorderBufferTest, TheHoldTimeIsWhatItLearned) {
  teach(3ms);
  EXPECT_GT(buffer_.hold_time(), 3ms);
  EXPECT_LE(buffer_.hold_time(), 5ms);
  come(0);
  come(2);
  EXPECT_EQ(buffer_.deadline(), now_ + buffer_.hold_time());
  advance(buffer_.hold_time());
  EXPECT_EQ(delivered(), "0 2 ");
}

TEST_F(ReorderBufferTest, AHoldTimeOfZeroHoldsNothingAndStillLearns) {
  teach(50ms);
  ASSERT_EQ(buffer_.hold_time(), 0ms);
  const std::uint64_t held = counts().held;
  come(0);
  come(2);
  EXPECT_EQ(delivered(), "0 2 ");
  EXPECT_EQ(buffer_.deadline(), kNever);
  come(1);
  EXPECT_EQ(delivered(), "1 ");
  EXPECT_EQ(counts().held, held);
  EXPECT_EQ(counts().late, 201U);
  // They come soon now.
  for (int i = 2; i < 300 && buffer_.hold_time() == 0ms; ++i) {
    come(2 * i);
    come(2 * i - 1);
  }
  EXPECT_GT(buffer_.hold_time(), 0ms);
}

TEST_F(ReorderBufferTest, WhatIsLostTeachesThatWaitingIsInVain) {
  for (int i = 0; i < 40; ++i) {
    come(2 * i);
    advance(kMissingFor);
    buffer_.expire(now_);
  }
  EXPECT_EQ(buffer_.hold_time(), 0ms);
  EXPECT_EQ(counts().lost, 39U);
}

TEST_F(ReorderBufferTest, AnEndedFlowLeavesWhatItHolds) {
  come(0);
  come(2);
  come(4);
  come(7, kOther);
  come(9, kOther);
  delivered();
  buffer_.close(kFlow, out_);
  EXPECT_EQ(delivered(), "2 4 ");
  EXPECT_EQ(counts().lost, 2U) << "what was missing of it";
  EXPECT_GT(buffer_.bytes(), 0U);
  come(8, kOther);
  EXPECT_EQ(delivered(kOther), "8 9 ");
  EXPECT_EQ(buffer_.bytes(), 0U);
  come(2);
  come(1);
  EXPECT_EQ(delivered(), "2 1 ") << "it begins anew";
  buffer_.close(FlowHandle{99}, out_);
  advance(1s);
}

TEST_F(ReorderBufferTest, ARestartLeavesWhatAllFlowsHold) {
  come(0);
  come(2);
  come(7, kOther);
  come(9, kOther);
  buffer_.restart(out_);
  EXPECT_EQ(delivered(kOther), "7 9 ");
  EXPECT_EQ(delivered(), "0 2 ");
  EXPECT_EQ(counts().lost, 2U);
  EXPECT_EQ(buffer_.bytes(), 0U);
  EXPECT_EQ(buffer_.deadline(), kNever);
  come(0);
  come(2);
  come(1);
  EXPECT_EQ(delivered(), "0 1 2 ") << "numbers begin anew";
}

TEST_F(ReorderBufferTest, ExpiryOfAllLosesWhatIsMissingAndNothingElse) {
  come(0);
  come(2);
  buffer_.expire(kNever);
  EXPECT_EQ(counts().lost, 1U);
  buffer_.restart(out_);
  EXPECT_EQ(delivered(), "0 2 ");
  EXPECT_EQ(counts().lost, 1U);
}

TEST_F(UnorderedBuffer, DeliversAllAtOnce) {
  for (const int number : {0, 2, 1, 40'000, 7, 6}) come(number);
  EXPECT_EQ(delivered(), "0 2 1 40000 7 6 ");
  EXPECT_EQ(buffer_.deadline(), kNever);
  EXPECT_EQ(buffer_.hold_time(), 0ms);
  EXPECT_EQ(counts().held + counts().late + counts().filled, 0U);
  buffer_.expire(now_ + 1h);
  buffer_.close(kFlow, out_);
  buffer_.restart(out_);
  EXPECT_EQ(delivered(), "");
  EXPECT_EQ(counts().lost, 0U);
}

}  // namespace
}  // namespace mptunnel
