#include "mptunnel/session/datagram_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

constexpr TimePoint kStart{10s};
constexpr FlowHandle kFlow{3};

bool push(DatagramQueue& queue, std::string_view payload, Duration after = {}, FlowHandle flow = kFlow) {
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
  DatagramQueue queue;
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
  DatagramQueue queue;
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
  DatagramQueue queue;
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
  DatagramQueue queue;
  push(queue, "a");
  drain(queue, [](const auto&) { return false; });
  EXPECT_EQ(queue.deadline(), kStart + kQueueLife);
  EXPECT_EQ(queue.expire(kStart + kQueueLife), 1U);
}

TEST(DatagramQueue, HoldsAnEmptyDatagram) {
  DatagramQueue queue;
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
  DatagramQueue queue;
  for (std::size_t i = 0; i < kQueueDatagrams; ++i) ASSERT_TRUE(push(queue, "")) << i;
  EXPECT_FALSE(push(queue, ""));
  EXPECT_EQ(queue.expire(kStart + kQueueLife), kQueueDatagrams);
  EXPECT_TRUE(push(queue, ""));
}

TEST(DatagramQueue, IsBoundedInBytes) {
  DatagramQueue queue;
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

}  // namespace
}  // namespace mptunnel
