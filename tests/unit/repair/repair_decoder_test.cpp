#include "mptunnel/repair/repair_decoder.h"

#include <gtest/gtest.h>

#include "mptunnel/repair/galois.h"
#include "repair_support.h"
#include "unit/session/allocation_counter.h"

namespace mptunnel {
namespace {

using test::ByteRow;
using test::kRepairStart;
using test::make_repair;
using test::OwnedRepair;
using test::some_bytes;

/// A sender of symbols whose size follows from the number, and a receiver.
class RepairDecoderTest : public testing::Test {
 protected:
  static ByteRow symbol(std::uint64_t number) { return some_bytes(number * 7 % 50, number); }

  void send(std::uint64_t first, std::uint64_t end) {
    for (; first < end; ++first) encoder_.add(first, symbol(first), now_);
  }
  void receive(std::uint64_t number) { decoder_.on_source(number, symbol(number), now_); }
  RepairVerdict repair(std::uint64_t first, std::size_t count) {
    const OwnedRepair made = make_repair(encoder_, first, count, seed_++);
    return decoder_.on_repair(made.view(), now_);
  }
  /// The numbers that the last call recovered; each must be the original.
  std::vector<std::uint64_t> recovered() {
    std::vector<std::uint64_t> numbers;
    for (const auto& one : decoder_.recovered()) {
      numbers.push_back(one.number);
      EXPECT_EQ(ByteRow(one.bytes.begin(), one.bytes.end()), symbol(one.number));
    }
    return numbers;
  }

