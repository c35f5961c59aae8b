#include "mptunnel/ports/bridge.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "mptunnel/ports/socket_factory.h"
#include "support/temporary_folder.h"
#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/interfaces.h"
#include "unit/ports/recorded_events.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

class BridgeTest : public testing::Test {
 protected:
  BridgeTest() {
    test::set_interface(table_, 1, "eth0");
    test::add_address(table_, 1, "10.0.0.1");
    test::set_interface(table_, 2, "eth1");
    test::add_address(table_, 2, "10.0.1.1");
    config_.remote = {"bridge.example", 4000};
  }
  /// A bridge whose name has these addresses.
  std::unique_ptr<Bridge> started(const Texts& addresses, const std::string& device = "") {
    auto bridge = std::make_unique<Bridge>(PathId{3}, config_, "bridge", device, context_, limited_);
    bridge->start();
    ports_.answer(addresses);
    return bridge;
  }
  void send_from(const std::string& address) {
    ports_.sockets.source = [address](const Endpoint&) { return parse_numeric_endpoint(address, 0).value(); };
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  InterfaceTable table_;
  test::RecordedEvents events_;
  BridgeConfig config_;
  BridgeContext context_{ports_.context, table_, events_, {}, 5min};
  LimitedLog limited_{[this] { return ports_.clock.now(); }};
};

const Texts kAvailable{"available 3", "readdressed 3"};

TEST_F(BridgeTest, IsAvailableOnceItsNameHasAnAddress) {
  const auto bridge = started({"192.0.2.1"});
  EXPECT_EQ(events_.take(), kAvailable);
  EXPECT_EQ(bridge->remote().to_string(), "192.0.2.1:4000");
  EXPECT_NE(bridge->socket(), nullptr);
  EXPECT_EQ(bridge->problem(), "");
}

TEST_F(BridgeTest, NameWithoutAddressIsAProblem) {
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.answer_failure("no such name");
  EXPECT_EQ(bridge.problem(), "no such name");
  EXPECT_EQ(bridge.socket(), nullptr);
  EXPECT_EQ(events_.take(), Texts());
}

class BridgeKnownTest : public BridgeTest {
 protected:
  BridgeKnownTest() {
    known_.note(config_.remote, parse_numeric_endpoint("192.0.2.8", 0).value());
    known_.note(config_.remote, parse_numeric_endpoint("192.0.2.9", 0).value());
    context_.known = &known_;
  }
  test::TemporaryFolder folder_;
  KnownAddresses known_{folder_ / "addresses", ports_.clock};
};

TEST_F(BridgeKnownTest, NameThatDoesNotResolveIsWhereItAnsweredBefore) {
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.answer_failure("no such name");
  EXPECT_EQ(bridge.remote().to_string(), "192.0.2.9:4000");
  EXPECT_EQ(events_.take(), kAvailable);
  EXPECT_EQ(bridge.problem(), "");
  const std::string said = lines_.take();
  EXPECT_NE(
      said.find("warning: bridge bridge: no such name; until its name resolves, 192.0.2.9:4000 is used, "
                "where it answered before\n"),
      std::string::npos)
      << said;
  // The other is tried as well, and later failures say nothing new.
  ports_.clock.advance(300ms);
  EXPECT_EQ(bridge.remote().to_string(), "192.0.2.8:4000");
  ports_.clock.advance(1s);
  ports_.answer_failure("no such name");
  EXPECT_EQ(lines_.take().find("no such name"), std::string::npos);
}

TEST_F(BridgeKnownTest, NameServerThatDoesNotAnswerIsWaitedForTwoSeconds) {
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.clock.advance(1999ms);
  EXPECT_EQ(bridge.socket(), nullptr);
  ports_.clock.advance(1ms);
  EXPECT_EQ(bridge.remote().to_string(), "192.0.2.9:4000");
  EXPECT_NE(lines_.take().find("its name server does not answer; until"), std::string::npos);
}

TEST_F(BridgeKnownTest, NameThatResolvesLaterReplacesThem) {
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.clock.advance(2s);
  bridge.on_up();
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(bridge.remote().to_string(), "192.0.2.1:4000");
  bridge.on_up();
  EXPECT_EQ(known_.find(config_.remote).front().to_string(), "192.0.2.1:4000");
}

TEST_F(BridgeKnownTest, NameThatResolvesAtOnceDoesNotNeedThem) {
  const auto bridge = started({"192.0.2.1"});
  ports_.clock.advance(2s);
  EXPECT_EQ(bridge->remote().to_string(), "192.0.2.1:4000");
}

TEST_F(BridgeTest, AddressInUseSurvivesAFailingNameServer) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  ports_.clock.advance(5min);
  ports_.answer_failure("no such name");
  EXPECT_NE(bridge->socket(), nullptr);
  EXPECT_EQ(bridge->problem(), "");
  EXPECT_EQ(events_.take(), Texts());
}

