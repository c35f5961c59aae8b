#include "mptunnel/path/delivery_meter.h"

#include <gtest/gtest.h>

#include <random>

#include "mptunnel/path/arrival_log.h"
#include "mptunnel/path/wire_numbers.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kDeparture{1000s};
constexpr std::size_t kBytes = 1000;

SentRun run(std::uint32_t first, std::uint32_t count, std::uint32_t order = 0, std::size_t tail = kBytes) {
  return {order, PacketType::data, PacketNumber{first}, count, kBytes, tail};
}

TEST(SentLog, FindsEachPacketOfARun) {
  SentLog log;
  log.add(run(10, 5, 0, 300), 100, 100'000, kDeparture);
  for (std::uint32_t i = 0; i < 5; ++i) {
    const auto left = log.find(0, PacketNumber{10 + i});
    ASSERT_TRUE(left) << i;
    EXPECT_EQ(left->at, kDeparture);
    EXPECT_EQ(left->packets, 101 + i);
    EXPECT_EQ(left->bytes, 100'000 + (i == 4 ? 4300 : kBytes * (i + 1)));
  }
  EXPECT_FALSE(log.find(0, PacketNumber{9}));
  EXPECT_FALSE(log.find(0, PacketNumber{15}));
  EXPECT_FALSE(log.find(1, PacketNumber{10}));
}

TEST(SentLog, HasGapsWhereOtherPathsGotThePackets) {
  SentLog log;
  for (std::uint32_t i = 0; i < 50; ++i) log.add(run(10 * i, 4), 4 * i, 4000 * i, kDeparture + i * 1ms);
  for (std::uint32_t number = 0; number < 500; ++number) {
    const auto left = log.find(0, PacketNumber{number});
    ASSERT_EQ(left.has_value(), number % 10 < 4) << number;
    if (left) {
      EXPECT_EQ(left->at, kDeparture + number / 10 * 1ms);
    }
  }
}

TEST(SentLog, TellsKeysApart) {
  SentLog log;
  log.add(run(5, 1, 3), 0, 0, kDeparture);
  log.add(run(0, 10, 4), 1, 1000, kDeparture + 1ms);
  EXPECT_EQ(log.find(3, PacketNumber{5})->at, kDeparture);
  EXPECT_EQ(log.find(4, PacketNumber{5})->at, kDeparture + 1ms);
  EXPECT_FALSE(log.find(3, PacketNumber{6}));
}

TEST(SentLog, LeavesLateCopiesOut) {
  SentLog log;
  log.add(run(5, 5), 0, 0, kDeparture);
  log.add(run(2, 3), 5, 5000, kDeparture + 1ms);
  log.add(run(9, 1), 8, 8000, kDeparture + 2ms);
  EXPECT_FALSE(log.find(0, PacketNumber{2}));
  EXPECT_EQ(log.find(0, PacketNumber{9})->at, kDeparture);
  log.add(run(10, 1), 9, 9000, kDeparture + 3ms);
  EXPECT_EQ(log.find(0, PacketNumber{10})->at, kDeparture + 3ms);
}

TEST(SentLog, ForgetsTheOldest) {
  SentLog log;
  for (std::uint32_t i = 0; i < 5000; ++i) log.add(run(2 * i, 1), i, kBytes * i, kDeparture + i * 1us);
  EXPECT_FALSE(log.find(0, PacketNumber{0}));
  EXPECT_FALSE(log.find(0, PacketNumber{2 * (5000 - 1025)}));
  for (std::uint32_t i = 5000 - 1024; i < 5000; ++i) {
    ASSERT_TRUE(log.find(0, PacketNumber{2 * i})) << i;
    EXPECT_EQ(log.find(0, PacketNumber{2 * i})->packets, i + 1);
  }
}

/// A path in virtual time: what leaves arrives after the delay, or not, and is acknowledged by an ArrivalLog.
class AckedPath {
 public:
  void send(std::uint32_t count, Duration delay, bool is_lost = false) {
    const SentRun sent{0, PacketType::data, PacketNumber{next_}, count, kBytes, kBytes};
    meter.on_sent(sent, packets_, bytes_, now);
    packets_ += count;
    bytes_ += count * kBytes;
    for (std::uint32_t i = 0; i < count && !is_lost; ++i) {
      ++came_;
      // The peer's clock is another one.
      log_.note({PacketType::data, kKey, PacketNumber{next_ + i}}, came_, came_ * kBytes, peer(now + delay));
    }
    next_ += count;
  }
  AckFrame make_ack() { return *log_.take(PathId{0}, kKey, peer(now)); }
  std::optional<DeliveryReport> ack() { return meter.on_ack(make_ack(), 0, now); }
  [[nodiscard]] static TimePoint peer(TimePoint time) { return time - 900s; }

  DeliveryMeter meter;
  TimePoint now = kDeparture;

 private:
  static constexpr SessionIndex kKey{5};
  ArrivalLog log_;
  std::uint32_t next_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t came_ = 0;
};

TEST(DeliveryMeter, SaysWhatCameSinceTheLastAck) {
  AckedPath path;
  path.send(10, 20ms);
  path.now += 40ms;
  EXPECT_FALSE(path.ack()) << "what the next one is compared with";
  path.send(10, 25ms);
  path.now += 5ms;
  path.send(5, 20ms);
  const TimePoint left = path.now;
  path.now += 45ms;
  const auto report = path.ack();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->acknowledged, 15 * kBytes);
  EXPECT_EQ(report->lost, 0U);
  EXPECT_EQ(report->received, 25 * kBytes);
  EXPECT_EQ(report->sent, 25 * kBytes);
  EXPECT_EQ(report->left, left);
  EXPECT_EQ(report->arrived, AckedPath::peer(left + 20ms).time_since_epoch());
  EXPECT_EQ(report->least_delay, 20ms - 900s) << "the clocks' difference is in it";
  EXPECT_EQ(report->rtt, 20ms) << "without the time until the ACK was made; it came at once";
}

TEST(DeliveryMeter, CountsWhatWasLost) {
  AckedPath path;
  path.send(1, 20ms);
  path.now += 30ms;
  path.ack();
  path.send(6, 20ms);
  path.send(3, 20ms, true);
  path.send(1, 20ms);
  path.send(4, 20ms, true);
  path.now += 30ms;
  const auto report = path.ack();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->acknowledged, 7 * kBytes);
  EXPECT_EQ(report->lost, 3 * kBytes) << "what left after the last that came may still come";
  path.send(1, 20ms);
  path.now += 30ms;
  EXPECT_EQ(path.ack()->lost, 4 * kBytes);
}

