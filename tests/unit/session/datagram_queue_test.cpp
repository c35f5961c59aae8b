#include "mptunnel/session/datagram_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

bool push(DatagramQueue& queue, std::string_view payload, Duration after = {},
          FlowHandle flow = FlowHandle{3}) {
  return queue.push(flow, bytes_of(payload), kStart + after);
}

/// Takes all that `accept` says yes to, as one text.
template <typename Accept>
std::string drain(DatagramQueue& queue, Accept accept) {
  std::string taken;
  queue.drain([&](const DatagramQueue::Item& item) {
    if (!accept(item)) return false;
    taken.append(item.payload.begin(), item.payload.end());
    return true;
  });
  return taken;
}
std::string drain(DatagramQueue& queue) {
  return drain(queue, [](const auto&) { return true; });
}

TEST(DatagramQueue, DrainsInOrderWithFlow) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  EXPECT_TRUE(push(queue, "a", {}, FlowHandle{1}));
  EXPECT_TRUE(push(queue, "b", {}, FlowHandle{2}));
  EXPECT_TRUE(push(queue, "c", {}, FlowHandle{1}));
  std::vector<std::uint32_t> flows;
  EXPECT_EQ(drain(queue,
                  [&](const DatagramQueue::Item& item) {
                    flows.push_back(item.flow.value);
                    return true;
                  }),
            "abc");
  EXPECT_EQ(flows, (std::vector<std::uint32_t>{1, 2, 1}));
  EXPECT_TRUE(queue.empty());
}

TEST(DatagramQueue, DrainKeepsInOrderWhatIsNotTaken) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  for (const char* payload : {"a", "b", "c", "d"}) push(queue, payload);
  EXPECT_EQ(drain(queue,
                  [](const DatagramQueue::Item& item) {
                    return item.payload.front() == 'b' || item.payload.front() == 'd';
                  }),
            "bd");
  EXPECT_FALSE(queue.empty());
  EXPECT_TRUE(push(queue, "e"));
  EXPECT_EQ(drain(queue), "ace");
}

TEST(DatagramQueue, ExpiresAfterItsLife) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  EXPECT_EQ(queue.deadline(), kNever);
  push(queue, "a");
  push(queue, "b", 100ms);
  EXPECT_EQ(queue.deadline(), kStart + kQueueLife);
  EXPECT_EQ(queue.expire(kStart + kQueueLife - 1ns), 0U);
  EXPECT_EQ(queue.expire(kStart + kQueueLife), 1U);
  EXPECT_EQ(queue.deadline(), kStart + 100ms + kQueueLife);
  EXPECT_EQ(drain(queue), "b");
  EXPECT_EQ(queue.expire(kStart + 1h), 0U);
}

TEST(DatagramQueue, WhatDrainKeptExpiresAtItsOwnTime) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  push(queue, "a");
  drain(queue, [](const auto&) { return false; });
  EXPECT_EQ(queue.deadline(), kStart + kQueueLife);
  EXPECT_EQ(queue.expire(kStart + kQueueLife), 1U);
}

TEST(DatagramQueue, HoldsAnEmptyDatagram) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  EXPECT_TRUE(push(queue, ""));
  EXPECT_FALSE(queue.empty());
  int seen = 0;
  queue.drain([&](const DatagramQueue::Item& item) {
    ++seen;
    return item.payload.empty();
  });
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(queue.empty());
}

TEST(DatagramQueue, IsBoundedInCount) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  for (std::size_t i = 0; i < kQueueDatagrams; ++i) ASSERT_TRUE(push(queue, "")) << i;
  EXPECT_FALSE(push(queue, ""));
  EXPECT_EQ(queue.expire(kStart + kQueueLife), kQueueDatagrams);
  EXPECT_TRUE(push(queue, ""));
}

TEST(DatagramQueue, IsBoundedInBytes) {
  QueueBudget budget;
  DatagramQueue queue(budget);
  const std::string large(kQueueBytes / 64, 'x');
  const auto fill = [&] {
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(push(queue, large)) << i;
    EXPECT_FALSE(push(queue, "x"));
    EXPECT_TRUE(push(queue, ""));
  };
  // Each way out gives all of the room back.
  fill();
  drain(queue);
  fill();
  drain(queue, [](const auto&) { return false; });
  EXPECT_FALSE(push(queue, "x"));
  EXPECT_EQ(queue.expire(kStart + kQueueLife), 65U);
  fill();
}

TEST(QueueBudget, LargestQueueDropsItsOldestAndTheOthersLoseNothing) {
  constexpr std::size_t kBytes = std::size_t{1} << 20U;
  QueueBudget budget(kBytes);
  DatagramQueue modest(budget);
  DatagramQueue greedy(budget);
  DatagramQueue late(budget);
  EXPECT_TRUE(push(modest, "first"));
  for (std::uint32_t i = 0; i < 2000; ++i) {
    EXPECT_TRUE(push(greedy, std::string(1000, 'x'), {}, FlowHandle{i}));
    ASSERT_LE(budget.bytes(), kBytes);
  }
  EXPECT_TRUE(push(modest, "second"));
  EXPECT_TRUE(push(late, "late")) << "a place for whoever comes to a full house";
  EXPECT_EQ(drain(modest), "firstsecond");
  EXPECT_EQ(drain(late), "late");
  std::vector<std::uint32_t> left;
  greedy.drain([&](const DatagramQueue::Item& item) {
    left.push_back(item.flow.value);
    return true;
  });
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.back(), 1999U) << "the oldest went";
  EXPECT_EQ(left.front() + left.size(), 2000U);
  EXPECT_EQ(budget.take_dropped(), left.front()) << "each is counted";
  EXPECT_EQ(budget.take_dropped(), 0U);
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST(QueueBudget, KeepsCountOfWhatDrainLeavesAndWhatExpires) {
  QueueBudget budget;
  {
    DatagramQueue queue(budget);
    for (const char* payload : {"a", "bb", "ccc"}) EXPECT_TRUE(push(queue, payload));
    EXPECT_EQ(budget.bytes(), 6 + 3 * kQueueRecordBytes);
    EXPECT_EQ(drain(queue, [](const auto& item) { return item.payload.size() == 2; }), "bb");
    EXPECT_EQ(budget.bytes(), 4 + 2 * kQueueRecordBytes);
    EXPECT_EQ(queue.expire(kStart + kQueueLife), 2U);
    EXPECT_EQ(budget.bytes(), 0U);
    EXPECT_TRUE(push(queue, "dd"));
  }
  EXPECT_EQ(budget.bytes(), 0U) << "a queue that goes gives its bytes back";
}

}  // namespace
}  // namespace mptunnel
