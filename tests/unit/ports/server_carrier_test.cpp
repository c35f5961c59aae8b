#include "mptunnel/ports/server_carrier.h"

#include <gtest/gtest.h>

#include "support/test_random.h"
#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/outputs.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::add_deliveries;
using test::add_run;
using test::kFlow;
using test::sum_of;

class ServerCarrierTest : public testing::Test {
 protected:
  ServerCarrierTest() {
    ListenAddress listen;
    listen.endpoint = parse_numeric_endpoint("127.0.0.1", 2000).value();
    EXPECT_TRUE(listeners_.open({listen}));
    target_.start();
  }
  static Route route(const char* host, std::uint16_t local_port = 2000) {
    Route route;
    route.remote = parse_numeric_endpoint(host, 4000).value();
    route.local = parse_numeric_endpoint("127.0.0.1", local_port).value();
    return route;
  }
  void add_direct(const Route& to) {
    out_.make_packet(test::kPacketBytes);
    out_.send_direct(test::kPacketBytes, to);
  }
  void refuse(std::uint32_t accepted, int error) {
    ports_.sockets.outcome = [=](std::size_t) { return SendOutcome{accepted, error}; };
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  test::TestRandom random_{1};
  ServerEngine engine_{ServerSettings{}, random_};
  ListenSockets listeners_{ports_.context, Steering{}, SocketUse::paths, [](DatagramSocket&) {}};
  Target target_{{"target.example", 1194}, 5min, ports_.context, [](FlowHandle) {}};
  ServerCarrier carrier_{engine_, listeners_, &target_, nullptr, ports_.clock};
  Output out_;
};

TEST_F(ServerCarrierTest, CountsRunsOfASessionThatIsGone) {
  add_run(out_, 3, PathSet::of(PathId{0}, PathId{1}), SessionHandle{5});
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::socket_gone], 6U);
  EXPECT_EQ(sum_of(carrier_.drops()), 6U);
  EXPECT_EQ(sum_of(engine_.drops()), 0U);
}

TEST_F(ServerCarrierTest, CountsADirectPacketWithoutSocket) {
  add_direct(route("10.0.0.1"));
  add_direct(route("2001:db8::1"));
  add_direct(route("10.0.0.1", 2001));
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::socket_gone], 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 2U);
}

TEST_F(ServerCarrierTest, CountsADirectPacketThatTheKernelRefuses) {
  refuse(0, ENOBUFS);
  add_direct(route("10.0.0.1"));
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::no_buffers], 1U);
  EXPECT_EQ(sum_of(carrier_.drops()), 1U);
}

TEST_F(ServerCarrierTest, CountsPayloadsOfAFlowWithoutSocket) {
  out_.flow_changes.push_back({kFlow, 1, true});
  add_deliveries(out_, kFlow, 2);
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::target_unknown], 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 2U);
  EXPECT_EQ(target_.flows(), 1U);
}

TEST_F(ServerCarrierTest, FlowThatOpensAndEndsWithItsPayloadsDeliversThem) {
  ports_.answer({"192.0.2.1"}, 1194);
  out_.flow_changes.push_back({kFlow, 1, true});
  out_.flow_changes.push_back({kFlow, 0, false});
  add_deliveries(out_, kFlow, 2);
  std::size_t sent = 0;
  ports_.sockets.outcome = [&sent](std::size_t count) {
    sent += count;
    return SendOutcome{static_cast<std::uint32_t>(count), 0};
  };
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(sent, 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 0U);
  EXPECT_EQ(target_.flows(), 0U);
}

TEST_F(ServerCarrierTest, CountsPayloadsThatTheKernelRefuses) {
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  refuse(1, EAGAIN);
  add_deliveries(out_, kFlow, 3);
  carrier_.carry(out_, ports_.clock.now());
  EXPECT_EQ(carrier_.drops()[Drop::would_block], 2U);
  EXPECT_EQ(sum_of(carrier_.drops()), 2U);
}

}  // namespace
}  // namespace mptunnel
