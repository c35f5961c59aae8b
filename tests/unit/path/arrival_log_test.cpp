#include "mptunnel/path/arrival_log.h"

#include <gtest/gtest.h>

#include <vector>

#include "mptunnel/path/path_traffic.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kBegin{100s};
constexpr SessionIndex kKey{0x0a0b0c};
constexpr PathId kPath{3};

PacketHeader data(std::uint32_t number, SessionIndex epoch = kKey) {
  return {PacketType::data, epoch, PacketNumber{number}};
}

/// Packets 0 to `count` - 1 of 100 bytes each, one each millisecond.
ArrivalLog with(std::uint32_t count) {
  ArrivalLog log;
  for (std::uint32_t i = 0; i < count; ++i) log.note(data(i), i + 1, 100 * (i + 1), kBegin + i * 1ms);
  return log;
}

TEST(ArrivalLog, SaysNothingOfNothing) {
  ArrivalLog log;
  EXPECT_EQ(log.pending(), 0U);
  EXPECT_EQ(log.since(), kNever);
  EXPECT_FALSE(log.take(kPath, kKey, kBegin));
}

TEST(ArrivalLog, SaysWhatCameAndHowLongAgo) {
  ArrivalLog log;
  log.note(data(7), 10, 5000, kBegin);
  log.note({PacketType::control, kKey, PacketNumber{2}}, 11, 5100, kBegin + 3ms);
  EXPECT_EQ(log.pending(), 2U);
  EXPECT_EQ(log.since(), kBegin);
  const auto ack = log.take(kPath, kKey, kBegin + 5ms);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->path, kPath);
  EXPECT_EQ(ack->time, 100'005'000U);
  EXPECT_EQ(ack->packets, 11U);
  EXPECT_EQ(ack->bytes, 5100U);
  ASSERT_EQ(ack->count, 2U);
  EXPECT_EQ(ack->samples[0], (AckSample{PacketType::control, PacketNumber{2}, 2000}));
  EXPECT_EQ(ack->samples[1], (AckSample{PacketType::data, PacketNumber{7}, 5000}));
}

TEST(ArrivalLog, BeginsAnewOnceTaken) {
  ArrivalLog log = with(10);
  ASSERT_TRUE(log.take(kPath, kKey, kBegin + 10ms));
  EXPECT_EQ(log.pending(), 0U);
  EXPECT_EQ(log.since(), kNever);
  EXPECT_FALSE(log.take(kPath, kKey, kBegin + 11ms));
  log.note(data(10), 11, 1100, kBegin + 12ms);
  EXPECT_EQ(log.since(), kBegin + 12ms);
  EXPECT_EQ(log.take(kPath, kKey, kBegin + 13ms)->count, 1U);
}

TEST(ArrivalLog, KeepsTheLastAndSomeThatAreSpreadOverAll) {
  for (std::uint32_t count = 1; count <= 3000; count = count < 20 ? count + 1 : count * 3 / 2) {
    SCOPED_TRACE(count);
    ArrivalLog log = with(count);
    EXPECT_EQ(log.pending(), count);
    const auto ack = log.take(kPath, kKey, kBegin + 10s);
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->packets, count);
    EXPECT_EQ(ack->bytes, 100 * count);
    EXPECT_EQ(ack->samples[0].number.value, count - 1);
    EXPECT_GE(ack->count, std::min<std::uint32_t>(count, 3));
    EXPECT_LE(ack->count, 4U);
    // Newest first, and no part of more than two thirds without one.
    std::uint32_t after = count;
    for (const AckSample& sample : ack->sampled()) {
      EXPECT_LT(sample.number.value, after);
      EXPECT_LE(after - sample.number.value, std::max<std::uint32_t>(2, count * 2 / 3));
      after = sample.number.value;
      EXPECT_EQ(sample.age, 10'000'000U - 1000 * sample.number.value);
    }
    EXPECT_EQ(after, count > 1 ? 0U : count - 1) << "the first";
  }
}

TEST(ArrivalLog, LeavesOutWhatCameUnderOtherKeys) {
  constexpr SessionIndex kOther{9};
  ArrivalLog log;
  log.note(data(1), 1, 100, kBegin);
  log.note(data(2), 2, 200, kBegin + 1ms);
  log.note(data(900, kOther), 3, 300, kBegin + 2ms);
  ArrivalLog same = log;
  const auto ack = log.take(kPath, kKey, kBegin + 2ms);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->count, 2U);
  EXPECT_EQ(ack->samples[0].number.value, 2U);
  EXPECT_EQ(ack->packets, 2U) << "with the first sample";
  EXPECT_EQ(ack->bytes, 200U);
  EXPECT_EQ(same.take(kPath, kOther, kBegin + 2ms)->count, 1U);
  ArrivalLog third = with(5);
  EXPECT_FALSE(third.take(kPath, kOther, kBegin + 5ms));
  EXPECT_EQ(third.pending(), 0U);
}

TEST(PathTraffic, TellsTheLogWhatCounts) {
  PathTraffic traffic;
  traffic.count_received(data(1), 700, kBegin);
  EXPECT_EQ(traffic.received, 1U);
  traffic.arrivals = std::make_shared<ArrivalLog>();
  traffic.count_received(data(2), 300, kBegin);
  const auto ack = traffic.arrivals->take(kPath, kKey, kBegin);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->packets, 2U);
  EXPECT_EQ(ack->bytes, 1000U);
}

}  // namespace
}  // namespace mptunnel
