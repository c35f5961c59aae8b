#include "mptunnel/session/flow_numbers.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/order_limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

constexpr FlowHandle kFlow{7};
/// So much in a tenth of a second is dense.
constexpr std::size_t kDense = kOrderedBitsPerSecond / 8 / 10;

using Number = std::optional<std::uint16_t>;

/// Flows 1000 and up, each with a datagram of so many bytes.
void fill(FlowNumbers& numbers, std::size_t bytes, TimePoint now) {
  for (std::uint32_t i = 0; i < kOrderedFlows; ++i) numbers.next(FlowHandle{1000 + i}, bytes, now);
}

TEST(FlowNumbers, CountFromZeroOnceAFlowIsDense) {
  FlowNumbers numbers;
  EXPECT_EQ(numbers.next(kFlow, kDense - 1, kStart), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 99ms), Number{0});
  EXPECT_EQ(numbers.next(kFlow, 0, kStart + 99ms), Number{1});
  EXPECT_EQ(numbers.next(kFlow, 1400, kStart + 99ms), Number{2});
}

TEST(FlowNumbers, GoRoundAfter65535) {
  FlowNumbers numbers;
  for (std::uint32_t i = 0; i < 200'000; ++i)
    ASSERT_EQ(numbers.next(kFlow, kDense, kStart + i * 10us), Number{static_cast<std::uint16_t>(i)});
}

TEST(FlowNumbers, OfOneFlowAreNotThoseOfAnother) {
  FlowNumbers numbers;
  for (std::uint16_t i = 0; i < 10; ++i) {
    EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{i});
    EXPECT_EQ(numbers.next(FlowHandle{8}, kDense, kStart), Number{i});
    EXPECT_EQ(numbers.next(FlowHandle{9}, 10, kStart), std::nullopt);
  }
}

TEST(FlowNumbers, FlowsBelowTheRateGoWithout) {
  FlowNumbers numbers;
  for (int i = 0; i < 1000; ++i) {  // 96 kbit/s
    EXPECT_EQ(numbers.next(kFlow, 120, kStart + i * 10ms), std::nullopt) << i;
    EXPECT_EQ(numbers.next(FlowHandle{8}, 1200, kStart + i * 100ms), std::nullopt) << i;
  }
}

TEST(FlowNumbers, FlowsAboveTheRateHaveThemAllAlong) {
  FlowNumbers numbers;
  int without = 0;
  std::uint16_t next = 0;
  for (int i = 0; i < 1000; ++i) {  // 104 kbit/s
    const Number number = numbers.next(kFlow, 130, kStart + i * 10ms);
    if (!number) {
      ++without;
    } else {
      ASSERT_EQ(*number, next++);
    }
  }
  EXPECT_LT(without, 10) << "only before that was known";
}

TEST(FlowNumbers, StayForATenthOfASecondAfterTheFlowBecameSparse) {
  FlowNumbers numbers;
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 100ms), Number{1});
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 199ms), Number{2});
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 200ms), std::nullopt);
}

TEST(FlowNumbers, ATenthOfASecondOfSilenceMakesAFlowSparse) {
  FlowNumbers numbers;
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 200ms), std::nullopt);
  FlowNumbers others;
  EXPECT_EQ(others.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(others.next(kFlow, 1, kStart + 199ms), Number{1});
}

TEST(FlowNumbers, GoOnWhereTheyWereWhenAFlowIsDenseAgain) {
  FlowNumbers numbers;
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(numbers.next(kFlow, 1, kStart + 1min), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 1min), Number{1}) << "what had none leaves no gap";
}

TEST(FlowNumbers, NoMoreFlowsHaveSomeThanFit) {
  FlowNumbers numbers;
  fill(numbers, kDense, kStart);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 1s), std::nullopt);
  for (std::uint32_t i = 0; i < kOrderedFlows; ++i)
    EXPECT_EQ(numbers.next(FlowHandle{1000 + i}, kDense, kStart + 1s), Number{1}) << "they keep theirs";
}

TEST(FlowNumbers, TheLastFlowThatFitsHasSome) {
  FlowNumbers numbers;
  for (std::uint32_t i = 1; i < kOrderedFlows; ++i) numbers.next(FlowHandle{1000 + i}, kDense, kStart);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(numbers.next(FlowHandle{8}, kDense, kStart), std::nullopt);
}

TEST(FlowNumbers, SilentFlowsMakeRoomAndBeginAnew) {
  FlowNumbers numbers;
  fill(numbers, kDense, kStart);
  EXPECT_EQ(numbers.next(FlowHandle{1000}, kDense, kStart + 1ms), Number{1});
  const TimePoint late = kStart + kNumbersForgottenAfter;
  EXPECT_EQ(numbers.next(kFlow, kDense, late - 100ms), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, kDense, late), Number{0});
  EXPECT_EQ(numbers.next(FlowHandle{1000}, kDense, late), Number{2}) << "it was silent for less";
  EXPECT_EQ(numbers.next(FlowHandle{1001}, kDense, late), Number{0});
}

TEST(FlowNumbers, AreForgottenLaterThanTheReceiverForgetsThem) {
  // The receiver looks about once a second.
  EXPECT_GE(kNumbersForgottenAfter, kOrderForgottenAfter + 2s);
}

TEST(FlowNumbers, SilentFlowsStayWhileThereIsRoom) {
  FlowNumbers numbers;
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart), Number{0});
  EXPECT_EQ(numbers.next(FlowHandle{8}, kDense, kStart + 1h), Number{0});
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 1h), Number{1});
}

TEST(FlowNumbers, SparseFlowsMakeRoomForDenseOnes) {
  FlowNumbers numbers;
  fill(numbers, 10, kStart);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 99ms), std::nullopt) << "they may be dense yet";
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 199ms), Number{0});
}

TEST(FlowNumbers, LookForRoomOnceInATenthOfASecond) {
  FlowNumbers numbers;
  fill(numbers, 10, kStart);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 50ms), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 149ms), std::nullopt);
  EXPECT_EQ(numbers.next(kFlow, kDense, kStart + 150ms), Number{0});
}

}  // namespace
}  // namespace mptunnel
