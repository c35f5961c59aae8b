#include "mptunnel/ports/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "mptunnel/ports/run_sender.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/outputs.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr double kCharge = 2304;  // of a full packet

/// A device that takes so many bytes a second, as the kernel charges them, from behind one socket.
class SlowDevice {
 public:
  explicit SlowDevice(double rate) : rate_(rate) {}
  void set_rate(double rate) { rate_ = rate; }
  /// Asks every `each` to send `packets`; returns how many may leave.
  int offer(int packets, Duration each) {
    now_ += each;
    waiting_ = std::max(0.0, waiting_ - rate_ * seconds_of(each));
    const bool is_due = queue_.is_due(now_);
    if (is_due) queue_.before(queued(), now_);
    asked_ += is_due ? 1 : 0;
    const std::size_t room = queue_.room();
    const int fit = room == SendQueue::kNoLimit ? packets
                    : room == 0                 ? 0
                                                : 1 + static_cast<int>(static_cast<double>(room) / kCharge);
    const int left = std::min(packets, fit);
    if (left < packets) queue_.refused(now_);
    waiting_ += left * kCharge;
    if (left == 0) return left;
    if (is_due && queue_.is_due_after()) {
      queue_.after(queued(), now_);
    } else {
      queue_.sent(static_cast<std::size_t>(left * kCharge));
    }
    return left;
  }
  /// For `span`; returns how many left.
  int offer_for(Duration span, int packets, Duration each) {
    int left = 0;
    for (Duration at{}; at < span; at += each) {
      left += offer(packets, each);
      oldest_ = std::max(oldest_, age());
    }
    return left;
  }
  [[nodiscard]] double age() const { return waiting_ / rate_; }
  double take_oldest() { return std::exchange(oldest_, 0); }
  int take_asked() { return std::exchange(asked_, 0); }
  const SendQueue& queue() const { return queue_; }

 private:
  /// A packet counts until it is gone.
  [[nodiscard]] std::size_t queued() const {
    return static_cast<std::size_t>(std::ceil(waiting_ / kCharge) * kCharge);
  }

  SendQueue queue_;
  TimePoint now_{1h};
  double rate_;
  double waiting_ = 0;
  double oldest_ = 0;
  int asked_ = 0;
};

TEST(SendQueue, KeepsWhatWaitsYoungerThanATenthOfASecondAndTheLineBusy) {
  for (const double packets_a_second : {20.0, 200.0, 2000.0, 20000.0}) {
    SlowDevice device(packets_a_second * kCharge);
    const auto each =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(0.2 / packets_a_second));
    device.offer_for(1s, 1, each);
    device.take_oldest();
    const int left = device.offer_for(4s, 1, each);
    EXPECT_GE(left, 0.95 * 4 * packets_a_second) << packets_a_second;
    // On the slowest line two packets are as much, and a third may come in.
    EXPECT_LE(device.take_oldest(), std::max(0.15, 3.1 / packets_a_second)) << packets_a_second;
  }
}

TEST(SendQueue, LearnsWithinMilliseconds) {
  SlowDevice device(200 * kCharge);
  device.offer_for(1s, 1, 1ms);
  EXPECT_LE(device.take_oldest(), 0.3);
}

TEST(SendQueue, FollowsTheRateUpAndDown) {
  SlowDevice device(200 * kCharge);
  device.offer_for(2s, 5, 1ms);
  device.set_rate(2000 * kCharge);
  device.offer_for(1s, 5, 1ms);
  EXPECT_GE(device.offer_for(1s, 5, 1ms), 1900);
  device.set_rate(100 * kCharge);
  device.offer_for(4s, 5, 1ms);
  device.take_oldest();
  device.offer_for(1s, 5, 1ms);
  EXPECT_LE(device.take_oldest(), 0.15);
}

TEST(SendQueue, BurstsThatTheLineCanCarryAreNotCut) {
  // 30 pictures a second of 10 packets, over a line that takes 320 packets a second: each waits 31 ms.
  SlowDevice device(320 * kCharge);
  device.offer_for(3s, 10, 33ms);
  EXPECT_EQ(device.offer_for(3300ms, 10, 33ms), 1000);
}

TEST(SendQueue, ALineThatTakesAllIsAskedSeldomAndNeverLimited) {
  SlowDevice device(1e12);
  EXPECT_EQ(device.offer_for(1s, 100, 10us), 10000000);
  EXPECT_EQ(device.queue().room(), SendQueue::kNoLimit);
  EXPECT_LE(device.take_asked(), 1s / kEmptySampleEach + 3);
  EXPECT_FALSE(device.queue().is_due_after());
}

TEST(SendQueue, ForgetsARateThatIsOld) {
  SlowDevice device(200 * kCharge);
  device.offer_for(1s, 5, 1ms);
  EXPECT_NE(device.queue().room(), SendQueue::kNoLimit);
  device.offer_for(7s, 1, 100ms);
  EXPECT_EQ(device.queue().room(), SendQueue::kNoLimit);
}

TEST(RunSender, DropsDatagramsThatWouldWaitTooLongAndLetsTheRestPass) {
  test::FakePorts ports;
  const auto socket = ports.sockets.open({});
  auto& fake = *ports.sockets.sockets.front();
  Output out;
  for (const bool has_datagrams : {true, false}) {
    for (int i = 0; i < 3; ++i) {
      out.make_packet(1000);
      out.send(1000, PathSet::of(PathId{0}), {}, kNoEpoch, {}, has_datagrams);
    }
  }
  RunSender sender;
  SendQueue queue;
  std::uint32_t accepted = 0;
  std::uint32_t refused = 0;
  const auto send = [&](std::size_t queued) {
    ports.clock.advance(10ms);
    fake.queued = queued;
    accepted = refused = 0;
    for (const PacketRun& run : out.runs) sender.add(out, run, PathId{0});
    sender.send(**socket, queue, ports.clock.now(),
                [&](PathId, const PacketRun& run, std::uint32_t taken, Drop drop) {
                  accepted += taken;
                  refused += run.count - taken;
                  if (taken < run.count) {
                    EXPECT_TRUE(run.has_datagrams);
                    EXPECT_EQ(drop, Drop::send_queue);
                  }
                });
  };
  send(0);
  // 100,000 bytes a second leave: 10,000 may wait.
  for (std::size_t queued = 50000; queued > 10000; queued -= 1000) send(queued);
  EXPECT_EQ(accepted, 3U);
  EXPECT_EQ(refused, 3U);
  for (std::size_t queued = 10000; queued >= 6000; queued -= 1000) send(queued);
  EXPECT_EQ(accepted, 5U);
  EXPECT_EQ(refused, 1U);
}

}  // namespace
}  // namespace mptunnel