TEST_F(BridgeTest, LooksItsNameUpMoreOftenWhileDown) {
  const auto bridge = started({"192.0.2.1"});
  ports_.clock.advance(10s - 1ms);
  EXPECT_EQ(ports_.asked, 1);
  bridge->on_up();
  ports_.clock.advance(1ms);
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(ports_.clock.to_next_alarm(), 5min);
  bridge->on_down();
  EXPECT_EQ(ports_.clock.to_next_alarm(), 1s);
}

TEST_F(BridgeTest, TriesAddressesInTurnUntilOneAnswers) {
  const auto bridge = started({"192.0.2.1", "192.0.2.2"});
  ports_.clock.advance(300ms);
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.2");
  ports_.clock.advance(300ms);
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.1");
  ports_.clock.advance(599ms);
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.1");
  ports_.clock.advance(1ms);
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.2");
  bridge->on_up();
  ports_.clock.advance(5s);
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.2");
}

TEST_F(BridgeTest, TakesTheFirstAddressThatCanBeSentTo) {
  ports_.sockets.connect_error = [](const Endpoint& remote) {
    return remote.address_string() == "192.0.2.1" ? ENETUNREACH : 0;
  };
  const auto bridge = started({"192.0.2.1", "192.0.2.2"});
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.2");
  EXPECT_EQ(events_.take(), kAvailable);
}

TEST_F(BridgeTest, NoAddressThatCanBeSentToIsAProblemForTheFirstsReason) {
  ports_.sockets.connect_error = [](const Endpoint& remote) {
    return remote.address_string() == "192.0.2.1" ? ENETUNREACH : EPERM;
  };
  const auto bridge = started({"192.0.2.1", "192.0.2.2"});
  EXPECT_EQ(bridge->problem(), "connect " + std::to_string(ENETUNREACH));
  EXPECT_EQ(bridge->socket(), nullptr);
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  EXPECT_EQ(ports_.clock.to_next_alarm(), 1s);
}

TEST_F(BridgeTest, BindAddressRulesTheFamily) {
  config_.bind = parse_numeric_endpoint("10.0.0.1", 0).value();
  const auto bridge = started({"2001:db8::2"});
  EXPECT_EQ(bridge->problem(), "its name has no address of the family of its bind address");
}

TEST_F(BridgeTest, MovesWhenItsAddressIsNoLongerOfTheName) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  ports_.clock.advance(10s);
  ports_.answer({"192.0.2.7"});
  EXPECT_EQ(bridge->remote().address_string(), "192.0.2.7");
  EXPECT_EQ(events_.take(), kAvailable);
}

TEST_F(BridgeTest, InterfaceThatGoesAndComesTakesThePathAlong) {
  const auto bridge = started({"192.0.2.1"}, "eth0");
  bridge->on_up();
  events_.take();
  test::set_interface(table_, 1, "eth0", false);
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  EXPECT_EQ(bridge->problem(), "interface eth0 is down");
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), Texts());
  test::set_interface(table_, 1, "eth0");
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), kAvailable);
  EXPECT_EQ(bridge->problem(), "");
}

class BridgeLinkTest : public BridgeTest {
 protected:
  BridgeLinkTest() {
    config_.remote = {"fe80::1%late", 4000};
    ports_.sockets.source = [](const Endpoint& to) {
      return parse_numeric_endpoint("fe80::7%" + std::to_string(to.scope), 0).value();
    };
  }
  void set_link(int index) {
    test::set_interface(table_, index, "late");
    test::add_address(table_, static_cast<std::uint32_t>(index), "fe80::7");
  }
};

TEST_F(BridgeLinkTest, WaitsForTheInterfaceOfALinkLocalAddressAndFollowsIt) {
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.answer_failure("fe80::1%late does not resolve: Name or service not known");
  EXPECT_EQ(bridge.problem(), "there is no interface late");
  EXPECT_EQ(
      lines_.take(),
      "warning: bridge bridge: there is no interface late; trying again until it works; other paths are "
      "not affected\n");
  events_.take();
  set_link(9);
  bridge.on_interfaces();
  ports_.clock.advance(100ms);
  ports_.answer({"fe80::1%9"});
  EXPECT_EQ(events_.take(), kAvailable);
  EXPECT_EQ(bridge.problem(), "");
  bridge.on_up();
  // It goes, and comes again with another number.
  test::remove_interface(table_, 9, "late");
  lines_.take();
  bridge.on_interfaces();
  ports_.clock.advance(100ms);
  ports_.answer_failure("fe80::1%late does not resolve: Name or service not known");
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  EXPECT_EQ(bridge.problem(), "there is no interface late");
  EXPECT_NE(lines_.take().find("there is no interface late"), std::string::npos);
  bridge.on_routes();
  EXPECT_EQ(bridge.socket(), nullptr);
  set_link(19);
  bridge.on_interfaces();
  ports_.clock.advance(100ms);
  ports_.answer({"fe80::1%19"});
  EXPECT_EQ(events_.take(), kAvailable);
  EXPECT_EQ(bridge.remote().scope, 19U);
}

