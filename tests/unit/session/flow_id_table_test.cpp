#include "mptunnel/session/flow_id_table.h"

#include <gtest/gtest.h>

#include <map>

#include "mptunnel/base/cursor.h"
#include "mptunnel/session/flows.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

TEST(FlowIdTable, AgreesWithAMap) {
  test::TestRandom random(3);
  std::vector<ServerFlow> flows(50);
  for (int round = 0; round < 20; ++round) {
    FlowIdTable table;
    std::map<std::uint16_t, ServerFlow*> model;
    for (int step = 0; step < 2000; ++step) {
      // Neighbours, and those at the ends of a chunk, in the lowest ids and the highest.
      const auto id = static_cast<std::uint16_t>(random.below(2) == 0 ? random.below(200)
                                                                      : kMaxVarint - random.below(200));
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
    for (std::uint16_t id = 0; id <= kMaxVarint; ++id) {
      const auto found = model.find(id);
      ASSERT_EQ(table.find(FlowId{id}), found == model.end() ? nullptr : found->second) << id;
    }
    for (const auto& [id, flow] : model) table.erase(FlowId{id});
    EXPECT_LE(table.bytes(), 4096U) << "no chunk is left";
  }
}

TEST(FlowIdTable, KnowsNothingOnceCleared) {
  FlowIdTable table;
  ServerFlow flow;
  table.set(FlowId{kMaxVarint}, flow);
  table.clear();
  EXPECT_EQ(table.find(FlowId{kMaxVarint}), nullptr);
  EXPECT_EQ(table.find(FlowId{0}), nullptr);
  table.set(FlowId{0}, flow);
  EXPECT_EQ(table.find(FlowId{0}), &flow);
}

}  // namespace
}  // namespace mptunnel
