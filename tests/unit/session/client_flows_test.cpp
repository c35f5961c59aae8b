#include <gtest/gtest.h>

#include <set>

#include "mptunnel/session/flows.h"

namespace mptunnel {
namespace {

constexpr TimePoint kStart{1000s};
FlowSource source(std::uint32_t handle) {
  return {FlowHandle{handle}, handle * std::uint64_t{1000}};
}

class ClientFlowsTest : public testing::Test {
 protected:
  ClientFlow* use(ClientFlows& flows, std::uint32_t handle, Duration after = {}) {
    ended_.clear();
    const auto flow = flows.use(source(handle), ended_, kStart + after);
    return flow ? *flow : nullptr;
  }
  std::vector<ClientFlows::Ended> ended_;
};

TEST_F(ClientFlowsTest, OneFlowForEachSource) {
  ClientFlows flows;
  EXPECT_EQ(use(flows, 1)->id, FlowId{0});
  EXPECT_EQ(use(flows, 2)->id, FlowId{1});
  EXPECT_EQ(use(flows, 1)->id, FlowId{0});
  EXPECT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows.find(FlowId{1})->source.handle, FlowHandle{2});
  EXPECT_EQ(flows.find(FlowId{1})->source.hash, 2000U);
  EXPECT_EQ(flows.find(FlowHandle{2})->id, FlowId{1});
  EXPECT_EQ(flows.find(FlowHandle{3}), nullptr);
  EXPECT_EQ(flows.find(FlowId{2}), nullptr);
  EXPECT_FALSE(flows.find(FlowId{0})->opened);
}

TEST_F(ClientFlowsTest, ForgetOpenedLetsEachFlowBeOpenedAgain) {
  ClientFlows flows;
  use(flows, 1)->opened = true;
  use(flows, 2)->opened = true;
  flows.forget_opened();
  EXPECT_FALSE(use(flows, 1)->opened);
  EXPECT_FALSE(use(flows, 2)->opened);
}

TEST_F(ClientFlowsTest, ExpiresAfterItsIdleTime) {
  ClientFlows flows;
  use(flows, 1);
  use(flows, 2, 1s);
  std::vector<ClientFlows::Ended> ended;
  flows.expire(ended, kStart + kFlowIdle - 1ns);
  EXPECT_TRUE(ended.empty());
  flows.expire(ended, kStart + kFlowIdle);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].id, FlowId{0});
  EXPECT_EQ(ended[0].source, FlowHandle{1});
  EXPECT_EQ(flows.find(FlowId{0}), nullptr);
  EXPECT_EQ(flows.size(), 1U);
}

TEST_F(ClientFlowsTest, IdRestsAMinuteBeforeItNamesAnother) {
  ClientFlows flows;
  use(flows, 1);
  std::vector<ClientFlows::Ended> ended;
  flows.expire(ended, kStart + kFlowIdle);
  EXPECT_EQ(use(flows, 2, kFlowIdle)->id, FlowId{1});
  EXPECT_EQ(use(flows, 3, kFlowIdle + kFlowIdRest - 1ns)->id, FlowId{2});
  EXPECT_EQ(use(flows, 4, kFlowIdle + kFlowIdRest)->id, FlowId{0});
}

TEST_F(ClientFlowsTest, LowestFreeIdIsTakenFirst) {
  ClientFlows flows;
  for (std::uint16_t port = 1; port <= 5; ++port) use(flows, port);
  std::vector<ClientFlows::Ended> ended;
  flows.expire(ended, kStart + kFlowIdle);
  const Duration later = kFlowIdle + kFlowIdRest;
  for (std::uint16_t port = 11; port <= 15; ++port) {
    EXPECT_EQ(use(flows, port, later)->id.value, port - 11);
  }
}

TEST_F(ClientFlowsTest, FullTableRefusesWhileAllAreInUse) {
  ClientFlows flows(2);
  use(flows, 1);
  use(flows, 2, 1s);
  const auto refused = flows.use(source(3), ended_, kStart + 10s - 1ns);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Drop::flow_limit);
  EXPECT_EQ(flows.size(), 2U);
  EXPECT_NE(use(flows, 1, 10s - 1ns), nullptr);
}

TEST_F(ClientFlowsTest, RefusalUsesUpNoId) {
  ClientFlows flows(2);
  use(flows, 1);
  use(flows, 2);
  for (std::uint16_t port = 3; port < 20'000; ++port) ASSERT_EQ(use(flows, port), nullptr);
  const ClientFlow* flow = use(flows, 3, 10s);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(flow->id, FlowId{2});
}

TEST_F(ClientFlowsTest, FullTableGivesUpTheLeastRecentlyUsed) {
  ClientFlows flows(2);
  use(flows, 1);
  use(flows, 2, 1s);
  use(flows, 1, 2s);
  const ClientFlow* flow = use(flows, 3, 11s);
  ASSERT_NE(flow, nullptr);
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].id, FlowId{1});
  // Its id rests: the new one has another.
  EXPECT_EQ(flow->id, FlowId{2});
  EXPECT_EQ(flows.size(), 2U);
  EXPECT_NE(flows.find(FlowId{0}), nullptr);
}

TEST_F(ClientFlowsTest, HoldsAsManyAsTheLimitSays) {
  ClientFlows flows;
  for (std::size_t i = 0; i < kMaxFlows; ++i) {
    ASSERT_NE(use(flows, static_cast<std::uint16_t>(1000 + i)), nullptr);
  }
  EXPECT_EQ(use(flows, 999), nullptr);
  EXPECT_EQ(flows.size(), kMaxFlows);
}

TEST_F(ClientFlowsTest, IdsStayWithinThePacketFormatHoweverFastFlowsChange) {
  // Each round replaces all flows before any id has rested; at the end there is none left.
  ClientFlows flows(4096);
  std::set<FlowId> seen;
  int refused = 0;
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (std::uint32_t i = 0; i < 4096; ++i) {
      const auto flow = flows.use(source(round * 4096 + i), ended_, kStart + 10s * round);
      if (!flow) {
        ++refused;
        continue;
      }
      ASSERT_LE((*flow)->id.value, 16383);
      seen.insert((*flow)->id);
    }
  }
  EXPECT_EQ(seen.size(), 16384U);
  EXPECT_EQ(refused, 4096);
  // No flow was given up for one that got no id.
  EXPECT_EQ(flows.size(), 4096U);
}

}  // namespace
}  // namespace mptunnel