TEST_F(BridgeLinkTest, AnAddressOfAFormerRunIsNotUsedForIt) {
  const test::TemporaryFolder folder;
  KnownAddresses known(folder / "addresses", ports_.clock);
  known.note(config_.remote, parse_numeric_endpoint("fe80::1%9", 0).value());
  context_.known = &known;
  Bridge bridge(PathId{3}, config_, "bridge", "", context_, limited_);
  bridge.start();
  ports_.clock.advance(2s);
  ports_.answer_failure("fe80::1%late does not resolve: Name or service not known");
  EXPECT_EQ(bridge.socket(), nullptr);
}

TEST_F(BridgeTest, FollowsRoutingToAnotherSource) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  bridge->on_suspect();
  EXPECT_EQ(events_.take(), Texts());
  send_from("10.0.1.1");
  ports_.routing.interface = [](const RouteQuestion&) { return 2; };
  bridge->on_suspect();
  EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
  EXPECT_EQ(bridge->socket()->local_endpoint().address_string(), "10.0.1.1");
}

/// Routing goes over tun0 (5), whose address is 10.8.0.1, and asks for `source`.
class BridgeTunnelTest : public BridgeTest {
 protected:
  BridgeTunnelTest() {
    test::set_interface(table_, 5, "tun0", true, "tun");
    test::add_address(table_, 5, "10.8.0.1");
  }
  void take_route(std::uint32_t interface, const std::string& source) {
    ports_.routing.interface = [interface](const RouteQuestion&) { return interface; };
    send_from(source);
  }
};

TEST_F(BridgeTunnelTest, RouteThatMovesOntoATunnelHoldsThePathUntilItLeaves) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  take_route(5, "10.8.0.1");
  bridge->on_routes();
  // What leaves by the old address goes over the tunnel already.
  EXPECT_EQ(events_.take(), (Texts{"held 3", "readdressed 3"}));
  EXPECT_EQ(bridge->socket()->local_endpoint().address_string(), "10.8.0.1");
  EXPECT_EQ(bridge->tunnel(), "tun0");
  EXPECT_NE(lines_.take().find("reached over tun0, a tunnel"), std::string::npos);
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts());
  take_route(1, "10.0.0.1");
  bridge->on_routes();
  EXPECT_EQ(events_.take(), (Texts{"released 3", "readdressed 3"}));
  EXPECT_EQ(bridge->tunnel(), "");
}

TEST_F(BridgeTunnelTest, PathThatIsMadeOverATunnelIsHeldFromItsStart) {
  take_route(5, "10.8.0.1");
  const auto bridge = started({"192.0.2.1"});
  EXPECT_EQ(events_.take(), (Texts{"held 3", "available 3", "readdressed 3"}));
  EXPECT_NE(lines_.take().find("reached over tun0, a tunnel"), std::string::npos);
}

TEST_F(BridgeTunnelTest, TunnelThatIsConfiguredIsTrusted) {
  take_route(5, "10.8.0.1");
  const auto bridge = started({"192.0.2.1"}, "tun0");
  EXPECT_EQ(events_.take(), kAvailable);
}

TEST_F(BridgeTunnelTest, PathThatWasShutForALoopIsTriedOnceItLeadsElsewhere) {
  const auto bridge = started({"192.0.2.1"});
  take_route(5, "10.8.0.1");
  bridge->on_routes();
  bridge->shut_for_loop();
  events_.take();
  bridge->on_routes();
  EXPECT_EQ(ports_.asked, 1);
  take_route(1, "10.0.0.1");
  bridge->on_routes();
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(events_.take(), (Texts{"released 3", "available 3", "readdressed 3"}));
}

TEST_F(BridgeTest, TriesARouteThatComesBackAtOnce) {
  ports_.sockets.connect_error = [](const Endpoint&) { return ENETUNREACH; };
  ports_.routing.error = [](const RouteQuestion&) { return ENETUNREACH; };
  const auto bridge = started({"192.0.2.1"});
  events_.take();
  const std::size_t opened = ports_.sockets.requests.size();
  bridge->on_routes();
  EXPECT_EQ(ports_.sockets.requests.size(), opened) << "other routes change nothing";
  ports_.sockets.connect_error = [](const Endpoint&) { return 0; };
  ports_.routing.error = [](const RouteQuestion&) { return 0; };
  bridge->on_routes();
  EXPECT_EQ(events_.take(), kAvailable);
}