TEST(DeliveryMeter, LooksAtNoAckTwiceNorAtOneThatWasOvertaken) {
  AckedPath path;
  path.send(1, 1ms);
  path.now += 10ms;
  path.ack();
  path.send(1, 1ms);
  path.now += 10ms;
  const AckFrame slow = path.make_ack();
  path.send(1, 1ms);
  path.now += 10ms;
  const AckFrame fast = path.make_ack();
  EXPECT_TRUE(path.meter.on_ack(fast, 0, path.now));
  EXPECT_FALSE(path.meter.on_ack(fast, 0, path.now));
  EXPECT_FALSE(path.meter.on_ack(slow, 0, path.now));
}

TEST(DeliveryMeter, PaysNoHeedToPacketsThatItDoesNotKnow) {
  AckedPath path;
  path.send(5, 1ms);
  path.now += 10ms;
  AckFrame ack = path.make_ack();
  ack.samples[0].number = PacketNumber{77};
  EXPECT_FALSE(path.meter.on_ack(ack, 0, path.now));
  ack.samples[0] = {PacketType::control, PacketNumber{1}, 0};
  EXPECT_FALSE(path.meter.on_ack(ack, 0, path.now));
  ack.samples[0] = {PacketType::data, PacketNumber{1}, 0};
  EXPECT_FALSE(path.meter.on_ack(ack, 1, path.now)) << "of another key";
  EXPECT_FALSE(path.meter.on_ack(ack, 0, kDeparture - 1s)) << "of one that has not left";
}

/// Whatever a peer says, the report stays within what was sent, and RateControl within its bounds.
TEST(DeliveryMeter, TakesAnythingFromAPeer) {
  std::mt19937 engine(7);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 200; ++round) {
    AckedPath path;
    RateControl rate;
    std::uint64_t sent = 0;
    for (int i = 0; i < 200; ++i) {
      const auto count = 1 + random() % 20;
      path.send(count, 1ms);
      sent += count * kBytes;
      path.now += std::chrono::microseconds(random() % 5000);
      AckFrame ack;
      ack.count = static_cast<std::uint8_t>(1 + random() % kMaxAckSamples);
      ack.time = random();
      ack.packets = random() % 2 == 0 ? random() : static_cast<std::uint32_t>(sent / kBytes);
      ack.bytes = random();
      for (AckSample& sample : ack.samples) {
        sample = {random() % 4 == 0 ? PacketType::control : PacketType::data,
                  PacketNumber{random() % 2 == 0 ? random() % 4000 : random()}, random()};
      }
      const auto report = path.meter.on_ack(ack, 0, path.now);
      if (!report) continue;
      EXPECT_LE(report->acknowledged + report->lost, sent);
      EXPECT_GE(report->rtt, Duration{});
      rate.on_report(*report, random() % 2 == 0, path.now);
      EXPECT_GE(rate.rate(), 0);
      EXPECT_LE(rate.rate(), 1e10);
    }
  }
}

}  // namespace
}  // namespace mptunnel
