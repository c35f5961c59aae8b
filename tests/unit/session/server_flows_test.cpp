#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "mptunnel/session/flows.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

class ServerFlowsTest : public testing::Test {
 protected:
  tl::expected<ServerFlows::Opened, Drop> open(ServerFlows& flows, std::uint32_t id, std::uint64_t hash,
                                               std::uint32_t handle, Duration after = {}) {
    closed_.clear();
    return flows.open(FlowId{id}, hash, FlowHandle{handle}, closed_, kStart + after);
  }
  /// The same; the flow is no short one.
  void open_lasting(ServerFlows& flows, std::uint32_t id, std::uint64_t hash, std::uint32_t handle,
                    Duration after = {}) {
    const auto opened = open(flows, id, hash, handle, after);
    ASSERT_TRUE(opened);
    opened->flow->note_to_server(3);
    opened->flow->note_to_client(1);
  }
  std::vector<FlowHandle> closed_;
};

TEST_F(ServerFlowsTest, OpensANewFlowUnderItsHandle) {
  ServerFlows flows;
  const auto opened = open(flows, 5, 0xabc, 1);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->is_new);
  EXPECT_EQ(opened->flow->hash, 0xabcU);
  EXPECT_EQ(opened->flow->handle, FlowHandle{1});
  EXPECT_TRUE(flows.knows(0xabc));
  EXPECT_EQ(flows.find(FlowId{5}), opened->flow);
  EXPECT_EQ(flows.find(FlowHandle{1}), opened->flow);
  EXPECT_EQ(flows.find(FlowId{4}), nullptr);
  EXPECT_EQ(flows.find(FlowId{6}), nullptr);
  EXPECT_EQ(flows.find(FlowHandle{2}), nullptr);
}

TEST_F(ServerFlowsTest, RepeatKeepsTheFirstHandle) {
  ServerFlows flows;
  open(flows, 5, 0xabc, 1);
  const auto again = open(flows, 5, 0xabc, 2);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->flow->handle, FlowHandle{1});
  EXPECT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows.find(FlowHandle{2}), nullptr);
}

TEST_F(ServerFlowsTest, IdForAnotherHashClosesWhatItNamed) {
  ServerFlows flows;
  open(flows, 5, 0xabc, 1);
  const auto opened = open(flows, 5, 0xdef, 2);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->is_new);
  EXPECT_EQ(closed_, std::vector{FlowHandle{1}});
  EXPECT_EQ(flows.size(), 1U);
  EXPECT_FALSE(flows.knows(0xabc));
  EXPECT_EQ(flows.find(FlowId{5})->hash, 0xdefU);
}

TEST_F(ServerFlowsTest, HashUnderAnotherIdIsRemapped) {
  ServerFlows flows;
  open(flows, 5, 0xabc, 1);
  const auto opened = open(flows, 9, 0xabc, 2);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->is_new);
  EXPECT_TRUE(closed_.empty());
  EXPECT_EQ(flows.find(FlowId{5}), nullptr);
  EXPECT_EQ(flows.find(FlowId{9})->handle, FlowHandle{1});
}

TEST_F(ServerFlowsTest, SwappedIdsNeverCross) {
  ServerFlows flows;
  open(flows, 0, 0xa, 1);
  open(flows, 1, 0xb, 2);
  open(flows, 0, 0xb, 3);  // id 0 named 0xa, which goes; 0xb leaves id 1
  EXPECT_EQ(closed_, std::vector{FlowHandle{1}});
  EXPECT_EQ(flows.find(FlowId{0})->handle, FlowHandle{2});
  EXPECT_EQ(flows.find(FlowId{1}), nullptr);
  open(flows, 1, 0xa, 4);
  EXPECT_EQ(flows.find(FlowId{1})->handle, FlowHandle{4});
  EXPECT_EQ(flows.find(FlowId{0})->hash, 0xbU);
}

TEST_F(ServerFlowsTest, ForgottenIdsAreFoundAgainByHash) {
  ServerFlows flows;
  open(flows, 0, 0xa, 1);
  open(flows, 1, 0xb, 2);
  flows.find(FlowId{0})->acknowledged = kStart;
  flows.forget_ids();
  EXPECT_EQ(flows.find(FlowId{0}), nullptr);
  EXPECT_FALSE(flows.find(FlowHandle{1})->id);
  EXPECT_FALSE(flows.find(FlowHandle{1})->acknowledged);
  // The new process numbers its flows the other way round.
  EXPECT_FALSE(open(flows, 1, 0xa, 3)->is_new);
  EXPECT_FALSE(open(flows, 0, 0xb, 4)->is_new);
  EXPECT_EQ(flows.find(FlowId{1})->handle, FlowHandle{1});
  EXPECT_EQ(flows.find(FlowId{0})->handle, FlowHandle{2});
}

TEST_F(ServerFlowsTest, KeepsItsFlowsWhenItIsMoved) {
  ServerFlows flows;
  open(flows, 3, 0xa, 1);
  ServerFlows moved;
  moved = std::move(flows);
  EXPECT_EQ(moved.find(FlowId{3})->handle, FlowHandle{1});
  EXPECT_EQ(moved.find(FlowHandle{1})->hash, 0xaU);
}