  using Numbers = std::vector<std::uint64_t>;
  TimePoint now_ = kRepairStart;
  std::uint16_t seed_ = 0;
  RepairEncoder encoder_;
  RepairDecoder decoder_;
};

TEST_F(RepairDecoderTest, OneRepairBringsAnyOneOfItsWindow) {
  for (std::uint64_t lost = 0; lost < 10; ++lost) {
    encoder_.restart();
    decoder_.restart();
    send(0, 10);
    for (std::uint64_t number = 0; number < 10; ++number) {
      if (number != lost) receive(number);
    }
    EXPECT_EQ(repair(0, 10), RepairVerdict::kept);
    EXPECT_EQ(recovered(), Numbers{lost});
  }
  EXPECT_EQ(decoder_.counts().recovered, 10U);
}

TEST_F(RepairDecoderTest, ARepairOfAWholeWindowIsRedundant) {
  send(0, 3);
  for (std::uint64_t number = 0; number < 3; ++number) receive(number);
  EXPECT_EQ(repair(0, 3), RepairVerdict::redundant);
  EXPECT_EQ(decoder_.equations(), 0U);
}

TEST_F(RepairDecoderTest, TwoRepairsBringTwo) {
  send(0, 6);
  receive(0);
  receive(2);
  receive(4);
  receive(5);
  EXPECT_EQ(repair(0, 6), RepairVerdict::kept);
  EXPECT_EQ(recovered(), Numbers{});
  EXPECT_EQ(decoder_.unknowns(), 2U);
  EXPECT_EQ(repair(0, 6), RepairVerdict::kept);
  EXPECT_EQ(recovered(), (Numbers{1, 3}));
  EXPECT_EQ(decoder_.unknowns(), 0U);
}

TEST_F(RepairDecoderTest, WhatARepairOvertookCompletesIt) {
  send(0, 4);
  receive(0);
  EXPECT_EQ(repair(0, 4), RepairVerdict::kept);
  receive(3);
  EXPECT_EQ(recovered(), Numbers{});
  receive(1);
  EXPECT_EQ(recovered(), Numbers{2});
}

TEST_F(RepairDecoderTest, WhatComesAfterItWasRecoveredChangesNothing) {
  send(0, 2);
  receive(0);
  repair(0, 2);
  EXPECT_EQ(recovered(), Numbers{1});
  receive(1);
  EXPECT_EQ(recovered(), Numbers{});
  EXPECT_EQ(repair(0, 2), RepairVerdict::redundant);
  EXPECT_EQ(decoder_.counts().recovered, 1U);
}

TEST_F(RepairDecoderTest, ACopyOfARepairIsRedundant) {
  send(0, 6);
  receive(0);
  const OwnedRepair made = make_repair(encoder_, 0, 6, 1);
  EXPECT_EQ(decoder_.on_repair(made.view(), now_), RepairVerdict::kept);
  EXPECT_EQ(decoder_.on_repair(made.view(), now_), RepairVerdict::redundant);
  EXPECT_EQ(decoder_.equations(), 1U);
}

/// A receiver that began to listen later: what is before is unknown, until newer repairs do without it.
TEST_F(RepairDecoderTest, AWindowThatReachesBeforeTheFirstSymbol) {
  send(0, 20);
  receive(10);
  receive(12);
  EXPECT_EQ(repair(5, 8), RepairVerdict::kept);  // 5 to 9 and 11
  EXPECT_EQ(decoder_.unknowns(), 6U);
  EXPECT_EQ(repair(10, 3), RepairVerdict::kept);
  EXPECT_EQ(recovered(), Numbers{11});
  now_ += DecoderLimits{}.age;
  now_ += 1ns;
  decoder_.expire(now_);
  EXPECT_EQ(decoder_.unknowns(), 0U);
  EXPECT_EQ(decoder_.equations(), 0U);
  EXPECT_EQ(decoder_.counts().given_up, 0U);  // they were never this receiver's
}

TEST_F(RepairDecoderTest, GivesUpByAge) {
  send(0, 5);
  receive(0);
  receive(3);
  repair(0, 4);
  EXPECT_EQ(decoder_.unknowns(), 2U);
  now_ += DecoderLimits{}.age;
  receive(4);
  EXPECT_EQ(decoder_.counts().given_up, 0U);
  now_ += 1ns;
  decoder_.expire(now_);
  EXPECT_EQ(decoder_.unknowns(), 0U);
  EXPECT_EQ(decoder_.counts().given_up, 2U);
  EXPECT_EQ(decoder_.counts().dropped, 1U);
}

/// Of three equations for {1, 2, 3, 4} one goes for 1, and the other two bring 2 and 3 once 4 comes.
TEST_F(RepairDecoderTest, GivingUpOneCostsOneEquation) {
  send(0, 6);
  receive(0);
  repair(0, 2);
  now_ += DecoderLimits{}.age / 2;
  receive(5);
  repair(1, 4);
  repair(1, 4);
  EXPECT_EQ(recovered(), Numbers{});
  EXPECT_EQ(decoder_.unknowns(), 3U);  // 1 was recovered at once
  EXPECT_EQ(decoder_.counts().recovered, 1U);
  repair(1, 4);
  EXPECT_EQ(recovered(), (Numbers{2, 3, 4}));
}

TEST_F(RepairDecoderTest, WhatIsGivenUpIsTakenOutOfTheOtherEquations) {
  send(0, 5);
  receive(0);
  repair(0, 3);  // 1 and 2
  now_ += DecoderLimits{}.age / 2;
  repair(1, 4);  // 1, 2, 3, 4
  repair(1, 4);
  EXPECT_EQ(decoder_.equations(), 3U);
  now_ += DecoderLimits{}.age / 2 + 1ns;
  decoder_.expire(now_);  // 1 and 2, for two equations
  EXPECT_EQ(decoder_.counts().given_up, 2U);
  EXPECT_EQ(decoder_.equations(), 1U);
  EXPECT_EQ(decoder_.unknowns(), 2U);
  receive(4);
  EXPECT_EQ(recovered(), Numbers{3});
}

/// 5 and 6 are older than the rest, and no pivots once 5 is gone: 6 is taken out of one equation by another.
TEST_F(RepairDecoderTest, WhatIsGivenUpIsTakenOutWhereItIsNoPivot) {
  send(0, 7);
  receive(0);
  repair(5, 2);
  now_ += DecoderLimits{}.age / 2;
  repair(1, 6);
  repair(1, 6);
  now_ += DecoderLimits{}.age / 2 + 1ns;
  decoder_.expire(now_);
  EXPECT_EQ(decoder_.equations(), 1U);
  EXPECT_EQ(decoder_.unknowns(), 4U);
  receive(4);
  receive(3);
  EXPECT_EQ(recovered(), Numbers{});
  receive(2);
  EXPECT_EQ(recovered(), Numbers{1});
}

TEST_F(RepairDecoderTest, WhatReachesBelowWhatIsKeptIsLate) {
  RepairDecoder decoder({16, kMaxSymbolBytes, 1s, 255, 8, kMaxCodedBytes});
  send(0, 30);
  for (std::uint64_t number = 0; number < 30; ++number) {
    if (number != 20) decoder.on_source(number, symbol(number), now_);
  }
  const auto late = make_repair(encoder_, 10, 20, 1);
  EXPECT_EQ(decoder.on_repair(late.view(), now_), RepairVerdict::late);
  const auto timely = make_repair(encoder_, 15, 15, 1);
  EXPECT_EQ(decoder.on_repair(timely.view(), now_), RepairVerdict::kept);
  EXPECT_EQ(decoder.recovered().size(), 1U);
}

TEST_F(RepairDecoderTest, NewerEquationsReplaceTheLowest) {
  RepairDecoder decoder({64, kMaxSymbolBytes, 1s, 255, 2, kMaxCodedBytes});
  send(0, 12);
  for (std::uint64_t first = 0; first < 12; first += 3) {
    const auto made = make_repair(encoder_, first, 3, 1);
    EXPECT_EQ(decoder.on_repair(made.view(), now_), RepairVerdict::kept);
  }
  EXPECT_EQ(decoder.equations(), 2U);
  EXPECT_EQ(decoder.counts().dropped, 2U);
  decoder.on_source(9, symbol(9), now_);
  decoder.on_source(11, symbol(11), now_);
  ASSERT_EQ(decoder.recovered().size(), 1U);
  EXPECT_EQ(decoder.recovered()[0].number, 10U);
}

TEST_F(RepairDecoderTest, UnknownsAreBounded) {
  send(0, 250);
  for (std::uint64_t first = 0; first + 50 <= 250; first += 50) repair(first, 50);
  EXPECT_EQ(decoder_.unknowns(), 250U);
  const ByteRow coded(60);
  EXPECT_EQ(decoder_.on_repair({300, 100, 1, coded}, now_), RepairVerdict::kept);
  EXPECT_EQ(decoder_.unknowns(), DecoderLimits{}.unknowns);
  // Nothing newer goes for it.
  EXPECT_EQ(decoder_.on_repair({0, 60, 2, coded}, now_), RepairVerdict::late);
  EXPECT_EQ(decoder_.unknowns(), DecoderLimits{}.unknowns);
}

struct MalformedRow {
  const char* name;
  std::uint64_t first;
  std::size_t count;
  std::size_t bytes;
};
class RepairDecoderMalformed : public testing::TestWithParam<MalformedRow> {};

TEST_P(RepairDecoderMalformed, IsRefusedAndChangesNothing) {
  const auto& [name, first, count, bytes] = GetParam();
  RepairDecoder decoder;
  decoder.on_source(5, some_bytes(100, 5), kRepairStart);
  const ByteRow coded(bytes);
  EXPECT_EQ(decoder.on_repair({first, count, 1, coded}, kRepairStart), RepairVerdict::malformed) << name;
  EXPECT_EQ(decoder.unknowns(), 0U);
  EXPECT_EQ(decoder.equations(), 0U);
  EXPECT_EQ(decoder.counts()[RepairVerdict::malformed], 1U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, RepairDecoderMalformed,
                         testing::Values(MalformedRow{"NoSymbols", 0, 0, 50},
                                         MalformedRow{"WindowTooLong", 0, kMaxRepairWindow + 1, 150},
                                         MalformedRow{"NumbersEnd", ~std::uint64_t{0} - 2, 4, 50},
                                         MalformedRow{"NoBytes", 0, 1, 0},
                                         MalformedRow{"HalfAPrefix", 0, 1, 1},
                                         MalformedRow{"TooManyBytes", 0, 1, kMaxCodedBytes + 1},
                                         MalformedRow{"SmallerThanASymbolOfTheWindow", 4, 3, 101}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(RepairDecoderTest, ASymbolThatContradictsEndsAllEquations) {
  send(0, 6);
  receive(0);
  repair(0, 4);
  repair(0, 4);
  // 1, 2 and 3 in two equations: with a wrong 1 the other two are no coded forms.
  decoder_.on_source(1, some_bytes(15, 1000), now_);
  EXPECT_TRUE(decoder_.recovered().empty());
  EXPECT_EQ(decoder_.counts()[RepairVerdict::contradiction], 1U);
  EXPECT_EQ(decoder_.equations(), 0U);
  EXPECT_EQ(decoder_.unknowns(), 0U);
  EXPECT_EQ(decoder_.counts().recovered, 0U);
}

TEST_F(RepairDecoderTest, EquationsThatCanNotBothBeTrueAreAContradiction) {
  RepairDecoder decoder;
  const ByteRow coded = some_bytes(20, 1);
  const ByteRow other = some_bytes(20, 2);
  EXPECT_EQ(decoder.on_repair({0, 3, 7, coded}, now_), RepairVerdict::kept);
  EXPECT_EQ(decoder.on_repair({0, 3, 7, other}, now_), RepairVerdict::contradiction);
  EXPECT_EQ(decoder.equations(), 0U);
}

TEST_F(RepairDecoderTest, ALengthThatDoesNotFitIsAContradiction) {
  const ByteRow coded{0, 9, 1, 2, 3};
  EXPECT_EQ(decoder_.on_repair({0, 1, 0, coded}, now_), RepairVerdict::contradiction);
  EXPECT_TRUE(decoder_.recovered().empty());
}

TEST_F(RepairDecoderTest, BytesBehindTheSymbolAreAContradiction) {
  ByteRow coded{0, 1, 1, 0, 3};
  scale(coded, repair_coefficient(0, 0));
  EXPECT_EQ(decoder_.on_repair({0, 1, 0, coded}, now_), RepairVerdict::contradiction);
  ByteRow right{0, 3, 1, 0, 3};
  scale(right, repair_coefficient(0, 0));
  EXPECT_EQ(decoder_.on_repair({0, 1, 0, right}, now_), RepairVerdict::kept);
  ASSERT_EQ(decoder_.recovered().size(), 1U);
  EXPECT_EQ(decoder_.recovered()[0].bytes.size(), 3U);
}

TEST_F(RepairDecoderTest, LateSymbolsLargerThanTheirEquationAreAContradiction) {
  const ByteRow coded(20);
  EXPECT_EQ(decoder_.on_repair({0, 2, 0, coded}, now_), RepairVerdict::kept);
  decoder_.on_source(0, some_bytes(19, 1), now_);
  EXPECT_EQ(decoder_.counts()[RepairVerdict::contradiction], 1U);
  EXPECT_EQ(decoder_.equations(), 0U);
}

/// Whatever a peer with the key makes up, memory stays within what the limits come to.
TEST_F(RepairDecoderTest, HostileRepairsFillNoMemory) {
  std::mt19937_64 engine(1);
  const DecoderLimits limits;
  std::size_t most = 0;
  for (int i = 0; i < 5000; ++i) {
    now_ += 10us;
    const std::size_t size = engine() % 20 == 0 ? engine() % kMaxCodedBytes : 2 + engine() % 1500;
    const ByteRow coded = some_bytes(size, engine());
    const std::uint64_t first = engine() % 10 == 0 ? engine() : engine() % 3000;
    decoder_.on_repair({first, engine() % 256, static_cast<std::uint16_t>(engine()), coded}, now_);
    if (engine() % 3 == 0) decoder_.on_source(engine() % 3000, some_bytes(engine() % 1500, engine()), now_);
    most = std::max(most, decoder_.memory());
    ASSERT_LE(decoder_.equations(), limits.equations);
    ASSERT_LE(decoder_.unknowns(), limits.unknowns);
  }
  const std::size_t kept_of_equations = limits.equations * (limits.unknowns + 4096 + 128);
  EXPECT_LE(most, limits.bytes + limits.symbols * 64 + 2 * limits.equation_bytes + kept_of_equations +
                      kMaxCodedBytes + 64 * 1024);
}

TEST_F(RepairDecoderTest, HoldsNoMemoryBeforeTheFirstSymbolAndAfterARestart) {
  EXPECT_EQ(decoder_.memory(), 0U);
  send(0, 6);
  receive(0);
  repair(0, 4);
  EXPECT_GT(decoder_.memory(), 0U);
  EXPECT_EQ(decoder_.unknowns(), 3U);
  decoder_.restart();
  EXPECT_EQ(decoder_.memory(), 0U);
  EXPECT_EQ(decoder_.unknowns(), 0U);
  EXPECT_EQ(decoder_.symbols(), 0U);
  EXPECT_EQ(decoder_.counts().given_up, 3U);
  EXPECT_EQ(decoder_.counts().dropped, 1U);
}

TEST_F(RepairDecoderTest, GivesUpTheOldestWhenAskedTo) {
  send(0, 6);
  receive(0);
  receive(1);
  repair(2, 4);
  EXPECT_TRUE(decoder_.drop_oldest());
  EXPECT_TRUE(decoder_.drop_oldest());
  EXPECT_EQ(decoder_.symbols(), 0U);
  EXPECT_TRUE(decoder_.drop_oldest());
  EXPECT_EQ(decoder_.equations(), 0U);
  EXPECT_FALSE(decoder_.drop_oldest());
}

TEST_F(RepairDecoderTest, AllocatesNothingOnceItHasGrown) {
  const ByteRow bytes = some_bytes(1200, 1);
  ByteRow out(kMaxCodedBytes);
  std::uint64_t number = 0;
  std::mt19937_64 engine(1);
  const auto carry = [&](unsigned lost_of) {
    for (int i = 0; i < 20'000; ++i) {
      now_ += 100us;
      encoder_.add(number, bytes, now_);
      if (engine() % lost_of != 0) decoder_.on_source(number, bytes, now_);
      ++number;
      if (i % 10 != 0) continue;
      const auto window = encoder_.newest(64, now_);
      const std::size_t size = encoder_.make(window.first, window.count, seed_, out);
      decoder_.on_repair({window.first, window.count, seed_++, ConstBytes(out).first(size)}, now_);
    }
  };
  carry(9);  // all equations are in use at times
  const std::uint64_t before = test::allocations();
  carry(30);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(decoder_.counts().recovered, 1000U);
}

}  // namespace
}  // namespace mptunnel
