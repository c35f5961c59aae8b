// The small parts of the base layer: batches, ids, drop reasons, log levels, the random source, assertions.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/bytes.h"
#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/log_level.h"
#include "mptunnel/base/random.h"

namespace mptunnel {
namespace {

using Octets = std::vector<std::uint8_t>;

std::vector<Octets> datagrams_of(Octets bytes, std::size_t stride) {
  std::vector<Octets> datagrams;
  for_each_datagram({bytes, stride}, [&](Bytes one) { datagrams.emplace_back(one.begin(), one.end()); });
  return datagrams;
}

TEST(DatagramBatch, IsVisitedInOrderWithAShorterLastOne) {
  const Octets bytes{1, 2, 3, 4, 5};
  struct Row {
    std::size_t stride;
    std::vector<Octets> datagrams;
  };
  const std::vector<Row> rows{
      {1, {{1}, {2}, {3}, {4}, {5}}}, {2, {{1, 2}, {3, 4}, {5}}},
      {4, {{1, 2, 3, 4}, {5}}},       {5, {{1, 2, 3, 4, 5}}},
      {6, {{1, 2, 3, 4, 5}}},         {static_cast<std::size_t>(-1), {{1, 2, 3, 4, 5}}},
      {0, {{1, 2, 3, 4, 5}}}};
  for (const Row& row : rows) EXPECT_EQ(datagrams_of(bytes, row.stride), row.datagrams) << row.stride;
}

TEST(DatagramBatch, OfNoBytesIsOneEmptyDatagram) {
  EXPECT_EQ(datagrams_of({}, 0), std::vector<Octets>{{}});
  EXPECT_EQ(datagrams_of({}, 1500), std::vector<Octets>{{}});
}

TEST(DatagramBatch, MayBeWrittenInto) {
  Octets bytes{1, 2, 3};
  for_each_datagram({bytes, 2}, [](Bytes one) { one.front() = 9; });
  EXPECT_EQ(bytes, (Octets{9, 2, 9}));
}

TEST(Drop, HasANameOfItsOwnForEveryReason) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const std::string name = name_of(static_cast<Drop>(i));
    EXPECT_FALSE(name.empty()) << i;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), kDropReasons);
}

TEST(Drop, NamesAreInTheOrderOfTheEnum) {
  const std::vector<std::pair<Drop, std::string>> rows{
      {Drop::truncated, "truncated"},         {Drop::open_failed, "open_failed"},
      {Drop::clear_reach, "clear_reach"},     {Drop::handshake_rate, "handshake_rate"},
      {Drop::path_limit, "path_limit"},       {Drop::superseded, "superseded"},
      {Drop::queue_expired, "queue_expired"}, {Drop::target_unknown, "target_unknown"}};
  for (const auto& [reason, name] : rows) EXPECT_EQ(name_of(reason), name);
}

TEST(DropCounters, CountEachReasonByItself) {
  DropCounters counters;
  counters.add(Drop::copy);
  counters.add(Drop::copy, 41);
  counters.add(Drop::target_unknown);
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    const std::uint64_t wanted = reason == Drop::copy ? 42 : reason == Drop::target_unknown ? 1 : 0;
    EXPECT_EQ(counters[reason], wanted) << name_of(reason);
  }
}

TEST(LogLevel, IsReadFromItsOwnNameAndWarnAloneInAnyCase) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    EXPECT_EQ(parse_log_level(name_of(level)), level);
  }
  for (const char* word : {"", "warnin", "info ", "trace", "off", "WARNINGS", "ERR@R"})
    EXPECT_FALSE(parse_log_level(word)) << word;
  for (const char* word : {"warn", "WARN", "Warn", "WARNING", "wArNiNg"})
    EXPECT_EQ(parse_log_level(word), LogLevel::warning) << word;
  EXPECT_EQ(parse_log_level("Debug"), LogLevel::debug);
}

/// Gives 1, 2, 3, ...
class CountingRandom final : public RandomSource {
 public:
  void fill(Bytes out) override {
    for (std::uint8_t& byte : out) byte = ++last_;
  }

 private:
  std::uint8_t last_ = 0;
};

TEST(RandomSource, MakesNumbersOfItsBytes) {
  CountingRandom random;
  EXPECT_EQ(random.u64(), 0x0102030405060708U);
  EXPECT_EQ(random.below(0x100), 0x10U);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(AssertDeathTest, SaysWhatAndWhereBeforeItAborts) {
  EXPECT_DEATH(MPT_ASSERT(1 + 1 == 3),
               "mptunnel: bug: assertion '1 \\+ 1 == 3' failed at .*base_test.cpp:[0-9]+");
  MPT_ASSERT(1 + 1 == 2);
}

}  // namespace
}  // namespace mptunnel
