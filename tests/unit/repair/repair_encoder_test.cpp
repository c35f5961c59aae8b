#include "mptunnel/repair/repair_encoder.h"

#include <gtest/gtest.h>

#include <array>

#include "mptunnel/repair/galois.h"
#include "repair_support.h"
#include "unit/session/allocation_counter.h"

namespace mptunnel {
namespace {

using test::ByteRow;
using test::kRepairStart;
using test::make_repair;
using test::some_bytes;

/// Symbols 10 to 10 + count - 1; the size of each is its number times 3.
RepairEncoder filled(std::size_t count) {
  RepairEncoder encoder;
  for (std::uint64_t number = 10; number < 10 + count; ++number) {
    EXPECT_TRUE(encoder.add(number, some_bytes(3 * number, number), kRepairStart));
  }
  return encoder;
}

// Computed by hand from the text in repair/symbol.h: a second implementation may hold itself to them.
TEST(RepairCoefficient, IsWhatTheDocumentSays) {
  EXPECT_EQ(repair_coefficient(0, 0), 251);
  EXPECT_EQ(repair_coefficient(0, 1), 96);
  EXPECT_EQ(repair_coefficient(1, 0), 166);
  EXPECT_EQ(repair_coefficient(65535, 0xffffffffffffffff), 21);
}

TEST(RepairCoefficient, IsNeverZeroAndAboutUniform) {
  std::array<int, 256> counts{};
  constexpr int kDraws = 255 * 1000;
  for (int i = 0; i < kDraws; ++i) {
    ++counts.at(repair_coefficient(static_cast<std::uint16_t>(i % 500), static_cast<std::uint64_t>(i / 500)));
  }
  EXPECT_EQ(counts[0], 0);
  double chi_square = 0;
  for (std::size_t value = 1; value < 256; ++value) {
    chi_square += (counts.at(value) - 1000.0) * (counts.at(value) - 1000.0) / 1000.0;
  }
  // 254 degrees of freedom: mean 254, deviation 22.5.
  EXPECT_LT(chi_square, 254 + 4 * 22.5);
}

TEST(RepairEncoder, MakesTheSumOfCodedForms) {
  const RepairEncoder encoder = filled(5);
  const auto repair = make_repair(encoder, 11, 3, 77);
  ASSERT_EQ(repair.coded.size(), 2U + 3 * 13);
  ByteRow expected(repair.coded.size());
  for (std::uint64_t number = 11; number < 14; ++number) {
    ByteRow coded = some_bytes(3 * number, number);
    coded.insert(coded.begin(), {0, static_cast<std::uint8_t>(3 * number)});
    coded.resize(expected.size());
    for (std::size_t i = 0; i < coded.size(); ++i) {
      expected[i] ^= galois_product(repair_coefficient(77, number), coded[i]);
    }
  }
  EXPECT_EQ(repair.coded, expected);
}

TEST(RepairEncoder, NewestIsBoundedByWhatIsAskedForAndByWhatIsKept) {
  RepairEncoder encoder = filled(5);
  auto window = encoder.newest(3, kRepairStart);
  EXPECT_EQ(window.first, 12U);
  EXPECT_EQ(window.count, 3U);
  EXPECT_EQ(window.coded_bytes, 2U + 3 * 14);
  window = encoder.newest(100, kRepairStart);
  EXPECT_EQ(window.first, 10U);
  EXPECT_EQ(window.count, 5U);
  window = encoder.newest(3, kRepairStart + EncoderLimits{}.age);
  EXPECT_EQ(window.count, 0U);
  EXPECT_EQ(window.coded_bytes, 0U);
}

TEST(RepairEncoder, NewestIsAtMostALargestWindow) {
  RepairEncoder encoder;
  for (std::uint64_t number = 0; number < 300; ++number) encoder.add(number, {}, kRepairStart);
  const auto window = encoder.newest(1000, kRepairStart);
  EXPECT_EQ(window.count, EncoderLimits{}.symbols < 255 ? EncoderLimits{}.symbols : 255);
  EXPECT_EQ(window.first + window.count, 300U);
}

TEST(RepairEncoder, MakesNothingOfWhatIsNotKept) {
  const RepairEncoder encoder = filled(5);
  ByteRow out(kMaxCodedBytes);
  EXPECT_EQ(encoder.make(9, 3, 0, out), 0U);
  EXPECT_EQ(encoder.make(13, 3, 0, out), 0U);
  EXPECT_EQ(encoder.make(10, 0, 0, out), 0U);
  EXPECT_EQ(encoder.make(10, kMaxRepairWindow + 1, 0, out), 0U);
  EXPECT_EQ(encoder.make(10, 1, 0, Bytes(out).first(31)), 0U);
  EXPECT_EQ(encoder.make(10, 1, 0, Bytes(out).first(32)), 32U);
}

TEST(RepairEncoder, AGapForgetsWhatIsBefore) {
  RepairEncoder encoder = filled(5);
  EXPECT_TRUE(encoder.add(16, some_bytes(20, 16), kRepairStart));
  const auto window = encoder.newest(100, kRepairStart);
  EXPECT_EQ(window.first, 16U);
  EXPECT_EQ(window.count, 1U);
}

TEST(RepairEncoder, WhatIsTooLargeIsAGap) {
  RepairEncoder encoder = filled(5);
  EXPECT_FALSE(encoder.add(15, ByteRow(kMaxSymbolBytes + 1), kRepairStart));
  EXPECT_EQ(encoder.newest(100, kRepairStart).count, 0U);
  EXPECT_TRUE(encoder.add(16, ByteRow(kMaxSymbolBytes), kRepairStart));
  EXPECT_EQ(encoder.newest(100, kRepairStart).coded_bytes, kMaxCodedBytes);
}

TEST(RepairEncoder, RestartBeginsAnewAndGivesMemoryBack) {
  RepairEncoder encoder = filled(5);
  EXPECT_GT(encoder.memory(), 0U);
  encoder.restart();
  EXPECT_EQ(encoder.memory(), 0U);
  EXPECT_EQ(encoder.newest(100, kRepairStart).count, 0U);
  EXPECT_TRUE(encoder.add(0, some_bytes(20, 0), kRepairStart));
  EXPECT_EQ(encoder.newest(100, kRepairStart).first, 0U);
}

TEST(RepairEncoder, AllocatesNothingOnceItHasGrown) {
  RepairEncoder encoder;
  const ByteRow bytes = some_bytes(1200, 1);
  ByteRow out(kMaxCodedBytes);
  std::uint64_t number = 0;
  const auto send_many = [&] {
    for (int i = 0; i < 1000; ++i) {
      encoder.add(number++, bytes, kRepairStart);
      const auto window = encoder.newest(64, kRepairStart);
      if (i % 20 == 0) {
        EXPECT_EQ(encoder.make(window.first, window.count, 1, out), 1202U);
      }
    }
  };
  send_many();
  const std::uint64_t before = test::allocations();
  send_many();
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace mptunnel
