#include "mptunnel/ports/client_carrier.h"

#include <gtest/gtest.h>

#include "support/test_random.h"
#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/outputs.h"
#include "unit/ports/recorded_events.h"

namespace mptunnel {
namespace {

using test::add_deliveries;
using test::add_run;
using test::sum_of;

/// The bridge of path 0 has a socket, that of path 1 has none, and path 2 has no bridge.
class ClientCarrierTest : public testing::Test {
 protected:
  ClientCarrierTest() {
    for (std::uint8_t id = 0; id < 3; ++id) engine_.set_path_traits(PathId{id}, {});
    for (const char* host : {"one.example", "two.example"}) {
      BridgeConfig line;
      line.remote = {host, 4000};
      line.name = host;
      config_.bridges.push_back(line);
    }
    bridges_.start();
    ports_.answer({"192.0.2.1"});
    ListenAddress listen;
    listen.endpoint = parse_numeric_endpoint("127.0.0.1", 3000).value();
    EXPECT_TRUE(listeners_.open({listen}));
  }
  /// Of an application that has sent to this port of ours.
  FlowHandle flow(std::uint16_t local_port) {
    return applications_
        .use({parse_numeric_endpoint("127.0.0.1", 5000).value(),
              parse_numeric_endpoint("127.0.0.1", local_port).value()})
        .handle;
  }
  void refuse(std::uint32_t accepted, int error) {
    ports_.sockets.outcome = [=](std::size_t) { return SendOutcome{accepted, error}; };
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  InterfaceTable table_;
  test::RecordedEvents events_;
  ClientConfig config_;
  test::TestRandom random_{1};
  ClientEngine engine_{ClientSettings{}, random_};
  Bridges bridges_{config_, ClientIdentity{}, ports_.context, table_, events_};
  ApplicationTable applications_{ClientIdentity{}};
  ListenSockets listeners_{ports_.context, Steering{}, SocketUse::applications, [](DatagramSocket&) {}};
  ClientCarrier carrier_{engine_, bridges_, applications_, listeners_, nullptr, ports_.clock};
  Output out_;
};

TEST_F(ClientCarrierTest, CountsRunsOfPathsWithoutSocketAndWithoutBridge) {
  add_run(out_, 3, PathSet::of(PathId{0}, PathId{1}) | PathSet::of(PathId{2}));
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(bridges_.find(PathId{0})->socket()->counters().sent, 3U);
  EXPECT_EQ(carrier_.drops()[Drop::socket_gone], 6U);
  EXPECT_EQ(sum_of(carrier_.drops()), 6U);
  EXPECT_EQ(sum_of(engine_.drops()), 0U);
}

TEST_F(ClientCarrierTest, LeavesToTheEngineWhatTheKernelRefusesOfARun) {
  refuse(1, EAGAIN);
  add_run(out_, 3, PathSet::of(PathId{0}));
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(engine_.drops()[Drop::would_block], 2U);
  EXPECT_EQ(sum_of(engine_.drops()), 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 0U);
}

TEST_F(ClientCarrierTest, CountsPayloadsWhoseListenSocketIsGone) {
  add_deliveries(out_, flow(3001), 2);
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::socket_gone], 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 2U);
}

TEST_F(ClientCarrierTest, CountsPayloadsOfAForgottenApplication) {
  const FlowHandle known = flow(3000);
  Output ended;
  ended.flow_changes.push_back({known, 0, false});
  applications_.follow(ended);
  add_deliveries(out_, known, 2);
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::flow_unknown], 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 2U);
}

TEST_F(ClientCarrierTest, CountsPayloadsThatTheKernelRefuses) {
  refuse(2, ECONNREFUSED);
  add_deliveries(out_, flow(3000), 3);
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::refused], 1U);
  EXPECT_EQ(sum_of(carrier_.drops()), 1U);
}

}  // namespace
}  // namespace mptunnel
