// The trie against a list that is searched from end to end.
#include "mptunnel/ip/prefix_table.h"

#include <gtest/gtest.h>

#include <map>

#include "../session/allocation_counter.h"
#include "address_text.h"
#include "support/common/prng.h"

namespace mptunnel {
namespace {

using test::address;
using Inserted = PrefixTable::Inserted;
using Match = PrefixTable::Match;

Prefix prefix(const char* text) {
  return parse_prefix(text).value();
}

TEST(PrefixTable, FindsTheLongest) {
  PrefixTable table;
  EXPECT_EQ(table.insert(prefix("0.0.0.0/0"), 1), Inserted::yes);
  EXPECT_EQ(table.insert(prefix("10.1.0.0/16"), 3), Inserted::yes);
  EXPECT_EQ(table.insert(prefix("10.0.0.0/8"), 2), Inserted::yes);
  EXPECT_EQ(table.insert(prefix("10.1.2.3"), 4), Inserted::yes);
  EXPECT_EQ(table.lookup(address("11.0.0.1")), (Match{1, 0}));
  EXPECT_EQ(table.lookup(address("10.2.0.1")), (Match{2, 8}));
  EXPECT_EQ(table.lookup(address("10.1.2.4")), (Match{3, 16}));
  EXPECT_EQ(table.lookup(address("10.1.2.3")), (Match{4, 32}));
  EXPECT_EQ(table.size(), 4U);
  EXPECT_TRUE(table.erase(prefix("10.1.0.0/16")));
  EXPECT_EQ(table.lookup(address("10.1.2.4")), (Match{2, 8}));
  EXPECT_EQ(table.lookup(address("10.1.2.3")), (Match{4, 32}));
}

TEST(PrefixTable, FamiliesDoNotMeet) {
  PrefixTable table;
  table.insert(prefix("0.0.0.0/0"), 4);
  EXPECT_FALSE(table.lookup(address("::")));
  EXPECT_FALSE(table.lookup(address("a00::1")));
  table.insert(prefix("::/0"), 6);
  EXPECT_EQ(table.lookup(address("a00::1")), (Match{6, 0}));
  EXPECT_EQ(table.lookup(address("10.0.0.0")), (Match{4, 0}));
  EXPECT_TRUE(table.erase(prefix("::/0")));
  EXPECT_EQ(table.lookup(address("10.0.0.0")), (Match{4, 0}));
}

TEST(PrefixTable, EmptyHasNothing) {
  PrefixTable table;
  EXPECT_FALSE(table.lookup(address("10.0.0.1")));
  EXPECT_FALSE(table.lookup(IpAddress{}));
  EXPECT_FALSE(table.find(prefix("10.0.0.0/8")));
  EXPECT_FALSE(table.erase(prefix("10.0.0.0/8")));
}

TEST(PrefixTable, TakenPrefixStaysAsItWas) {
  PrefixTable table(1);
  table.insert(prefix("10.0.0.0/8"), 1);
  EXPECT_EQ(table.insert(prefix("10.0.0.0/8"), 2), Inserted::taken);
  EXPECT_EQ(table.find(prefix("10.0.0.0/8")), 1U);
  EXPECT_EQ(table.size(), 1U);
}

TEST(PrefixTable, LimitHoldsAndRoomIsUsedAgain) {
  PrefixTable table(2);
  EXPECT_EQ(table.insert(prefix("10.0.0.0/8"), 1), Inserted::yes);
  EXPECT_EQ(table.insert(prefix("fd00::/8"), 2), Inserted::yes);
  EXPECT_EQ(table.insert(prefix("11.0.0.0/8"), 3), Inserted::full);
  EXPECT_FALSE(table.lookup(address("11.0.0.1")));
  EXPECT_TRUE(table.erase(prefix("10.0.0.0/8")));
  EXPECT_EQ(table.insert(prefix("11.0.0.0/8"), 3), Inserted::yes);
  EXPECT_EQ(table.lookup(address("11.0.0.1")), (Match{3, 8}));
}

TEST(PrefixTable, BranchThatIsNoEntryIsNoMatch) {
  PrefixTable table;
  table.insert(prefix("10.0.0.0/24"), 1);
  table.insert(prefix("10.0.3.0/24"), 2);
  EXPECT_FALSE(table.lookup(address("10.0.1.1")));
  EXPECT_FALSE(table.find(prefix("10.0.0.0/22")));
  EXPECT_FALSE(table.erase(prefix("10.0.0.0/22")));
  EXPECT_EQ(table.insert(prefix("10.0.0.0/22"), 3), Inserted::yes);
  EXPECT_EQ(table.nodes(), 3U);
  EXPECT_EQ(table.lookup(address("10.0.1.1")), (Match{3, 22}));
}

/// Searched from end to end.
class PlainTable {
 public:
  std::map<Prefix, std::uint32_t> entries;

