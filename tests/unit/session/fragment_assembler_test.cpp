#include "mptunnel/session/fragment_assembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "mptunnel/wire/header.h"
#include "support/start_time.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kStart;
using Octets = std::vector<std::uint8_t>;
using Added = tl::expected<std::optional<FragmentAssembler::Whole>, Drop>;

constexpr SessionIndex kEpoch{0xabcdef};

/// A packet, and its fragments.
struct Cut {
  explicit Cut(std::uint32_t id, std::size_t size, PacketType kind = PacketType::data,
               SessionIndex of = kEpoch)
      : number{id}, type(kind), epoch(of), packet(kHeaderBytes + size) {
    for (std::size_t i = 0; i < packet.size(); ++i) packet[i] = static_cast<std::uint8_t>(i * 31 + id);
    encode_header({type, epoch, number}, packet);
  }
  [[nodiscard]] FragmentFrame part(std::size_t offset, std::size_t size) const {
    return {type, number, static_cast<std::uint32_t>(packet.size() - kHeaderBytes),
            static_cast<std::uint32_t>(offset), ConstBytes(packet).subspan(kHeaderBytes + offset, size)};
  }
  Added add(FragmentAssembler& to, std::size_t offset, std::size_t size, TimePoint now = kStart,
            OuterEcn ecn = {}) const {
    return to.add(epoch, part(offset, size), ecn, now);
  }

  PacketNumber number;
  PacketType type;
  SessionIndex epoch;
  Octets packet;
};

bool is_waiting(const Added& added) {
  return added && !*added;
}

TEST(FragmentAssembler, GivesThePacketWithItsLastFragmentHeaderAndAll) {
  for (const PacketType type : {PacketType::data, PacketType::control}) {
    FragmentBudget budget;
    FragmentAssembler assembler(budget);
    const Cut cut(7, 100, type);
    EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 60)));
    EXPECT_EQ(assembler.packets(), 1U);
    EXPECT_EQ(assembler.bytes(), 60 + 2 * kFragmentRecordBytes) << "what came, and no more";
    const Added whole = cut.add(assembler, 60, 40);
    ASSERT_TRUE(whole && *whole);
    EXPECT_EQ((*whole)->packet, cut.packet);
    EXPECT_EQ(assembler.packets(), 0U);
    EXPECT_EQ(assembler.bytes(), 0U);
    EXPECT_EQ(budget.bytes(), 0U);
  }
}

TEST(FragmentAssembler, OneFragmentMayBeAll) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 1);
  const Added whole = cut.add(assembler, 0, 1);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->packet, cut.packet);
}

TEST(FragmentAssembler, TakesFragmentsInAnyOrder) {
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  do {
    FragmentBudget budget;
    FragmentAssembler assembler(budget);
    const Cut cut(1, 50);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Added added = cut.add(assembler, 10 * order[i], 10);
      ASSERT_TRUE(added);
      ASSERT_EQ(added->has_value(), i == 4);
      if (*added) {
        ASSERT_EQ((*added)->packet, cut.packet);
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(FragmentAssembler, FragmentsOfSeveralSplitsCombine) {
  // Two paths of different MTU: one cuts in halves, the other in three.
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 60);
  EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 30)));
  EXPECT_TRUE(is_waiting(cut.add(assembler, 40, 20)));
  const Added whole = cut.add(assembler, 20, 20);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->packet, cut.packet);
}

TEST(FragmentAssembler, WhatIsAllThereAlreadyIsACopy) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 100);
  EXPECT_TRUE(is_waiting(cut.add(assembler, 10, 50)));
  for (const auto& [offset, size] : {std::pair{10U, 50U}, {10U, 1U}, {59U, 1U}, {20U, 20U}})
    EXPECT_EQ(cut.add(assembler, offset, size).error(), Drop::copy) << offset;
  EXPECT_TRUE(is_waiting(cut.add(assembler, 5, 10))) << "half of it is new";
  EXPECT_TRUE(is_waiting(cut.add(assembler, 60, 40)));
  EXPECT_EQ(cut.add(assembler, 5, 95).error(), Drop::copy) << "neighbours count as one";
}

