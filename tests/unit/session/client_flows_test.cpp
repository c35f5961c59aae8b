#include <gtest/gtest.h>

#include <map>
#include <set>

#include "mptunnel/session/flows.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

FlowSource source(std::uint32_t handle) {
  return {FlowHandle{handle}, handle * std::uint64_t{1000}};
}

class ClientFlowsTest : public testing::Test {
 protected:
  /// A datagram of a flow that is no short one.
  ClientFlow* use(ClientFlows& flows, std::uint32_t handle, Duration after = {}) {
    return use(flows, handle, after, 10, 1);
  }
  ClientFlow* use(ClientFlows& flows, std::uint32_t handle, Duration after, std::size_t to_server,
                  std::size_t to_client) {
    ended_.clear();
    const auto flow = flows.use(source(handle), ended_, kStart + after);
    if (!flow) return nullptr;
    (*flow)->note_to_server(to_server);
    (*flow)->note_to_client(to_client);
    return *flow;
  }
  /// What has ended by then.
  std::vector<FlowHandle> expired(ClientFlows& flows, Duration after) {
    std::vector<ClientFlows::Ended> ended;
    flows.expire(ended, kStart + after);
    std::vector<FlowHandle> sources;
    for (const ClientFlows::Ended& flow : ended) sources.push_back(flow.source);
    return sources;
  }
  std::vector<ClientFlows::Ended> ended_;
};

TEST_F(ClientFlowsTest, OneFlowForEachSource) {
  ClientFlows flows;
  EXPECT_EQ(use(flows, 1)->id, FlowId{0});
  EXPECT_EQ(use(flows, 2)->id, FlowId{1});
  EXPECT_EQ(use(flows, 1)->id, FlowId{0});
  EXPECT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows.find(FlowId{1})->handle, FlowHandle{2});
  EXPECT_EQ(flows.find(FlowId{1})->hash, 2000U);
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

TEST_F(ClientFlowsTest, ShortFlowEndsAfterSecondsOnceItHadItsAnswer) {
  ClientFlows flows;
  use(flows, 1, {}, 1, 1);
  use(flows, 2, {}, 2, 2);   // a resolver asks for A and AAAA by one socket
  use(flows, 3, {}, 3, 2);   // no short one
  use(flows, 4, {}, 1, 0);   // no answer yet
  use(flows, 5, {}, 50, 0);  // nobody answers
  EXPECT_TRUE(expired(flows, 10s - 1ns).empty());
  EXPECT_EQ(expired(flows, 10s), (std::vector{FlowHandle{1}, FlowHandle{2}}));
  EXPECT_TRUE(expired(flows, 30s - 1ns).empty());
  EXPECT_EQ(expired(flows, 30s), (std::vector{FlowHandle{4}, FlowHandle{5}}));
  EXPECT_EQ(expired(flows, kFlowIdle), std::vector{FlowHandle{3}});
}

TEST_F(ClientFlowsTest, FullTableGivesUpTheIdlestShortFlowFirst) {
  ClientFlows flows(3);
  use(flows, 1);
  use(flows, 2, 1s, 1, 1);
  use(flows, 3, 2s, 1, 1);
  use(flows, 2, 3s, 0, 0);
  EXPECT_EQ(use(flows, 4, 4s - 1ns), nullptr) << "an answer may be on its way";
  ASSERT_NE(use(flows, 4, 4s), nullptr);
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].source, FlowHandle{3});
  // The short one that was used again and became a lasting one stays.
  use(flows, 2, 4s, 5, 5);
  EXPECT_EQ(use(flows, 5, 8s), nullptr);
  ASSERT_NE(use(flows, 5, 10s), nullptr);
  EXPECT_EQ(ended_[0].source, FlowHandle{1});
}