  [[nodiscard]] std::optional<Match> lookup(const IpAddress& wanted) const {
    std::optional<Match> best;
    for (const auto& [entry, value] : entries) {
      if (entry.contains(wanted) && (!best || entry.length >= best->length))
        best = Match{value, entry.length};
    }
    return best;
  }
};

/// Few different bits, so that prefixes contain each other.
IpAddress some_address(test::Prng& random) {
  IpAddress made;
  made.family = random.below(2) == 0 ? Family::ipv4 : Family::ipv6;
  const std::size_t size = made.bits() / 8;
  for (std::size_t i = 0; i < size; ++i) {
    if (random.below(3) == 0)
      made.octets[i] = static_cast<std::uint8_t>(random.below(2) == 0 ? 0xff : 1U << random.below(8));
  }
  return made;
}

TEST(PrefixTable, IsAListThatIsSearched) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    test::Prng random(seed);
    PrefixTable table(150);
    PlainTable plain;
    for (std::uint32_t step = 0; step < 4000; ++step) {
      const IpAddress near = some_address(random);
      const Prefix some = prefix_of(near, static_cast<unsigned>(random.below(near.bits() + 1)));
      // First it grows, then it shrinks to nothing.
      if (random.below(3) != (step < 2000 ? 0U : 1U) && step < 3000) {
        const bool taken = plain.entries.contains(some);
        const bool full = plain.entries.size() == 150;
        ASSERT_EQ(table.insert(some, step), taken ? Inserted::taken : full ? Inserted::full : Inserted::yes);
        if (!taken && !full) plain.entries[some] = step;
      } else if (!plain.entries.empty()) {
        ASSERT_EQ(table.erase(some), plain.entries.erase(some) == 1);
        if (step >= 2500 && !plain.entries.empty()) {
          const Prefix first = plain.entries.begin()->first;
          ASSERT_TRUE(table.erase(first));
          plain.entries.erase(first);
        }
      }
      ASSERT_EQ(table.size(), plain.entries.size());
      ASSERT_LE(table.nodes(), plain.entries.empty() ? 0 : plain.entries.size() * 2 - 1);
      for (int i = 0; i < 3; ++i) {
        const IpAddress wanted = some_address(random);
        ASSERT_EQ(table.lookup(wanted), plain.lookup(wanted)) << wanted.to_string();
        ASSERT_EQ(table.find(some).has_value(), plain.entries.contains(some));
      }
    }
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.nodes(), 0U);
  }
}

TEST(PrefixTable, LookupAllocatesNothing) {
  PrefixTable table;
  for (unsigned i = 0; i < 200; ++i) {
    const std::array<std::uint8_t, 4> bytes{10, 0, static_cast<std::uint8_t>(i), 0};
    table.insert(prefix_of(IpAddress::from(bytes), 24), i);
  }
  const IpAddress wanted = address("10.0.77.9");
  const std::uint64_t before = test::allocations();
  const auto match = table.lookup(wanted);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(match, (Match{77, 24}));
}

}  // namespace
}  // namespace mptunnel