TEST(FragmentAssembler, AnotherTotalIsAContradiction) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 100);
  EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 50)));
  for (const std::size_t other : {99U, 101U}) {
    const Cut wrong(1, other);
    EXPECT_EQ(wrong.add(assembler, 50, other - 50).error(), Drop::bad_frame);
  }
  const Added whole = cut.add(assembler, 50, 50);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->packet, cut.packet);
}

TEST(FragmentAssembler, PacketsOfOtherKeysTypesAndNumbersAreOthers) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const std::vector<Cut> cuts{Cut(1, 20), Cut(2, 20), Cut(1, 20, PacketType::control),
                              Cut(1, 20, PacketType::data, SessionIndex{5})};
  for (const Cut& cut : cuts) EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 10)));
  EXPECT_EQ(assembler.packets(), 4U);
  for (const Cut& cut : cuts) {
    const Added whole = cut.add(assembler, 10, 10);
    ASSERT_TRUE(whole && *whole);
    EXPECT_EQ((*whole)->packet, cut.packet);
  }
}

TEST(FragmentAssembler, ForgetsAPacketTwoSecondsAfterItsFirstFragment) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut first(1, 100);
  const Cut second(2, 100);
  EXPECT_TRUE(is_waiting(first.add(assembler, 0, 10)));
  EXPECT_TRUE(is_waiting(second.add(assembler, 0, 10, kStart + 1s)));
  EXPECT_TRUE(is_waiting(first.add(assembler, 10, 10, kStart + 1900ms))) << "more fragments do not keep it";
  EXPECT_EQ(assembler.expire(kStart + kFragmentLife - 1ns), 0U);
  EXPECT_EQ(assembler.expire(kStart + kFragmentLife), 1U);
  EXPECT_EQ(assembler.packets(), 1U);
  EXPECT_EQ(assembler.bytes(), 10 + 2 * kFragmentRecordBytes);
  EXPECT_TRUE(is_waiting(first.add(assembler, 20, 80, kStart + kFragmentLife))) << "it begins anew";
  EXPECT_EQ(assembler.expire(kStart + 1h), 2U);
  EXPECT_EQ(assembler.bytes(), 0U);
  EXPECT_EQ(assembler.evicted(), 0U);
}

TEST(FragmentAssembler, PacketThatIsWholeIsNotCountedAsExpired) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 20);
  EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 10)));
  ASSERT_TRUE(*cut.add(assembler, 10, 10));
  // The same number again, as a copy would begin it: it has a time of its own.
  EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 10, kStart + 1s)));
  EXPECT_EQ(assembler.expire(kStart + kFragmentLife), 0U);
  EXPECT_EQ(assembler.packets(), 1U);
  EXPECT_EQ(assembler.expire(kStart + 1s + kFragmentLife), 1U);
}

TEST(FragmentAssembler, HoldsNoMorePacketsThanItsLimitAndGivesUpTheOldest) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  for (std::uint32_t i = 0; i < kFragmentedPackets + 10; ++i) {
    EXPECT_TRUE(is_waiting(Cut(i, 20).add(assembler, 0, 10)));
    EXPECT_LE(assembler.packets(), kFragmentedPackets);
  }
  EXPECT_EQ(assembler.evicted(), 10U);
  EXPECT_TRUE(is_waiting(Cut(5, 20).add(assembler, 10, 10))) << "gone";
  const Added kept = Cut(1000, 20).add(assembler, 10, 10);
  ASSERT_TRUE(kept && *kept);
}