TEST_F(BridgeTest, RouteThatIsGoneCostsItsSocketAtOnce) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  ports_.sockets.connect_error = [](const Endpoint&) { return ENETUNREACH; };
  ports_.routing.error = [](const RouteQuestion&) { return ENETUNREACH; };
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
}

TEST_F(BridgeTest, PathThatIsDownIsTriedWhenItsGatewayChanges) {
  const auto bridge = started({"192.0.2.1"}, "eth0");
  events_.take();
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts());
  ports_.routing.gateway = parse_numeric_endpoint("10.0.0.254", 0).value();
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
  bridge->on_up();
  ports_.routing.gateway = parse_numeric_endpoint("10.0.0.253", 0).value();
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts()) << "a path that is up shows itself whether it still is";
  ports_.routing.interface = [](const RouteQuestion&) { return 2; };
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
}

TEST_F(BridgeTest, RoutesThatChangeElsewhereCostTwoQuestions) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  const int asked = ports_.routing.asked;
  bridge->on_routes();
  EXPECT_LE(ports_.routing.asked - asked, 2);
  EXPECT_EQ(events_.take(), Texts());
}

TEST_F(BridgeTest, SilenceIsExplainedAndForgottenWhenItEnds) {
  ports_.routing.neighbours = NeighbourState::silent;
  ports_.routing.gateway = parse_numeric_endpoint("10.0.0.254", 0).value();
  const auto bridge = started({"192.0.2.1"});
  EXPECT_EQ(bridge->problem(), "");
  ports_.clock.advance(2s);
  EXPECT_EQ(bridge->problem(),
            "the gateway 10.0.0.254 on eth0 does not answer ARP: is it switched on, and is this the right "
            "network?");
  EXPECT_NE(lines_.take().find("does not answer ARP"), std::string::npos);
  ports_.clock.advance(10s);
  EXPECT_EQ(lines_.take(), "") << "said once";
  ports_.routing.neighbours = NeighbourState::answers;
  ports_.clock.advance(2s);
  EXPECT_EQ(bridge->problem(), "");
  bridge->on_up();
  ports_.routing.neighbours = NeighbourState::is_asked;
  bridge->on_down();
  EXPECT_NE(bridge->problem().find("does not answer ARP"), std::string::npos);
}

TEST_F(BridgeTest, InterfaceWithoutARouteIsNamed) {
  ports_.routing.is_in_table = false;
  const auto bridge = started({"192.0.2.1"}, "eth0");
  ports_.clock.advance(2s);
  EXPECT_NE(bridge->problem().find("no route over eth0 leads to 192.0.2.1"), std::string::npos);
  EXPECT_NE(bridge->problem().find("ip route add 192.0.2.1 via GATEWAY dev eth0"), std::string::npos);
}

/// IPv6 takes no address to be on a link that has no route to it: connecting fails.
TEST_F(BridgeTest, InterfaceWithoutARouteOfIpv6IsNamedWithTheSameCure) {
  test::add_address(table_, 1, "2001:db8::1");
  ports_.sockets.connect_error = [](const Endpoint&) { return ENETUNREACH; };
  const auto bridge = started({"2001:db8:9::1"}, "eth0");
  const std::string words =
      "no route over eth0 leads to 2001:db8:9::1: give the interface a route, "
      "'ip route add 2001:db8:9::1 via GATEWAY dev eth0'";
  EXPECT_EQ(bridge->problem(), words);
  EXPECT_NE(lines_.take().find(words), std::string::npos);
  ports_.sockets.connect_error = [](const Endpoint&) { return 0; };
  bridge->on_routes();
  EXPECT_EQ(bridge->problem(), "");
  bridge->on_up();
  ports_.sockets.connect_error = [](const Endpoint&) { return ENETUNREACH; };
  // The route goes: the next send fails, or nothing comes back.
  ports_.routing.error = [](const RouteQuestion&) { return ENETUNREACH; };
  bridge->on_error(ENETUNREACH);
  EXPECT_EQ(bridge->problem(), words);
  EXPECT_NE(lines_.take().find(words), std::string::npos);
  bridge->on_error(ENETUNREACH);
  bridge->on_down();
  EXPECT_EQ(bridge->problem(), words);
}

