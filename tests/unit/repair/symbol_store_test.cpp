#include "mptunnel/repair/symbol_store.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "mptunnel/repair/limits.h"
#include "repair_support.h"
#include "unit/session/allocation_counter.h"

namespace mptunnel {
namespace {

using test::ByteRow;
using test::kRepairStart;
using test::some_bytes;

constexpr SymbolStore::Limits kSmall{16, kMaxSymbolBytes, 100ms};

ByteRow kept(const SymbolStore& store, std::uint64_t number) {
  const auto bytes = store.find(number);
  return bytes ? ByteRow(bytes->begin(), bytes->end()) : ByteRow{0xde, 0xad};
}

TEST(SymbolStore, HoldsNoMemoryBeforeTheFirstSymbolAndAfterClear) {
  SymbolStore store(kSmall);
  EXPECT_EQ(store.memory(), 0U);
  EXPECT_FALSE(store.contains(0));
  EXPECT_FALSE(store.drop_oldest());
  store.put(5, some_bytes(100, 5), kRepairStart);
  EXPECT_GT(store.memory(), 100U);
  store.drop_oldest();
  EXPECT_EQ(store.floor(), 6U);
  store.clear();
  EXPECT_EQ(store.memory(), 0U);
  EXPECT_EQ(store.floor(), 0U);
}

TEST(SymbolStore, KeepsASymbolOnceAndWhole) {
  SymbolStore store(kSmall);
  EXPECT_TRUE(store.put(3, some_bytes(50, 3), kRepairStart));
  EXPECT_TRUE(store.put(2, {}, kRepairStart));
  EXPECT_FALSE(store.put(3, some_bytes(50, 4), kRepairStart));
  EXPECT_EQ(kept(store, 3), some_bytes(50, 3));
  EXPECT_EQ(kept(store, 2), ByteRow());
  EXPECT_FALSE(store.find(4).has_value());
  EXPECT_EQ(store.size(), 2U);
}

TEST(SymbolStore, DropsByCountTheOldestFirst) {
  SymbolStore store(kSmall);
  for (std::uint64_t number = 0; number < 20; ++number) {
    ASSERT_TRUE(store.put(number, some_bytes(10, number), kRepairStart));
  }
  EXPECT_EQ(store.size(), 16U);
  EXPECT_EQ(store.floor(), 4U);
  EXPECT_FALSE(store.contains(3));
  EXPECT_EQ(kept(store, 4), some_bytes(10, 4));
  EXPECT_FALSE(store.put(3, some_bytes(10, 3), kRepairStart));
}

TEST(SymbolStore, DropsByBytes) {
  SymbolStore store(kSmall);
  ASSERT_TRUE(store.put(0, some_bytes(30'000, 0), kRepairStart));
  ASSERT_TRUE(store.put(1, some_bytes(30'000, 1), kRepairStart));
  ASSERT_TRUE(store.put(2, some_bytes(kMaxSymbolBytes, 2), kRepairStart));
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(kept(store, 2), some_bytes(kMaxSymbolBytes, 2));
  EXPECT_LE(store.memory(), kMaxSymbolBytes + 16 * 64);
}

TEST(SymbolStore, DropsByAge) {
  SymbolStore store(kSmall);
  store.put(0, some_bytes(10, 0), kRepairStart);
  store.put(1, some_bytes(10, 1), kRepairStart + 60ms);
  store.expire(kRepairStart + 100ms - 1ns);
  EXPECT_TRUE(store.contains(0));
  store.expire(kRepairStart + 100ms);
  EXPECT_FALSE(store.contains(0));
  EXPECT_TRUE(store.contains(1));
}

TEST(SymbolStore, CountsWhatCameSinceThen) {
  SymbolStore store({.symbols = 4, .bytes = kMaxSymbolBytes, .age = 1s});
  EXPECT_EQ(store.count_since(TimePoint{}), 0U);
  const TimePoint start = TimePoint{} + 1h;
  // Around the ring's end, too.
  for (std::uint64_t number = 0; number < 7; ++number)
    store.put(number, Bytes(), start + static_cast<int>(number) * 10ms);
  EXPECT_EQ(store.count_since(start), 4U);
  EXPECT_EQ(store.count_since(start + 40ms), 3U);
  EXPECT_EQ(store.count_since(start + 41ms), 2U);
  EXPECT_EQ(store.count_since(start + 60ms), 1U);
  EXPECT_EQ(store.count_since(start + 61ms), 0U);
}

TEST(SymbolStore, AHigherNumberTakesTheSlotOfALowerOne) {
  SymbolStore store(kSmall);
  store.put(0, some_bytes(10, 0), kRepairStart);
  store.put(9, some_bytes(10, 9), kRepairStart);
  EXPECT_TRUE(store.put(16, some_bytes(10, 16), kRepairStart));
  EXPECT_FALSE(store.contains(0));
  EXPECT_EQ(store.floor(), 1U);
  EXPECT_TRUE(store.put(41, some_bytes(10, 41), kRepairStart));  // of 9
  EXPECT_EQ(store.floor(), 10U);
  EXPECT_FALSE(store.put(25, some_bytes(10, 25), kRepairStart));  // 41 has it
  EXPECT_EQ(store.floor(), 26U);
  EXPECT_EQ(store.size(), 2U);
}

/// Beside a model that knows all, with any sizes and orders: what is kept is what was put, and only what the
/// limits ask for goes.
TEST(SymbolStore, IsAMapOfTheNewest) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    SymbolStore store({64, kMaxSymbolBytes, 50ms});
    std::map<std::uint64_t, ByteRow> model;
    TimePoint now = kRepairStart;
    std::uint64_t middle = 0;
    for (int i = 0; i < 3000; ++i) {
      now += std::chrono::microseconds(engine() % 500);
      if (engine() % 200 == 0) now += 30ms;
      middle += engine() % 100 == 0 ? engine() % 200 : engine() % 3;
      const std::uint64_t number = middle + engine() % 20;
      const ByteRow bytes = some_bytes(engine() % 10 == 0 ? engine() % 20'000 : engine() % 1500, engine());
      const bool was_there = store.contains(number);
      if (store.put(number, bytes, now)) {
        ASSERT_FALSE(was_there);
        model[number] = bytes;
        ASSERT_EQ(kept(store, number), bytes);
      }
      std::size_t found = 0;
      for (const auto& [key, value] : model) {
        if (!store.contains(key)) continue;
        ++found;
        if (i % 50 == 0) {
          ASSERT_EQ(kept(store, key), value);
        }
      }
      ASSERT_EQ(found, store.size());
      ASSERT_LE(store.size(), 64U);
      ASSERT_LE(store.memory(), kMaxSymbolBytes + 64 * 64);
    }
    EXPECT_GT(store.floor(), 0U);
  }
}

TEST(SymbolStore, AllocatesNothingOnceItHasGrown) {
  SymbolStore store({256, std::size_t{1} << 20U, 50ms});
  const ByteRow bytes = some_bytes(1200, 1);
  std::uint64_t number = 0;
  TimePoint now = kRepairStart;
  const auto put_many = [&] {
    for (int i = 0; i < 2000; ++i) store.put(number++, bytes, now += 100us);
  };
  put_many();
  const std::uint64_t before = test::allocations();
  put_many();
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace mptunnel
