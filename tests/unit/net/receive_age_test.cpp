#include "mptunnel/net/receive_age.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "unit/net/net_support.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kEpoch = 500000h;

/// The buffer was empty `wait` ago, and the clock of the day was set by `step` since.
ReceiveAge after(Duration wait, Duration step = {}) {
  return ReceiveAge({kEpoch + wait + step, 1h + wait}, {kEpoch, 1h});
}

TEST(ReceiveAge, IsFromTheStampToNow) {
  const ReceiveAge age = after(3s);
  EXPECT_TRUE(age.may_be_old());
  EXPECT_TRUE(age.is_old(kEpoch));
  EXPECT_TRUE(age.is_old(kEpoch + 2400ms));
  EXPECT_FALSE(age.is_old(kEpoch + 2600ms));
  EXPECT_FALSE(age.is_old(kEpoch + 3s));
}

TEST(ReceiveAge, NothingIsOldInABufferThatWasEmptyJustNow) {
  for (const Duration step : {Duration{}, Duration{10h}, Duration{-10h}}) {
    const ReceiveAge age = after(100ms, step);
    EXPECT_FALSE(age.may_be_old());
    EXPECT_FALSE(age.is_old(kEpoch - 5h));
  }
}

TEST(ReceiveAge, ClockThatIsSetMakesNothingOld) {
  for (const Duration step : {Duration{-1h}, Duration{-1s}, Duration{1s}, Duration{1h}}) {
    const ReceiveAge age = after(3s, step);
    // Came just now, by the clock before and after.
    EXPECT_FALSE(age.is_old(kEpoch + 2900ms)) << step.count();
    EXPECT_FALSE(age.is_old(kEpoch + 2900ms + step)) << step.count();
  }
}

TEST(ReceiveAge, ClockThatIsSetFarKeepsNothingOldYoung) {
  for (const Duration step : {Duration{-1h}, Duration{1h}}) {
    const ReceiveAge age = after(3s, step);
    EXPECT_TRUE(age.is_old(kEpoch + 1s)) << step.count();
    EXPECT_TRUE(age.is_old(kEpoch + 1s + step)) << step.count();
  }
}

TEST(ReceiveAge, StampThatFitsNoClockSaysNothing) {
  EXPECT_FALSE(after(3s).is_old(kEpoch + 10s));
  EXPECT_FALSE(after(3s).is_old(kEpoch - 10s));
}

TEST(UdpReceive, DropsWhatWaitedTooLongAndCountsIt) {
  UdpSocket receiver = test::open_socket(test::bound_to("127.0.0.1"));
  UdpSocketOptions options = test::bound_to("127.0.0.1");
  options.connect = receiver.local_endpoint();
  UdpSocket sender = test::open_socket(options);
  // The kernel begins to stamp a moment after the first socket has asked for it (net_enable_timestamp()).
  std::this_thread::sleep_for(100ms);
  const test::Datagram old = test::numbered_bytes(3, 100, 50);
  ASSERT_EQ(sender.send({old, 100, {}}).accepted, 3U);
  std::this_thread::sleep_for(kMaxReceiveAge + 100ms);
  const test::Datagram young{1, 2, 3};
  ASSERT_EQ(sender.send({young, 3, {}}).accepted, 1U);
  ReceiveBuffers buffers;
  const ReceiveResult result = receiver.receive(buffers);
  EXPECT_EQ(result.old, 3U);
  EXPECT_EQ(receiver.counters().old, 3U);
  EXPECT_EQ(receiver.counters().received, 1U);
  ASSERT_EQ(result.batches.size(), 1U);
  EXPECT_EQ(result.batches.front().batch.bytes.size(), 3U);
}

TEST(UdpReceive, KeepsWhatComesAfterALongPause) {
  UdpSocket receiver = test::open_socket(test::bound_to("127.0.0.1"));
  UdpSocketOptions options = test::bound_to("127.0.0.1");
  options.connect = receiver.local_endpoint();
  UdpSocket sender = test::open_socket(options);
  std::this_thread::sleep_for(kMaxReceiveAge + 100ms);
  const test::Datagram young{1, 2, 3};
  ASSERT_EQ(sender.send({young, 3, {}}).accepted, 1U);
  ReceiveBuffers buffers;
  EXPECT_EQ(receiver.receive(buffers).batches.size(), 1U);
}

TEST(UdpReceive, AsksForStampsOnlyAfterAPause) {
  UdpSocket receiver = test::open_socket(test::bound_to("127.0.0.1"));
  const auto has_stamps = [&] {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(receiver.fd(), SOL_SOCKET, SO_TIMESTAMPNS, &value, &length);
    return value == 1;
  };
  ReceiveBuffers buffers;
  receiver.receive(buffers);
  EXPECT_FALSE(has_stamps());
  std::this_thread::sleep_for(kMaxReceiveAge + 100ms);
  receiver.receive(buffers);
  EXPECT_TRUE(has_stamps());
  for (int i = 0; i < 1000; ++i) receiver.receive(buffers);
  EXPECT_FALSE(has_stamps());
}

}  // namespace
}  // namespace mptunnel