TEST_F(BridgeTest, StrictReversePathFilterIsNamedIfItMatters) {
  ports_.routing.filter = {true, "net.ipv4.conf.all.rp_filter"};
  const auto bridge = started({"192.0.2.1"}, "eth1");
  ports_.routing.interface = [](const RouteQuestion& asked) { return asked.interface == 0 ? 1U : 2U; };
  ports_.clock.advance(2s);
  EXPECT_NE(
      bridge->problem().find("answers that come by eth1 are dropped by net.ipv4.conf.all.rp_filter = 1"),
      std::string::npos);
  ports_.routing.interface = [](const RouteQuestion&) { return 2; };
  ports_.clock.advance(2s);
  EXPECT_EQ(bridge->problem(), "");
}

TEST_F(BridgeTest, RouteThatForbidsIsNamed) {
  const auto bridge = started({"192.0.2.1"});
  ports_.routing.error = [](const RouteQuestion&) { return EACCES; };
  ports_.clock.advance(2s);
  EXPECT_NE(bridge->problem().find("of the type 'prohibit' forbids sending to 192.0.2.1"), std::string::npos);
}

TEST_F(BridgeTest, LosesItsSocketWhenItsInterfaceLosesTheCarrier) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  test::set_interface(table_, 1, "eth0", false);
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  EXPECT_EQ(bridge->problem(), "interface eth0 is down");
}

TEST_F(BridgeTest, KeepsASourceWhoseOwnInterfaceHasNoCarrier) {
  // 'ip route add ... dev eth1 src 10.0.0.1': the kernel goes on sending from it, whatever eth0 does.
  ports_.routing.interface = [](const RouteQuestion&) { return 2; };
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  test::set_interface(table_, 1, "eth0", false);
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), Texts());
  EXPECT_EQ(bridge->problem(), "");
  test::set_interface(table_, 2, "eth1", false);
  bridge->on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  EXPECT_EQ(bridge->problem(), "interface eth1 is down");
}

TEST_F(BridgeTest, SourceThatTheSystemChoosesAgainIsNoNews) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  lines_.take();
  // Routing names another source than a socket gets.
  ports_.routing.source = parse_numeric_endpoint("10.0.1.1", 0).value();
  ports_.routing.interface = [](const RouteQuestion& asked) { return asked.source.is_set() ? 1U : 2U; };
  for (int i = 0; i < 3; ++i) bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts());
  EXPECT_EQ(lines_.take(), "");
  EXPECT_EQ(bridge->elsewhere(), nullptr);
  bridge->on_suspect();
  EXPECT_NE(bridge->elsewhere(), nullptr);
  bridge->on_routes();
  EXPECT_NE(bridge->elsewhere(), nullptr) << "is heard as before";
  bridge->on_up();
  EXPECT_EQ(events_.take(), Texts());
}

TEST_F(BridgeTest, ExplainingSilenceSwallowsNoChangeOfItsRoute) {
  const auto bridge = started({"192.0.2.1"}, "eth0");
  events_.take();
  ports_.routing.gateway = parse_numeric_endpoint("10.0.0.254", 0).value();
  ports_.clock.advance(2s);
  bridge->on_routes();
  EXPECT_EQ(events_.take(), Texts{"readdressed 3"}) << "it is tried by the new gateway at once";
}

TEST_F(BridgeTest, StaysShutAfterALoop) {
  const auto bridge = started({"192.0.2.1", "192.0.2.2"});
  bridge->on_up();
  events_.take();
  bridge->shut_for_loop();
  EXPECT_EQ(events_.take(), Texts{"unavailable 3"});
  bridge->on_down();
  bridge->on_interfaces();
  ports_.clock.advance(5min - 1ms);
  EXPECT_EQ(ports_.asked, 1);
  ports_.clock.advance(1ms);
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(events_.take(), kAvailable);
}

class BridgeIcmpTest : public BridgeTest {
 protected:
  static IcmpReport report(IcmpKind kind, const std::string& from, const std::string& to = "192.0.2.1") {
    return {kind, parse_numeric_endpoint(from, 0).value(), parse_numeric_endpoint(to, 4000).value()};
  }
};

TEST_F(BridgeIcmpTest, ExplainsSilenceAndNamesWhoRefuses) {
  const auto bridge = started({"192.0.2.1"});
  events_.take();
  lines_.take();
  bridge->on_icmp(report(IcmpKind::prohibited, "10.9.9.9"));
  const std::string why =
      "the router 10.9.9.9 on the way forbids sending to 192.0.2.1:4000 (ICMP): the firewall there has to "
      "allow it";
  EXPECT_EQ(bridge->problem(), why);
  EXPECT_NE(lines_.take().find("warning: bridge bridge: " + why), std::string::npos);
  for (int i = 0; i < 4; ++i) {
    ports_.clock.advance(1s);
    bridge->on_icmp(report(IcmpKind::prohibited, "10.9.9.9"));
  }
  EXPECT_EQ(lines_.take(), "") << "said once";
  EXPECT_EQ(events_.take(), Texts()) << "it decides nothing";
  bridge->on_up();
  EXPECT_EQ(bridge->problem(), "");
}

