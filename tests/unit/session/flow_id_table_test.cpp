#include "mptunnel/session/flow_id_table.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "mptunnel/session/flows.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

TEST(FlowIdTable, AgreesWithAMap) {
  test::TestRandom random(3);
  std::vector<ServerFlow> flows(50);
  for (int round = 0; round < 20; ++round) {
    FlowIdTable<ServerFlow> table;
    std::map<std::uint32_t, ServerFlow*> model;
    for (int step = 0; step < 2000; ++step) {
      // Neighbours, and those at the ends of a leaf and of a branch, in the lowest ids and the highest.
      const std::array<std::uint32_t, 3> starts{0, 4000, kMaxFlowId - 199};
      const std::uint32_t id = starts.at(random.below(3)) + static_cast<std::uint32_t>(random.below(200));
      if (random.below(2) == 0) {
        ServerFlow& flow = flows[random.below(flows.size())];
        table.set(FlowId{id}, flow);
        model[id] = &flow;
      } else {
        table.erase(FlowId{id});
        model.erase(id);
      }
      const auto found = model.find(id);
      ASSERT_EQ(table.find(FlowId{id}), found == model.end() ? nullptr : found->second);
    }
    for (std::uint32_t id = 0; id <= kMaxFlowId; ++id) {
      const auto found = model.find(id);
      ASSERT_EQ(table.find(FlowId{id}), found == model.end() ? nullptr : found->second) << id;
    }
    for (const auto& [id, flow] : model) table.erase(FlowId{id});
    EXPECT_LE(table.bytes(), 4096U) << "no leaf is left";
  }
}

TEST(FlowIdTable, KnowsNothingOnceCleared) {
  FlowIdTable<ServerFlow> table;
  ServerFlow flow;
  table.set(FlowId{kMaxFlowId}, flow);
  table.clear();
  EXPECT_EQ(table.find(FlowId{kMaxFlowId}), nullptr);
  EXPECT_EQ(table.find(FlowId{0}), nullptr);
  table.set(FlowId{0}, flow);
  EXPECT_EQ(table.find(FlowId{0}), &flow);
}

}  // namespace
}  // namespace mptunnel
