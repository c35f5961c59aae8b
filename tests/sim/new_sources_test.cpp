// Applications that send from a new port each time: a resolver asks each question from a port of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

constexpr int kPerSecond = 1000;

/// Asks once from each new application, a thousand times a second.
class NewSources : public testing::Test {
 protected:
  static BenchOptions options() {
    BenchOptions options = clean_bench();
    options.traffic.interval = 10ms;
    return options;
  }
  void ask_for(int seconds) {
    for (int i = 0; i < seconds * kPerSecond; ++i) {
      asked_.push_back(&bench_.client.add_application({}));
      bench_.world.traffic().send(*asked_.back(), 1, 60);
      bench_.run(1ms);
      most_flows_ = std::max(most_flows_, bench_.client.engine().state().flows.size());
    }
  }
  [[nodiscard]] std::size_t unanswered() const {
    return static_cast<std::size_t>(std::count_if(
        asked_.begin(), asked_.end(), [](const Application* each) { return each->round_trips.empty(); }));
  }
  [[nodiscard]] std::size_t flows_at_server() { return bench_.server().engine().state().table.flows(); }

  Bench bench_{options()};
  std::vector<Application*> asked_;
  std::size_t most_flows_ = 0;
};

TEST_F(NewSources, AThousandASecondAreAllAnsweredAndASteadyFlowLosesNothing) {
  bench_.begin();
  ask_for(60);
  bench_.settle();
  EXPECT_EQ(unanswered(), 0U);
  EXPECT_EQ(bench_.tally(false).lost(), 0U);
  EXPECT_EQ(bench_.tally(true).lost(), 0U);
  EXPECT_EQ(bench_.count<TablesFull>(bench_.client.events()), 0U);
  EXPECT_EQ(bench_.count<TablesFull>(bench_.server().events()), 0U);
  EXPECT_LE(most_flows_, kMaxFlows);
  EXPECT_EQ(bench_.client.drops(Drop::flow_limit) + bench_.client.drops(Drop::flow_unknown), 0U);
  // All but the steady one end by themselves.
  bench_.run(11s);
  EXPECT_EQ(bench_.client.engine().state().flows.size(), 1U);
  EXPECT_EQ(flows_at_server(), 1U);
}

TEST(FlowsGivenUp, ShortFlowThatTheServerGaveUpIsOpenedAgainWithoutALoss) {
  BenchOptions options = clean_bench();
  options.server.settings.max_flows = 2;
  Bench bench(options);
  bench.begin();
  Application& one = bench.client.add_application({});
  Application& other = bench.client.add_application({});
  for (std::size_t turn = 1; turn <= 4; ++turn) {
    for (Application* each : {&one, &other}) {
      bench.world.traffic().send(*each, 1, 60);
      bench.run(2500ms);
      EXPECT_EQ(each->round_trips.size(), turn);
    }
  }
  EXPECT_EQ(bench.server().drops(Drop::flow_unknown), 0U);
  EXPECT_EQ(bench.server().drops(Drop::flow_limit), 0U);
  EXPECT_EQ(bench.client.engine().state().flows.size(), 3U) << "the client gave none up";
}

}  // namespace
}  // namespace mptunnel::sim