TEST_F(BridgeIcmpTest, HasWordsForEachKind) {
  for (const auto& [kind, from, words] : {
           std::tuple{IcmpKind::prohibited, "192.0.2.1", "its host forbids sending to 192.0.2.1:4000"},
           {IcmpKind::no_route, "10.9.9.9", "the router 10.9.9.9 on the way knows no route to 192.0.2.1"},
           {IcmpKind::host_unreachable, "10.9.9.9", "10.9.9.9 on the way can't reach 192.0.2.1"},
           {IcmpKind::port_closed, "192.0.2.1", "nothing listens on 192.0.2.1:4000 (connection refused)"},
           {IcmpKind::in_circles, "10.9.9.9",
            "goes in circles until the router 10.9.9.9 on the way gives it up"},
           {IcmpKind::other, "10.9.9.9",
            "the router 10.9.9.9 on the way refuses what is sent to 192.0.2.1:4000"},
       }) {
    const auto bridge = started({"192.0.2.1"});
    bridge->on_icmp(report(kind, from));
    EXPECT_NE(bridge->problem().find(words), std::string::npos) << bridge->problem();
  }
}

TEST_F(BridgeIcmpTest, SaysNothingOfAPathThatAnswers) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  events_.take();
  lines_.take();
  for (int i = 0; i < 100; ++i) bridge->on_icmp(report(IcmpKind::port_closed, "192.0.2.1"));
  EXPECT_EQ(bridge->problem(), "");
  EXPECT_EQ(lines_.take(), "");
  EXPECT_EQ(events_.take(), Texts());
  EXPECT_NE(bridge->socket(), nullptr);
  // Once it is silent, what was said a moment ago is why.
  bridge->on_down();
  EXPECT_EQ(bridge->problem(), "nothing listens on 192.0.2.1:4000 (connection refused)");
}

TEST_F(BridgeIcmpTest, NamesTheFirstRouterWhileOneKindOfReportGoesOn) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_icmp(report(IcmpKind::no_route, "10.9.9.9"));
  const std::string first = bridge->problem();
  lines_.take();
  // Whoever makes them up shall not fill the log with routers.
  for (int i = 1; i <= 100; ++i) {
    ports_.clock.advance(2s);
    bridge->on_icmp(report(IcmpKind::no_route, "10.9.8." + std::to_string(i)));
    EXPECT_EQ(bridge->problem(), first);
  }
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(BridgeIcmpTest, IsForgottenAfterFifteenSeconds) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_icmp(report(IcmpKind::no_route, "10.9.9.9"));
  ports_.clock.advance(10s);
  EXPECT_NE(bridge->problem(), "");
  ports_.clock.advance(6s);
  EXPECT_EQ(bridge->problem(), "");
}

TEST_F(BridgeIcmpTest, OfAMomentBeforeItAnsweredAgainExplainsNothing) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  bridge->on_icmp(report(IcmpKind::port_closed, "192.0.2.1"));
  ports_.clock.advance(10s);
  bridge->on_down();
  EXPECT_EQ(bridge->problem().find("nothing listens"), std::string::npos) << bridge->problem();
}

TEST_F(BridgeIcmpTest, OfThisHostItselfOrAboutAnotherAddressIsNotHeard) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_icmp(report(IcmpKind::host_unreachable, "10.0.0.1"));
  EXPECT_EQ(bridge->problem(), "") << "the kernel has no answer to ARP: explained better";
  bridge->on_icmp(report(IcmpKind::prohibited, "10.9.9.9", "192.0.2.77"));
  EXPECT_EQ(bridge->problem(), "");
}

TEST_F(BridgeTest, ErrorIsItsProblemUntilItIsUp) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_error(ECONNREFUSED);
  EXPECT_EQ(bridge->problem(), "nothing listens on 192.0.2.1:4000 (connection refused)");
  bridge->on_up();
  EXPECT_EQ(bridge->problem(), "");
}

class BridgePortTest : public BridgeTest {
 protected:
  /// Which of the ports that are derived it is sent from.
  static int choice(const Bridge& bridge) {
    for (int i = 0; i < kDerivedPorts; ++i) {
      if (bridge.socket()->local_endpoint().port == derived_port(ClientIdentity{}, "bridge", i)) return i;
    }
    return -1;
  }
};