TEST_F(ServerFlowsTest, FullTableRefusesWhileAllAreInUse) {
  ServerFlows flows(2);
  open_lasting(flows, 0, 0xa, 1);
  open_lasting(flows, 1, 0xb, 2, 1s);
  const auto refused = open(flows, 2, 0xc, 3, 10s - 1ns);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Drop::flow_limit);
  EXPECT_EQ(flows.size(), 2U);
  EXPECT_FALSE(flows.knows(0xc));
  // A flow that is known needs no room.
  EXPECT_TRUE(open(flows, 1, 0xb, 4, 10s - 1ns));
}

TEST_F(ServerFlowsTest, FullTableGivesUpTheLeastRecentlyUsed) {
  ServerFlows flows(2);
  open_lasting(flows, 0, 0xa, 1);
  open_lasting(flows, 1, 0xb, 2, 1s);
  flows.find(FlowId{0})->last_used = kStart + 2s;
  ASSERT_TRUE(open(flows, 2, 0xc, 3, 11s));
  EXPECT_EQ(closed_, std::vector{FlowHandle{2}});
  EXPECT_TRUE(flows.knows(0xa));
  EXPECT_FALSE(flows.knows(0xb));
  EXPECT_EQ(flows.find(FlowId{1}), nullptr);
}

TEST_F(ServerFlowsTest, FullTableGivesUpTheIdlestShortFlowFirst) {
  ServerFlows flows(3);
  open_lasting(flows, 0, 0xa, 1);
  open(flows, 1, 0xb, 2, 1s);
  open(flows, 2, 0xc, 3, 2s);
  flows.find(FlowId{1})->last_used = kStart + 3s;
  EXPECT_FALSE(open(flows, 3, 0xd, 4, 4s - 1ns)) << "an answer may be on its way";
  ASSERT_TRUE(open(flows, 3, 0xd, 4, 4s));
  EXPECT_EQ(closed_, std::vector{FlowHandle{3}});
  ASSERT_TRUE(open(flows, 4, 0xe, 5, 5s));
  EXPECT_EQ(closed_, std::vector{FlowHandle{2}});
  EXPECT_TRUE(flows.knows(0xa)) << "it was silent longer, but is none that ends after a question";
}

TEST_F(ServerFlowsTest, ClosesById) {
  ServerFlows flows;
  open(flows, 7, 0xa, 1);
  EXPECT_EQ(flows.close(FlowId{7}), FlowHandle{1});
  EXPECT_FALSE(flows.close(FlowId{7}));
  EXPECT_FALSE(flows.close(FlowId{400}));
  EXPECT_EQ(flows.size(), 0U);
}

TEST_F(ServerFlowsTest, OutlivesTheClientsIdleTime) {
  ServerFlows flows;
  open_lasting(flows, 0, 0xa, 1);
  open_lasting(flows, 1, 0xb, 2, 1s);
  std::vector<FlowHandle> closed;
  flows.expire(closed, kStart + kFlowIdle + 30s - 1ns);
  EXPECT_TRUE(closed.empty());
  flows.expire(closed, kStart + kFlowIdle + 30s);
  EXPECT_EQ(closed, std::vector{FlowHandle{1}});
  EXPECT_EQ(flows.find(FlowId{0}), nullptr);
  EXPECT_NE(flows.find(FlowId{1}), nullptr);
}

TEST_F(ServerFlowsTest, CloseAllNamesEachHandleOnce) {
  ServerFlows flows;
  for (std::uint16_t i = 0; i < 10; ++i) open(flows, i, i, i + 1U);
  std::vector<FlowHandle> closed;
  flows.close_all(closed);
  std::sort(closed.begin(), closed.end());
  ASSERT_EQ(closed.size(), 10U);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(closed[i], FlowHandle{i + 1});
  EXPECT_EQ(flows.size(), 0U);
  EXPECT_EQ(flows.find(FlowId{3}), nullptr);
  EXPECT_EQ(flows.find(FlowHandle{3}), nullptr);
}

TEST_F(ServerFlowsTest, TakesTheHighestIdOfThePacketFormat) {
  ServerFlows flows;
  EXPECT_TRUE(open(flows, kMaxFlowId, 0xa, 1));
  EXPECT_EQ(flows.find(FlowId{kMaxFlowId})->handle, FlowHandle{1});
  EXPECT_EQ(flows.find(FlowId{kMaxFlowId - 1}), nullptr);
}

TEST_F(ServerFlowsTest, MemoryGrowsWithTheFlowsAndNotWithTheirIds) {
  ServerFlows flows;
  open(flows, kMaxFlowId, 1, 1);
  EXPECT_LE(flows.ids().bytes(), 3072U) << "one flow, whatever its id";
  for (std::uint32_t i = 1; i < 16; ++i) open(flows, 16000 * i, 1U + i, 1U + i);
  EXPECT_LE(flows.ids().bytes(), 2048U + 16 * 1088U);
  for (std::uint32_t i = 1; i < 16; ++i) flows.close(FlowId{16000 * i});
  EXPECT_LE(flows.ids().bytes(), 3072U) << "what has ended takes none";
  EXPECT_EQ(flows.find(FlowId{kMaxFlowId})->handle, FlowHandle{1});
}

TEST_F(ServerFlowsTest, OneFlowUnderManyIdsInTurnTakesTheRoomOfOne) {
  ServerFlows flows;
  for (std::uint32_t id = 0; id <= kMaxFlowId; id += 64) {
    EXPECT_EQ(open(flows, id, 1, 1)->is_new, id == 0);
    EXPECT_LE(flows.ids().bytes(), 8192U);
  }
}

}  // namespace
}  // namespace mptunnel
