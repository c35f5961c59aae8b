#include <gtest/gtest.h>

#include "mptunnel/control/collect_status.h"
#include "support/test_random.h"
#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/interfaces.h"
#include "unit/ports/recorded_events.h"

namespace mptunnel {
namespace {

class ClientStatusTest : public testing::Test {
 protected:
  ClientStatusTest() {
    BridgeConfig line;
    line.remote = {"bridge.example", 4000};
    line.name = "b";
    config_.bridges = {line};
    engine_.set_path_traits(PathId{0}, {});
    bridges_.start();
  }
  [[nodiscard]] Status status() {
    return collect_status({config_, engine_, bridges_, listeners_, nullptr, drops_, from_applications_,
                           from_bridges_, true, true, started_},
                          ports_.clock.now());
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  InterfaceTable table_;
  test::RecordedEvents events_;
  ClientConfig config_;
  test::TestRandom random_{1};
  ClientEngine engine_{ClientSettings{}, random_};
  Bridges bridges_{config_, ClientIdentity{}, ports_.context, table_, events_};
  ListenSockets listeners_{ports_.context, Steering{}, SocketUse::applications, [](DatagramSocket&) {}};
  DropCounters drops_;
  KernelDropWatch from_applications_{"from applications"};
  KernelDropWatch from_bridges_{"from bridges"};
  TimePoint started_ = ports_.clock.now();
};

TEST_F(ClientStatusTest, TellsOfAPathWhyItHasNoSocket) {
  ASSERT_EQ(status().paths.size(), 1U);
  EXPECT_EQ(status().paths[0].name, "b");
  EXPECT_EQ(status().paths[0].state, PathState::down);
  EXPECT_EQ(status().paths[0].problem, "its name is being looked up");
  ports_.answer_failure("no such name");
  EXPECT_EQ(status().paths[0].problem, "no such name");
}

TEST_F(ClientStatusTest, TellsWhichAddressesToListenOnAreAwaited) {
  config_.listen = {{.endpoint = parse_numeric_endpoint("10.0.0.9", 3000).value()},
                    {.endpoint = parse_numeric_endpoint("fe80::1", 3000).value(), .zone = "nosuch0"}};
  ports_.sockets.open_error = [](const SocketRequest& request) {
    return request.free_bind ? 0 : EADDRNOTAVAIL;
  };
  ASSERT_TRUE(listeners_.open(config_.listen));
  EXPECT_EQ(status().listen, (std::vector<std::string>{"10.0.0.9:3000", "[fe80::1%nosuch0]:3000"}));
  ASSERT_EQ(status().awaited.size(), 2U);
  EXPECT_EQ(status().awaited[0].address, "10.0.0.9:3000");
  EXPECT_EQ(status().awaited[0].why, "it is not an address of this host");
  EXPECT_EQ(status().awaited[1].address, "[fe80::1%nosuch0]:3000");
  EXPECT_EQ(status().awaited[1].why, "there is no interface nosuch0");
  EXPECT_FALSE(status().listens);
  test::set_interface(table_, 2, "eth0");
  test::add_address(table_, 2, "10.0.0.9");
  listeners_.on_interfaces(table_);
  EXPECT_EQ(status().awaited.size(), 1U);
  EXPECT_TRUE(status().listens);
}

TEST_F(ClientStatusTest, TellsOfAPathWhereItLeads) {
  ports_.answer({"192.0.2.1"});
  const PathStatus path = status().paths[0];
  EXPECT_EQ(path.remote, "192.0.2.1:4000");
  EXPECT_TRUE(path.local.starts_with("10.0.0.1:"));
  EXPECT_EQ(path.problem, "no session with mpserver yet");
}

TEST_F(ClientStatusTest, TellsOfAPathOverATunnelThatItIsHeldAndWhatToDo) {
  test::set_interface(table_, 5, "tun0", true, "tun");
  ports_.routing.interface = [](const RouteQuestion&) { return 5; };
  ports_.answer({"192.0.2.1"});
  Output out;
  engine_.hold_path(PathId{0}, true, out, ports_.clock.now());
  const std::string problem = status().paths[0].problem;
  EXPECT_TRUE(problem.starts_with("reached over tun0, a tunnel: no data goes that way")) << problem;
  EXPECT_NE(problem.find("dev=INTERFACE"), std::string::npos);
  EXPECT_TRUE(status().paths[0].held);
  engine_.hold_path(PathId{0}, false, out, ports_.clock.now());
  EXPECT_EQ(status().paths[0].problem, "no session with mpserver yet");
  EXPECT_FALSE(status().paths[0].held);
}

TEST_F(ClientStatusTest, AddsWhatSocketsDropped) {
  drops_.add(Drop::refused, 3);
  EXPECT_EQ(status().drops[Drop::refused], 3U);
  EXPECT_EQ(status().session.state, SessionState::connecting);
  EXPECT_TRUE(status().session.has_key);
}

TEST_F(ClientStatusTest, AddsWhatWasLostBeforeTheProgram) {
  ReceiveResult lost;
  lost.kernel_drops = 5;
  lost.old = 2;
  from_applications_.add(lost, ports_.clock.now());
  lost.kernel_drops = 3;
  from_bridges_.add(lost, ports_.clock.now());
  EXPECT_EQ(status().kernel_drops_inside, 5U);
  EXPECT_EQ(status().kernel_drops_outside, 3U);
  EXPECT_EQ(status().drops[Drop::old], 4U);
}

}  // namespace
}  // namespace mptunnel