TEST(FragmentAssembler, TellsOnceOfPacketsGivenUpForRoom) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  for (std::uint32_t i = 0; i < kFragmentedPackets + 10; ++i) (void)Cut(i, 20).add(assembler, 0, 10);
  EXPECT_EQ(assembler.expire(kStart), 10U) << "none is too old";
  EXPECT_EQ(assembler.expire(kStart), 0U);
  (void)Cut(100'000, 20).add(assembler, 0, 10);
  EXPECT_EQ(assembler.expire(kStart + kFragmentLife), kFragmentedPackets + 1);
  EXPECT_EQ(assembler.packets(), 0U);
}

TEST(FragmentAssembler, WhatAFragmentSaysIsStillToComeTakesNoRoom) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  for (std::uint32_t i = 0; i < kFragmentedPackets; ++i)
    EXPECT_TRUE(is_waiting(Cut(i, kMaxSealedBytes - kHeaderBytes).add(assembler, i, 1)));
  EXPECT_EQ(assembler.packets(), kFragmentedPackets);
  EXPECT_EQ(assembler.bytes(), kFragmentedPackets * (1 + 2 * kFragmentRecordBytes));
  EXPECT_EQ(assembler.evicted(), 0U);
}

TEST(FragmentAssembler, HoldsNoMoreBytesThanItsLimit) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const std::size_t size = kMaxSealedBytes - kHeaderBytes;
  for (std::uint32_t i = 0; i < 200; ++i) {
    EXPECT_TRUE(is_waiting(Cut(i, size).add(assembler, 0, size - 1)));
    EXPECT_LE(assembler.bytes(), kFragmentedBytes);
  }
  EXPECT_EQ(assembler.packets(), kFragmentedBytes / (size - 1 + 2 * kFragmentRecordBytes));
  EXPECT_EQ(assembler.evicted(), 200 - assembler.packets());
}

TEST(FragmentAssembler, PacketInTooManyPartsIsRefused) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const Cut cut(1, 2 * kFragmentParts + 2);
  for (std::uint32_t i = 0; i < kFragmentParts; ++i)
    ASSERT_TRUE(is_waiting(cut.add(assembler, 2 * i, 1))) << i;
  EXPECT_EQ(cut.add(assembler, 2 * kFragmentParts, 1).error(), Drop::bad_frame);
  EXPECT_EQ(assembler.packets(), 0U);
  EXPECT_EQ(assembler.bytes(), 0U);
}

TEST(FragmentAssembler, PartThatFillsManyGapsStaysWithinTheLimit) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  const std::size_t size = 60'000;
  for (std::uint32_t id = 0; id < 100; ++id) {
    const Cut cut(id, size);
    for (std::uint32_t i = 0; i < 100; ++i) (void)cut.add(assembler, 2 * i, 1);
    (void)cut.add(assembler, 0, size - 1);
    ASSERT_LE(assembler.bytes(), kFragmentedBytes);
  }
  EXPECT_GT(assembler.evicted(), 50U);
}

TEST(FragmentAssembler, ManyPacketsThatBecomeWholeNeedNoRoomForLong) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const Cut cut(i, 20);
    ASSERT_TRUE(is_waiting(cut.add(assembler, 0, 10)));
    const Added whole = cut.add(assembler, 10, 10);
    ASSERT_TRUE(whole && *whole);
  }
  EXPECT_EQ(assembler.evicted(), 0U);
  EXPECT_EQ(assembler.bytes(), 0U);
}