TEST_F(BridgePortTest, SilentPathTriesOtherPortsBesidesItsUsualOne) {
  const auto bridge = started({"192.0.2.1"});
  events_.take();
  ports_.clock.advance(5s - 1ms);
  EXPECT_EQ(choice(*bridge), 0);
  ports_.clock.advance(1ms);
  EXPECT_EQ(choice(*bridge), 1);
  EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
  for (const int expected : {0, 2, 0, 3, 0, 1}) {
    ports_.clock.advance(3s);
    EXPECT_EQ(choice(*bridge), expected);
  }
  // A round later the turns are longer.
  ports_.clock.advance(6s - 1ms);
  EXPECT_EQ(choice(*bridge), 1);
  ports_.clock.advance(1ms);
  EXPECT_EQ(choice(*bridge), 0);
}

TEST_F(BridgePortTest, TurnsAreNeverLongerThanHalfAMinute) {
  const auto bridge = started({"192.0.2.1"});
  ports_.clock.advance(1h);
  const int before = choice(*bridge);
  ports_.clock.advance(30s);
  EXPECT_NE(choice(*bridge), before);
}

TEST_F(BridgePortTest, PortThatAnswersIsKeptAndTheUsualOneIsNext) {
  const auto bridge = started({"192.0.2.1"});
  ports_.clock.advance(5s);
  lines_.take();
  bridge->on_up();
  const std::string said = lines_.take();
  EXPECT_NE(said.find("info: bridge bridge answers the source port"), std::string::npos) << said;
  ports_.clock.advance(1min);
  EXPECT_EQ(choice(*bridge), 1);
  bridge->on_down();
  ports_.clock.advance(5s - 1ms);
  EXPECT_EQ(choice(*bridge), 1);
  ports_.clock.advance(1ms);
  EXPECT_EQ(choice(*bridge), 0);
  bridge->on_up();
  EXPECT_NE(lines_.take().find("answers the source port"), std::string::npos);
}

TEST_F(BridgePortTest, PathThatIsHeardKeepsItsPort) {
  const auto bridge = started({"192.0.2.1"});
  bridge->on_up();
  bridge->on_down();
  for (int second = 0; second < 60; ++second) {
    ++events_.received;
    ports_.clock.advance(1s);
    ASSERT_EQ(choice(*bridge), 0);
  }
  ports_.clock.advance(5s);
  EXPECT_EQ(choice(*bridge), 1);
}

TEST_F(BridgePortTest, PortOfTheConfigurationIsTheOnlyOne) {
  config_.bind = parse_numeric_endpoint("10.0.0.1", 5000).value();
  const auto bridge = started({"192.0.2.1"});
  events_.take();
  ports_.clock.advance(10min);
  EXPECT_EQ(bridge->socket()->local_endpoint().port, 5000);
  EXPECT_EQ(events_.take(), Texts());
}

TEST_F(BridgePortTest, EachAddressIsTriedFromEachPort) {
  const auto bridge = started({"192.0.2.1", "192.0.2.2"});
  std::set<std::string> tried;
  for (int i = 0; i < 300; ++i) {
    ports_.clock.advance(100ms);
    tried.insert(bridge->remote().address_string() + " " + std::to_string(choice(*bridge)));
  }
  EXPECT_EQ(tried.size(), 2U * kDerivedPorts);
}

TEST_F(BridgePortTest, WithoutASocketNoPortHasATurn) {
  const auto bridge = started({"192.0.2.1"});
  bridge->shut_for_loop();
  const std::size_t opened = ports_.sockets.requests.size();
  ports_.clock.advance(1min);
  EXPECT_EQ(ports_.sockets.requests.size(), opened);
}

class BridgeElsewhereTest : public BridgeTest {
 protected:
  static Endpoint endpoint(std::string_view address, std::uint16_t port) {
    return parse_numeric_endpoint(address, port).value();
  }
  /// Where packets go.
  [[nodiscard]] Endpoint remote() const { return ports_.sockets.sockets.front()->remote(); }
  /// The address that the socket beside the bridge's own is connected to.
  [[nodiscard]] Endpoint heard() const { return ports_.sockets.sockets.back()->remote(); }

  const Endpoint other_ = endpoint("192.0.2.9", 4001);
};

TEST_F(BridgeElsewhereTest, AnyAddressIsHeardWhileThePathDoesNotAnswer) {
  const auto bridge = started({"192.0.2.1"});
  ASSERT_NE(bridge->elsewhere(), nullptr);
  EXPECT_EQ(bridge->elsewhere()->local_endpoint(), bridge->socket()->local_endpoint());
  bridge->on_up();
  EXPECT_EQ(bridge->elsewhere(), nullptr);
  bridge->on_suspect();
  EXPECT_NE(bridge->elsewhere(), nullptr);
  bridge->on_up();
  EXPECT_EQ(bridge->elsewhere(), nullptr);
  bridge->on_down();
  ASSERT_NE(bridge->elsewhere(), nullptr);
  ports_.clock.advance(5s);
  EXPECT_EQ(bridge->elsewhere()->local_endpoint(), bridge->socket()->local_endpoint()) << "another port";
  bridge->shut_for_loop();
  EXPECT_EQ(bridge->elsewhere(), nullptr);
}

