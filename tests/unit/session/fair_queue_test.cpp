#include "mptunnel/session/fair_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/start_time.h"

namespace mptunnel {

using namespace std::chrono_literals;

namespace {

using test::kStart;

class FairQueueTest : public testing::Test {
 protected:
  void push(std::uint32_t flow, std::size_t size, TimePoint now = kStart, Ecn ecn = Ecn::not_ect) {
    const std::vector<std::uint8_t> payload(size, static_cast<std::uint8_t>(flow));
    queue_.push(FlowHandle{flow}, payload, {0, ecn}, now);
  }
  /// The flow of the datagram that leaves; 0: none does.
  std::uint32_t pop(TimePoint now = kStart) {
    if (queue_.front(now) == nullptr) return 0;
    return queue_.pop().flow.value;
  }
  std::string pop_all(TimePoint now = kStart) {
    std::string flows;
    while (const std::uint32_t flow = pop(now)) flows += std::to_string(flow);
    return flows;
  }

  QueueBudget budget_;
  FairQueue queue_{budget_};
};

TEST_F(FairQueueTest, AFlowKeepsItsOrder) {
  for (const std::string_view text : {"a", "b", "", "c"})
    queue_.push(FlowHandle{1}, bytes_of(text), {}, kStart);
  std::string all;
  while (queue_.front(kStart) != nullptr) {
    const FairQueue::Item item = queue_.pop();
    all.append(item.payload.begin(), item.payload.end()).push_back(';');
  }
  EXPECT_EQ(all, "a;b;;c;");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0U);
  EXPECT_EQ(queue_.deadline(), kNever);
}

TEST_F(FairQueueTest, FlowsTakeTurns) {
  for (int i = 0; i < 3; ++i) push(1, FairQueue::kQuantum);
  for (int i = 0; i < 3; ++i) push(2, FairQueue::kQuantum);
  EXPECT_EQ(pop_all(), "121212");
}

TEST_F(FairQueueTest, TurnsAreOfBytesNotOfDatagrams) {
  for (int i = 0; i < 2000; ++i) push(1, 100);
  for (int i = 0; i < 2000; ++i) push(2, 1400);
  std::map<std::uint32_t, std::size_t> bytes;
  for (int i = 0; i < 1500; ++i) {
    ASSERT_NE(queue_.front(kStart), nullptr);
    const FairQueue::Item item = queue_.pop();
    bytes[item.flow.value] += item.payload.size() + FairQueue::kOverhead;
  }
  EXPECT_NEAR(static_cast<double>(bytes[1]) / static_cast<double>(bytes[2]), 1.0, 0.02);
}

TEST_F(FairQueueTest, AFlowThatBeginsGoesFirst) {
  for (int i = 0; i < 50; ++i) push(1, 1400);
  for (int i = 0; i < 10; ++i) pop();
  push(2, 160);
  EXPECT_EQ(pop(), 2U);
  EXPECT_EQ(pop(), 1U);
}

// Else it would be a way to be served always.
TEST_F(FairQueueTest, AFlowThatWasEmptyForAMomentIsNotNew) {
  for (int i = 0; i < 50; ++i) push(1, 1400);
  std::string flows;
  for (int i = 0; i < 12; ++i) {
    push(2, 1400);
    flows += std::to_string(pop());
  }
  EXPECT_EQ(std::count(flows.begin(), flows.end(), '2'), 6) << flows;
}

TEST_F(FairQueueTest, WhatCannotLeaveYetLetsANewFlowPass) {
  for (int i = 0; i < 3; ++i) push(1, 1400);
  EXPECT_EQ(pop(), 1U);
  EXPECT_EQ(pop(), 1U);
  ASSERT_EQ(queue_.front(kStart)->flow.value, 1U);
  push(2, 100);
  EXPECT_EQ(queue_.front(kStart)->flow.value, 2U);
}

struct Overload {
  std::uint64_t marked = 0;
  std::uint64_t left = 0;
  Duration usual{};  ///< how long a datagram waited in the last 20 s, on average
};

/// For 30 s: a sender as TCP is, 40 ms away, with a window that grows by a datagram an RTT, and is halved
/// once an RTT where one is lost or marked. One datagram leaves in a millisecond.
Overload overload(FairQueue& queue, Ecn ecn) {
  Overload result;
  const std::vector<std::uint8_t> payload(1000);
  double window = 10;
  double under_way = 0;
  TimePoint halved = kStart;
  std::deque<std::pair<TimePoint, bool>> answers;  // when, and whether it was marked
  Duration waited{};
  std::uint64_t late = 0;
  const auto halve = [&](TimePoint now) {
    if (now < halved + 40ms) return;
    halved = now;
    window = std::max(2.0, window / 2);
  };
  for (TimePoint now = kStart; now < kStart + 30s; now += 1ms) {
    for (; !answers.empty() && answers.front().first <= now; answers.pop_front()) {
      under_way -= 1;
      window += 1 / window;
      if (answers.front().second) halve(now);
    }
    for (; under_way + 1 <= window; under_way += 1) queue.push(FlowHandle{1}, payload, {0, ecn}, now);
    queue.expire(now);
    if (queue.front(now) != nullptr) {
      const FairQueue::Item item = queue.pop();
      const bool is_marked = item.marks.ecn == Ecn::ce;
      answers.emplace_back(now + 40ms, is_marked);
      result.marked += is_marked ? 1 : 0;
      ++result.left;
      if (now >= kStart + 10s) {
        waited += now - item.since;
        ++late;
      }
    }
    const std::uint64_t delayed = queue.take_losses().delayed;
    under_way -= static_cast<double>(delayed);
    if (delayed > 0) halve(now);
  }
  result.usual = waited / static_cast<int>(late);
  return result;
}

TEST_F(FairQueueTest, CodelKeepsTheQueueOfATcpShort) {
  const Overload result = overload(queue_, Ecn::not_ect);
  EXPECT_LT(result.usual, 25ms);
  EXPECT_GT(result.left, 24'000U);
  EXPECT_EQ(result.marked, 0U);
}

TEST_F(FairQueueTest, ALongerTargetLeavesMoreWaiting) {
  const Overload usual = overload(queue_, Ecn::not_ect);
  FairQueue other(budget_);
  other.set_target(40ms);
  const Overload longer = overload(other, Ecn::not_ect);
  EXPECT_GT(longer.usual, usual.usual + 10ms);
  EXPECT_LT(longer.usual, 60ms);
}

TEST_F(FairQueueTest, CodelMarksWhatKnowsEcnInsteadOfDropping) {
  const Overload result = overload(queue_, Ecn::ect0);
  EXPECT_LT(result.usual, 25ms);
  EXPECT_GT(result.left, 24'000U);
  EXPECT_GT(result.marked, 3U);
}

// Whoever asks again, because no path has room, changes nothing.
TEST_F(FairQueueTest, WhatCannotLeaveIsJudgedOnce) {
  for (int i = 0; i < 100; ++i) push(1, 1400);
  for (TimePoint now = kStart + 50ms; now < kStart + 450ms; now += 1ms) {
    ASSERT_NE(queue_.front(now), nullptr);
  }
  EXPECT_EQ(queue_.take_losses().delayed, 0U);
  EXPECT_EQ(queue_.count(), 100U);
}

TEST_F(FairQueueTest, CodelSparesTheOtherFlows) {
  std::uint64_t came = 0;
  for (TimePoint now = kStart; now < kStart + 5s; now += 1ms) {
    push(1, 1400, now);
    push(1, 1400, now);
    if (now.time_since_epoch() % 20ms == 0ms) push(2, 160, now);
    if (queue_.front(now) == nullptr) continue;
    const FairQueue::Item item = queue_.pop();
    if (item.flow.value == 2) {
      EXPECT_LE(now - item.since, 2ms);
      ++came;
    }
  }
  EXPECT_EQ(came, 250U);
  EXPECT_GT(queue_.take_losses().delayed, 0U);
}

TEST_F(FairQueueTest, ForRoomTheLongestFlowLoses) {
  for (std::size_t i = 0; i < kQueueDatagrams; ++i) push(i % 10 == 0 ? 2 : 1, 100);
  push(3, 100);
  const std::uint64_t full = queue_.take_losses().full;
  EXPECT_GE(full, 1U);
  EXPECT_LE(full, 64U);
  EXPECT_EQ(queue_.count(), kQueueDatagrams + 1 - full);
  std::map<std::uint32_t, std::size_t> left;
  while (const std::uint32_t flow = pop()) ++left[flow];
  EXPECT_EQ(left[2], (kQueueDatagrams + 9) / 10);
  EXPECT_EQ(left[3], 1U);
}

// Small ones count for more than their bytes: else they would push all others out.
TEST_F(FairQueueTest, ForRoomAFloodOfSmallOnesLoses) {
  for (int i = 0; i < 3; ++i) push(2, 1400);
  for (std::size_t i = 0; i < kQueueDatagrams + 500; ++i) push(1, i % 2);
  std::map<std::uint32_t, std::size_t> left;
  while (const std::uint32_t flow = pop()) ++left[flow];
  EXPECT_EQ(left[2], 3U);
}

TEST_F(FairQueueTest, BytesHaveALimit) {
  for (int i = 0; i < 200; ++i) push(1, 60'000);
  EXPECT_LE(queue_.bytes(), kQueueBytes + queue_.count() * kQueueRecordBytes);
  EXPECT_GT(queue_.bytes(), kQueueBytes / 3);
}

TEST(FairQueueBudget, WhoHoldsMostYields) {
  QueueBudget budget(100'000);
  FairQueue much(budget);
  FairQueue little(budget);
  const std::vector<std::uint8_t> payload(1000);
  little.push(FlowHandle{1}, payload, {}, kStart);
  for (int i = 0; i < 200; ++i) much.push(FlowHandle{1}, payload, {}, kStart);
  for (int i = 0; i < 5; ++i) little.push(FlowHandle{1}, payload, {}, kStart);
  EXPECT_EQ(little.count(), 6U);
  EXPECT_LE(budget.bytes(), 100'000U);
  EXPECT_EQ(budget.take_dropped() + much.count(), 200U);
}

TEST_F(FairQueueTest, ExpiresWhatWaitedTooLong) {
  push(1, 100);
  push(2, 100, kStart + 100ms);
  EXPECT_LE(queue_.deadline(), kStart + kQueueLife);
  queue_.expire(kStart + kQueueLife - 1ms);
  EXPECT_EQ(queue_.count(), 2U);
  queue_.expire(kStart + kQueueLife);
  EXPECT_EQ(queue_.count(), 1U);
  EXPECT_EQ(queue_.deadline(), kStart + 100ms + kQueueLife);
  queue_.expire(kStart + 100ms + kQueueLife);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.take_losses().expired, 2U);
  EXPECT_EQ(pop(kStart + 1s), 0U);
}

// However many there were: those that are empty are forgotten, or shared.
TEST_F(FairQueueTest, ManyFlowsShareQueues) {
  for (std::uint32_t flow = 1; flow <= 3000; ++flow) push(flow, 10);
  std::vector<bool> seen(3001);
  for (int i = 0; i < 3000; ++i) {
    const std::uint32_t flow = pop();
    ASSERT_NE(flow, 0U);
    EXPECT_FALSE(seen[flow]);
    seen[flow] = true;
  }
  EXPECT_TRUE(queue_.empty());
}

}  // namespace
}  // namespace mptunnel
