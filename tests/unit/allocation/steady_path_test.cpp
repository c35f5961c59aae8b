// Once everything has grown to its size, a datagram of an open flow asks operator new for nothing: from the
// socket or the call that brings it, through both engines, to the socket that takes it.
//
// What is counted is the way of DATA packets alone. The PINGs and PONGs among them, ten a second and path,
// are made as vectors of frames; they pass here too, between the counted steps.

#include <gtest/gtest.h>

#include <string>

#include "memory_link.h"
#include "mptunnel/engine/link/delay_line.h"
#include "socket_link.h"

namespace mptunnel {
namespace {

using test::Counted;
using test::MemoryLink;
using test::SocketLink;
using test::Spending;
using test::Tunnel;
using test::TunnelSettings;

constexpr std::size_t kDatagrams = 10'000;  // each way

struct PathRow {
  std::size_t batch;
  std::size_t flows;
  bool encrypt;
};
std::string name_of_row(const testing::TestParamInfo<PathRow>& row) {
  return std::string(row.param.encrypt ? "Sealed" : "Clear") + "BatchOf" + std::to_string(row.param.batch) +
         "Flows" + std::to_string(row.param.flows);
}
const auto kRows = testing::Values(PathRow{1, 1, true}, PathRow{40, 1, true}, PathRow{1, 100, true},
                                   PathRow{40, 100, true}, PathRow{1, 1, false}, PathRow{40, 1, false},
                                   PathRow{1, 100, false}, PathRow{40, 100, false});

class SteadyPath : public testing::TestWithParam<PathRow> {
 protected:
  /// 400 datagrams a second each way: what was lost for good stays in the received set for 30 s, and that is
  /// part of the steady state.
  static constexpr Duration kInterval = 2500us;
  static constexpr std::size_t kWarmUp = 16'000;

  static std::uint16_t port(std::size_t flow) { return static_cast<std::uint16_t>(10'000 + flow); }

  /// `count` datagrams each way, over all flows in turn.
  static void run(Tunnel& tunnel, MemoryLink& link, std::size_t count) {
    const PathRow& row = GetParam();
    for (std::size_t i = 0; i < count / row.batch; ++i) {
      const std::size_t flow = i % row.flows;
      link.application_sends(port(flow), row.batch);
      link.target_sends(tunnel.at_target[flow].flow, row.batch);
      tunnel.advance(kInterval * static_cast<int>(row.batch));
    }
  }

  static void expect_no_allocation(bool lossy) {
    const PathRow& row = GetParam();
    TunnelSettings settings;
    settings.client.encrypt = settings.server.encrypt = row.encrypt;
    Tunnel tunnel(settings);
    tunnel.start();
    for (std::size_t flow = 0; flow < row.flows; ++flow) tunnel.application_sends(port(flow), "open");
    ASSERT_EQ(tunnel.at_target.size(), row.flows);
    // So many that none is opened again after a pause.
    for (std::size_t flow = 0; flow < row.flows; ++flow) {
      for (unsigned i = 0; i < kFlowDoubtedDatagrams; ++i) tunnel.application_sends(port(flow), "more");
    }
    MemoryLink link(tunnel, lossy);
    run(tunnel, link, kWarmUp);
    link.spent = {};
    run(tunnel, link, kDatagrams);

    EXPECT_EQ(link.spent, Spending{});
    EXPECT_EQ(link.at_target() + link.at_application() + link.lost(), 2 * (kWarmUp + kDatagrams));
    EXPECT_EQ(link.lost() > 0, lossy);
    EXPECT_GT(tunnel.server_drops(Drop::copy), kDatagrams);
    EXPECT_GT(tunnel.client_drops(Drop::copy), kDatagrams);
    EXPECT_EQ(tunnel.client_events.size() + tunnel.server_events.size(), 8U)
        << "a session, and paths: no more";
  }
};

TEST_P(SteadyPath, AllocatesNothing) {
  expect_no_allocation(false);
}

TEST_P(SteadyPath, AllocatesNothingWhilePacketsAreLost) {
  expect_no_allocation(true);
}

INSTANTIATE_TEST_SUITE_P(Rows, SteadyPath, kRows, name_of_row);

class SteadySockets : public testing::TestWithParam<PathRow> {
 protected:
  /// Several flows' datagrams are under way at a time, so that they meet in one wake-up.
  static constexpr std::size_t kAtOnce = 5;

  static bool run(SocketLink& link, std::size_t count) {
    const PathRow& row = GetParam();
    for (std::size_t i = 0; i < count / row.batch; ++i) {
      link.application_sends(i % row.flows, row.batch);
      link.target_sends(i % row.flows, row.batch);
      if (i % kAtOnce == 0 && !link.carry()) return false;
    }
    return link.carry();
  }
};

TEST_P(SteadySockets, AllocateNothing) {
  SocketLink link(GetParam().encrypt, GetParam().flows);
  ASSERT_TRUE(link.start());
  ASSERT_TRUE(run(link, 4000));
  // Control packets in between, uncounted; then time stands still, and DATA alone moves.
  for (std::size_t done = 0; done < kDatagrams; done += 1000) {
    link.advance(100ms);
    link.spent = {};
    ASSERT_TRUE(run(link, 1000)) << done;
    EXPECT_EQ(link.spent, Spending{}) << done;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SteadySockets, kRows, name_of_row);

TEST(DelayLine, AllocatesNothingBeforeAPathHasADelay) {
  QueueBudget budget;
  // The budget makes room for its holders.
  const DelayLine first(budget);
  const DelayLine second(budget);
  const DelayLine third(budget);
  std::uint64_t spent = 0;
  {
    const Counted counted(spent);
    DelayLine line(budget);
    line.set(PathId{3}, Duration{});
    EXPECT_TRUE(line.empty());
  }
  EXPECT_EQ(spent, 0U);
  static_assert(sizeof(DelayLine) <= 512);
}

TEST(Spending, CountsWhatIsAllocated) {
  Spending spent;
  {
    const test::Counted counted(spent.send);
    const std::vector<int> memory(100, 1);
    EXPECT_EQ(memory.back(), 1);
  }
  EXPECT_EQ(spent.send, 1U);
  EXPECT_EQ(spent.receive, 0U);
}

}  // namespace
}  // namespace mptunnel
