#include "support/bridge/delay_queue.h"

#include <gtest/gtest.h>

#include "plain_values.h"
#include "support/common/prng.h"

namespace mptunnel::test {
namespace {

using std::chrono::milliseconds;

DelayedDatagram datagram(int ms, std::uint64_t client, std::size_t bytes = 1) {
  return {.release = at(ms), .client = client, .bytes = Buffer(bytes)};
}

TEST(DelayQueue, ReleasesInOrderOfTime) {
  DelayQueue queue;
  Prng random(1);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(queue.push(datagram(static_cast<int>(random.below(5000)), 0)));
  TimePoint before = at(0);
  for (int i = 0; i < 1000; ++i) {
    const auto due = queue.pop_due(at(5000));
    ASSERT_TRUE(due);
    ASSERT_GE(due->release, before);
    before = due->release;
  }
  EXPECT_FALSE(queue.pop_due(at(5000)));
}

TEST(DelayQueue, KeepsTheOrderOfArrivalAmongEqualTimes) {
  DelayQueue queue;
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(queue.push(datagram(7, i)));
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(queue.pop_due(at(7))->client, i);
}

TEST(DelayQueue, HoldsBackWhatIsNotDue) {
  DelayQueue queue;
  EXPECT_EQ(queue.next_release(), kNever);
  ASSERT_TRUE(queue.push(datagram(10, 1)));
  ASSERT_TRUE(queue.push(datagram(5, 2)));
  EXPECT_EQ(queue.next_release(), at(5));
  EXPECT_FALSE(queue.pop_due(at(4)));
  EXPECT_EQ(queue.pop_due(at(5))->client, 2U);
  EXPECT_FALSE(queue.pop_due(at(9)));
  EXPECT_EQ(queue.size(), 1U);
}

TEST(DelayQueue, IsBoundedInDatagramsAndBytes) {
  DelayQueue few(2, 1000);
  EXPECT_TRUE(few.push(datagram(1, 1)));
  EXPECT_TRUE(few.push(datagram(1, 2)));
  EXPECT_FALSE(few.push(datagram(1, 3)));
  DelayQueue small(10, 100);
  EXPECT_TRUE(small.push(datagram(1, 1, 60)));
  EXPECT_FALSE(small.push(datagram(1, 2, 41)));
  EXPECT_TRUE(small.push(datagram(1, 3, 40)));
  ASSERT_TRUE(small.pop_due(at(1)));
  EXPECT_TRUE(small.push(datagram(1, 4, 60)));
}

}  // namespace
}  // namespace mptunnel::test