TEST(FragmentBudget, LargestHolderYields) {
  FragmentBudget budget(std::size_t{1} << 20U);
  FragmentAssembler modest(budget);
  FragmentAssembler greedy(budget);
  FragmentAssembler late(budget);
  const Cut wanted(7, 3000);
  EXPECT_TRUE(is_waiting(wanted.add(modest, 0, 1000)));
  for (std::uint32_t i = 0; i < 2000; ++i) {
    EXPECT_TRUE(is_waiting(Cut(i, 3000).add(greedy, 0, 1000)));
    ASSERT_LE(budget.bytes(), std::size_t{1} << 20U);
  }
  EXPECT_GT(greedy.evicted(), 1000U);
  // Whoever comes to a full house gets a place, too.
  EXPECT_TRUE(is_waiting(wanted.add(late, 0, 1000)));
  for (FragmentAssembler* assembler : {&modest, &late}) {
    EXPECT_EQ(assembler->evicted(), 0U);
    const Added whole = wanted.add(*assembler, 1000, 2000);
    ASSERT_TRUE(whole && *whole);
    EXPECT_EQ((*whole)->packet, wanted.packet);
  }
  EXPECT_EQ(greedy.expire(kStart + kFragmentLife), 2000U) << "each is counted";
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST(FragmentBudget, AssemblerThatGoesGivesItsBytesBack) {
  FragmentBudget budget;
  FragmentAssembler stays(budget);
  {
    FragmentAssembler goes(budget);
    for (FragmentAssembler* assembler : {&stays, &goes})
      EXPECT_TRUE(is_waiting(Cut(1, 100).add(*assembler, 0, 10)));
    EXPECT_EQ(budget.bytes(), stays.bytes() + goes.bytes());
  }
  EXPECT_EQ(budget.bytes(), stays.bytes());
}

TEST(FragmentAssembler, CongestionThatOneFragmentMetIsThatOfThePacket) {
  constexpr std::array<Ecn, 4> kByCongestion{Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  std::uint32_t number = 0;
  for (std::size_t first = 0; first < 4; ++first) {
    for (std::size_t second = 0; second < 4; ++second) {
      const Cut cut(++number, 100);
      EXPECT_TRUE(is_waiting(cut.add(assembler, 0, 60, kStart, {kByCongestion.at(first)})));
      EXPECT_FALSE(cut.add(assembler, 10, 20, kStart, {Ecn::ce})) << "a copy, and what it met counts no more";
      const Added whole = cut.add(assembler, 60, 40, kStart, {kByCongestion.at(second)});
      ASSERT_TRUE(whole && *whole);
      EXPECT_EQ((*whole)->ecn.ecn, kByCongestion.at(std::max(first, second))) << first << " " << second;
    }
  }
}

TEST(FragmentAssembler, AgreesWithAMapOfBytesForRandomSplits) {
  test::TestRandom random(5);
  for (int round = 0; round < 2000; ++round) {
    FragmentBudget budget;
    FragmentAssembler assembler(budget);
    std::vector<Cut> cuts;
    std::vector<std::vector<bool>> have;
    for (std::uint32_t i = 0; i < 3; ++i) {
      cuts.emplace_back(i, 1 + random.below(40));
      have.emplace_back(cuts.back().packet.size() - kHeaderBytes);
    }
    for (int step = 0; step < 60; ++step) {
      const std::size_t which = random.below(3);
      std::vector<bool>& bits = have[which];
      const std::size_t offset = random.below(bits.size());
      const std::size_t size = 1 + random.below(bits.size() - offset);
      const auto begin = bits.begin() + static_cast<std::ptrdiff_t>(offset);
      const auto end = begin + static_cast<std::ptrdiff_t>(size);
      const bool is_new = std::find(begin, end, false) != end;
      std::fill(begin, end, true);
      const bool is_whole = std::find(bits.begin(), bits.end(), false) == bits.end();
      const Added added = cuts[which].add(assembler, offset, size);
      ASSERT_EQ(added.has_value(), is_new);
      if (!added) {
        ASSERT_EQ(added.error(), Drop::copy);
        continue;
      }
      ASSERT_EQ(added->has_value(), is_whole);
      if (!is_whole) continue;
      ASSERT_EQ((*added)->packet, cuts[which].packet);
      std::fill(bits.begin(), bits.end(), false);
    }
  }
}

}  // namespace
}  // namespace mptunnel