TEST_F(BridgeElsewhereTest, AddressThatAnswersInsteadIsSentToOnceItAnswersItself) {
  const auto bridge = started({"192.0.2.1"});
  lines_.take();
  events_.take();
  for (int i = 0; i < 3; ++i) {
    bridge->is_answered_from(other_);
    bridge->on_up();
    EXPECT_EQ(remote(), other_);
    EXPECT_EQ(heard(), bridge->remote()) << "may answer as well";
    EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
    bridge->on_up();
    // It may be suspect meanwhile, and no other address takes its place for that.
    bridge->on_suspect();
    bridge->is_answered_from(bridge->remote());
    bridge->on_up();
    ports_.clock.advance(1min);
    EXPECT_EQ(remote(), other_);
    EXPECT_EQ(events_.take(), Texts());
    bridge->on_down();
    EXPECT_EQ(remote(), bridge->remote());
    EXPECT_FALSE(heard().is_set()) << "any";
    EXPECT_EQ(events_.take(), Texts{"readdressed 3"});
  }
  const std::string said = lines_.take();
  const std::string line = "what is sent to 192.0.2.1:4000 is answered from 192.0.2.9:4001: packets go there";
  EXPECT_NE(said.find(line), std::string::npos) << said;
  EXPECT_EQ(said.find(line), said.rfind(line));
  bridge->on_up();
  EXPECT_EQ(bridge->elsewhere(), nullptr) << "it answers from where it should";
}

TEST_F(BridgeElsewhereTest, AddressThatAnswersOnlyWhatIsSentToTheOtherIsHeard) {
  const auto bridge = started({"192.0.2.1"});
  bridge->is_answered_from(other_);
  bridge->on_up();
  EXPECT_EQ(remote(), other_);
  bridge->on_down();
  lines_.take();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(heard().is_set()) << "any";
    bridge->is_answered_from(other_);
    bridge->on_up();
    EXPECT_EQ(remote(), bridge->remote());
    EXPECT_EQ(heard(), other_);
    bridge->on_suspect();
    bridge->is_answered_from(other_);
    bridge->on_up();
    EXPECT_EQ(heard(), other_);
    bridge->on_down();
  }
  const std::string said = lines_.take();
  const std::string line = "is answered from 192.0.2.9:4001, which does not answer itself";
  EXPECT_NE(said.find(line), std::string::npos) << said;
  EXPECT_EQ(said.find(line), said.rfind(line));
}

TEST_F(BridgeElsewhereTest, AddressThatPacketsWentToBeforeIsNotHeard) {
  // mpserver sends there until the path has moved.
  EXPECT_EQ(started({"192.0.2.1", "192.0.2.2"})->elsewhere(), nullptr);
  const auto bridge = started({"192.0.2.1", "2001:db8::9"});
  EXPECT_NE(bridge->elsewhere(), nullptr);
  bridge->on_up();
  ports_.clock.advance(5min);
  ports_.questions.erase(ports_.questions.begin(), ports_.questions.end() - 1);
  ports_.answer({"192.0.2.3"});
  ASSERT_EQ(bridge->remote().address_string(), "192.0.2.3");
  EXPECT_EQ(bridge->elsewhere(), nullptr);
  bridge->on_down();
  EXPECT_EQ(bridge->elsewhere(), nullptr);
  ports_.clock.advance(5s);
  EXPECT_NE(bridge->elsewhere(), nullptr) << "by now it has moved, or nothing comes from there";
}

TEST_F(BridgeElsewhereTest, SourceThatTheSystemChoosesAgainLeavesPacketsWhereTheyGo) {
  const auto bridge = started({"192.0.2.1"});
  bridge->is_answered_from(other_);
  bridge->on_up();
  bridge->on_up();
  ASSERT_EQ(remote(), other_);
  events_.take();
  ports_.routing.source = endpoint("10.0.1.1", 0);
  ports_.routing.interface = [](const RouteQuestion& asked) { return asked.source.is_set() ? 1U : 2U; };
  bridge->on_routes();
  EXPECT_EQ(remote(), other_);
  EXPECT_EQ(heard(), bridge->remote());
  EXPECT_EQ(events_.take(), Texts());
}

TEST_F(BridgeElsewhereTest, AnswerFromWhereItShouldComeChangesNothing) {
  const auto bridge = started({"192.0.2.1"});
  bridge->is_answered_from(bridge->remote());
  bridge->on_up();
  EXPECT_EQ(remote(), bridge->remote());
  EXPECT_EQ(bridge->elsewhere(), nullptr);
}

}  // namespace
}  // namespace mptunnel