TEST_F(ClientFlowsTest, FlowsOfAFormerSessionGoAsShortOnesDo) {
  // 3 s and 11 s after the last datagram: the server, too, begins to count them anew.
  for (const Duration silent : std::initializer_list<Duration>{3s, 11s}) {
    ClientFlows flows(2);
    use(flows, 1);
    use(flows, 2);
    EXPECT_EQ(use(flows, 3, 3s), nullptr) << "lasting ones stay for longer";
    flows.forget_opened();
    EXPECT_EQ(use(flows, 3, 1s), nullptr);
    ASSERT_NE(use(flows, 3, silent), nullptr);
    EXPECT_EQ(flows.find(FlowHandle{1}), nullptr);
    EXPECT_NE(flows.find(FlowHandle{2}), nullptr);
  }
}

TEST_F(ClientFlowsTest, ShortFlowsOfAFullTableGoTogether) {
  ClientFlows flows;
  use(flows, 0);
  for (std::uint32_t i = 1; i < kMaxFlows; ++i) use(flows, i, i * 1ms, 1, 1);
  ASSERT_NE(use(flows, 5000, 5s), nullptr);
  ASSERT_EQ(ended_.size(), kFlowsGivenUpAtOnce);
  for (std::uint32_t i = 0; i < ended_.size(); ++i) EXPECT_EQ(ended_[i].source, FlowHandle{i + 1});
  EXPECT_EQ(flows.size(), kMaxFlows + 1 - kFlowsGivenUpAtOnce);
  ASSERT_NE(use(flows, 5001, 5s), nullptr);
  EXPECT_TRUE(ended_.empty());
}

TEST_F(ClientFlowsTest, FlowThatTheServerMayHaveGivenUpIsOpenedAgain) {
  ClientFlows flows;
  use(flows, 1, {}, 3, 3)->opened = true;
  EXPECT_TRUE(use(flows, 1, 1s - 1ns, 0, 0)->opened);
  EXPECT_FALSE(use(flows, 1, 2s, 0, 0)->opened);
  use(flows, 2, {}, 9, 3)->opened = true;
  EXPECT_TRUE(use(flows, 2, 9s)->opened) << "one that is old enough costs no FLOW_OPEN more";
}

TEST_F(ClientFlowsTest, AThousandNewFlowsASecondAllFindAnIdThatHasRested) {
  ClientFlows flows;
  std::map<FlowId, TimePoint> last;
  const ClientFlow* steady = use(flows, 0);
  const FlowId id = steady->id;
  for (std::uint32_t i = 1; i <= 130'000; ++i) {
    const Duration after = i * 1ms;
    if (i % 20 == 0) {
      ASSERT_EQ(use(flows, 0, after)->id, id);
    }
    const ClientFlow* flow = use(flows, i, after, 1, 1);
    ASSERT_NE(flow, nullptr) << i;
    ASSERT_LE(flow->id.value, kMaxFlowId);
    const auto [known, is_new] = last.emplace(flow->id, kStart + after);
    ASSERT_TRUE(is_new || kStart + after - known->second >= kFlowIdRest);
    known->second = kStart + after;
  }
  EXPECT_LE(last.size(), 70'000U) << "they are used again";
}

TEST_F(ClientFlowsTest, IdsStayWithinThePacketFormatHoweverFastFlowsChange) {
  // Each round replaces all flows before any id has rested; at the end there is none left.
  constexpr std::uint32_t kLimit = 16384;
  ClientFlows flows(kLimit);
  std::set<FlowId> seen;
  std::uint32_t refused = 0;
  for (std::uint32_t round = 0; round < 17; ++round) {
    for (std::uint32_t i = 0; i < kLimit; ++i) {
      const auto flow = flows.use(source(round * kLimit + i), ended_, kStart + 3s * round);
      if (!flow) {
        ++refused;
        continue;
      }
      ASSERT_LE((*flow)->id.value, kMaxFlowId);
      seen.insert((*flow)->id);
    }
  }
  EXPECT_EQ(seen.size(), kMaxFlowId + 1);
  EXPECT_EQ(refused, kLimit);
  // No flow was given up for one that got no id.
  EXPECT_GT(flows.size(), kLimit - kFlowsGivenUpAtOnce);
}

}  // namespace
}  // namespace mptunnel
