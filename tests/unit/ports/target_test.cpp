#include "mptunnel/ports/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kFlow;

class TargetTest : public testing::Test {
 protected:
  std::vector<FlowHandle> readable_;
  test::CapturedLog lines_;
  test::FakePorts ports_;
  Target target_{{"target.example", 1194}, 5min, ports_.context, [this](FlowHandle flow) {
                   readable_.push_back(flow);
                   ports_.loop.stop();
                 }};
};

TEST_F(TargetTest, EachFlowHasASocketOfItsOwn) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  target_.open(FlowHandle{8}, 2);
  ASSERT_NE(target_.socket(kFlow), nullptr);
  EXPECT_NE(target_.socket(kFlow), target_.socket(FlowHandle{8}));
  EXPECT_EQ(ports_.sockets.requests.front().use, SocketUse::target);
  EXPECT_EQ(ports_.sockets.requests.front().connect->to_string(), "192.0.2.1:1194");
  ports_.sockets.sockets.front()->make_readable();
  ports_.loop.run();
  EXPECT_EQ(readable_, std::vector<FlowHandle>{kFlow});
  target_.close(kFlow);
  EXPECT_EQ(target_.socket(kFlow), nullptr);
  EXPECT_EQ(target_.flows(), 1U);
}

TEST_F(TargetTest, PortFollowsFromTheFlowsHash) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  const Endpoint local = target_.socket(kFlow)->local_endpoint();
  target_.close(kFlow);
  target_.open(FlowHandle{8}, 1);
  EXPECT_EQ(target_.socket(FlowHandle{8})->local_endpoint(), local);
}

TEST_F(TargetTest, FlowThatOpensBeforeTheAddressIsKnownWaitsForIt) {
  target_.start();
  target_.open(kFlow, 1);
  EXPECT_EQ(target_.socket(kFlow), nullptr);
  ports_.answer({"192.0.2.1"}, 1194);
  EXPECT_NE(target_.socket(kFlow), nullptr);
}

TEST_F(TargetTest, FlowWithoutSocketTriesAgainWithItsNextDatagram) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  lines_.take();
  ports_.sockets.open_error = [](const SocketRequest&) { return EMFILE; };
  target_.open(kFlow, 1);
  EXPECT_EQ(lines_.take(), "error: no socket towards the target for a flow: open 24\n");
  EXPECT_EQ(target_.socket(kFlow), nullptr);
  EXPECT_EQ(lines_.take(), "");
  ports_.sockets.open_error = [](const SocketRequest&) { return 0; };
  EXPECT_NE(target_.socket(kFlow), nullptr);
}

TEST_F(TargetTest, AnotherAddressMovesAllFlows) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  ports_.clock.advance(5min);
  ports_.answer({"192.0.2.2", "192.0.2.1"}, 1194);
  EXPECT_EQ(ports_.sockets.sockets.front()->remote().address_string(), "192.0.2.1");
  ports_.clock.advance(5min);
  ports_.answer({"192.0.2.2"}, 1194);
  EXPECT_EQ(ports_.sockets.sockets.front()->remote().address_string(), "192.0.2.2");
}

TEST_F(TargetTest, RefusalIsToldOnceAndAsksForTheNameAfterASecond) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  lines_.take();
  target_.on_error(ECONNREFUSED);
  target_.on_error(ECONNREFUSED);
  const std::string text = lines_.take();
  EXPECT_NE(text.find("refuses: nothing listens on 192.0.2.1:1194"), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  ports_.clock.advance(1s - 1ns);
  EXPECT_EQ(ports_.asked, 1);
  ports_.clock.advance(1ns);
  EXPECT_EQ(ports_.asked, 2);
  target_.on_answer();
  EXPECT_EQ(lines_.take(), "info: target target.example:1194 answers from 192.0.2.1:1194\n");
  target_.on_answer();
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(TargetTest, SilenceOfOneThatAnsweredBeforeIsAProblem) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  // It may never answer by nature.
  target_.on_sent();
  ports_.clock.advance(1min);
  EXPECT_FALSE(target_.problem());
  target_.on_answer();
  ports_.clock.advance(1h);
  EXPECT_FALSE(target_.problem()) << "nobody asks it";
  target_.on_sent();
  ports_.clock.advance(kTargetLostAfter - 1s);
  EXPECT_FALSE(target_.problem());
  ports_.clock.advance(1s);
  ASSERT_TRUE(target_.problem());
  EXPECT_EQ(target_.problem()->text, "192.0.2.1:1194 answered before, and does not answer now");
  EXPECT_EQ(target_.problem()->lasts, kTargetLostAfter);
  target_.on_answer();
  EXPECT_FALSE(target_.problem());
}

TEST_F(TargetTest, TellsWhyItCannotBeReachedAndSinceWhen) {
  EXPECT_FALSE(target_.problem());
  target_.start();
  ports_.answer_failure("no such name");
  ports_.clock.advance(4s);
  ASSERT_TRUE(target_.problem());
  EXPECT_EQ(target_.problem()->text, "no such name");
  EXPECT_EQ(target_.problem()->lasts, 4s);
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  EXPECT_FALSE(target_.problem());
  target_.open(kFlow, 1);
  target_.on_sent();
  target_.on_error(ECONNREFUSED);
  ports_.clock.advance(500ms);
  target_.on_error(ECONNREFUSED);
  ASSERT_TRUE(target_.problem());
  EXPECT_EQ(target_.problem()->text, "nothing listens on 192.0.2.1:1194");
  EXPECT_EQ(target_.problem()->lasts, 500ms);
  target_.on_answer();
  EXPECT_FALSE(target_.problem());
}

TEST_F(TargetTest, SilentNameIsAskedForAgainAndOpenFlowsMoveWithIt) {
  target_.start();
  ports_.answer({"192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  const std::uint16_t port = target_.socket(kFlow)->local_endpoint().port;
  target_.on_sent();
  target_.on_answer();
  target_.on_sent();
  ports_.clock.advance(3s);
  ASSERT_EQ(ports_.asked, 2);
  ports_.answer({"192.0.2.2"}, 1194);
  EXPECT_EQ(ports_.sockets.sockets.front()->remote().address_string(), "192.0.2.2");
  EXPECT_EQ(target_.socket(kFlow)->local_endpoint().port, port);
}

TEST_F(TargetTest, AddressIsAskedOfNobody) {
  Target numeric({"192.0.2.1", 1194}, 5min, ports_.context, [](FlowHandle) {});
  numeric.start();
  ports_.answer({"192.0.2.1"}, 1194);
  numeric.on_sent();
  numeric.on_error(ECONNREFUSED);
  ports_.clock.advance(60s);
  EXPECT_EQ(ports_.asked, 1);
}

TEST_F(TargetTest, RefusalMovesAllFlowsToTheNextAddressInTheNextTurn) {
  target_.start();
  ports_.answer({"::1", "127.0.0.1"}, 1194);
  target_.open(kFlow, 1);
  target_.open(FlowHandle{8}, 2);
  lines_.take();
  DatagramSocket* socket = target_.socket(kFlow);
  target_.on_sent();
  target_.on_error(ECONNREFUSED);
  EXPECT_EQ(target_.socket(kFlow), socket) << "whoever reads from it goes on";
  ports_.clock.advance({});
  for (const test::FakeSocket* each : ports_.sockets.sockets)
    EXPECT_EQ(each->remote().to_string(), "127.0.0.1:1194");
  EXPECT_EQ(ports_.sockets.sockets.size(), 2U);
  EXPECT_EQ(
      lines_.take(),
      "warning: target target.example:1194: [::1]:1194 refuses: nothing listens there; 127.0.0.1:1194 is "
      "tried\n");
  target_.on_sent();
  target_.on_answer();
  EXPECT_EQ(lines_.take(), "info: target target.example:1194 answers from 127.0.0.1:1194\n");
}

TEST_F(TargetTest, AddressOfAFamilyThatTheHostHasNotIsPassedOver) {
  ports_.sockets.open_error = [](const SocketRequest& request) {
    return request.connect->family == Family::ipv6 ? ENETUNREACH : 0;
  };
  target_.start();
  ports_.answer({"2001:db8::1", "192.0.2.1"}, 1194);
  target_.open(kFlow, 1);
  ports_.clock.advance({});
  ASSERT_NE(target_.socket(kFlow), nullptr);
  EXPECT_EQ(ports_.sockets.sockets.front()->remote().to_string(), "192.0.2.1:1194");
}

TEST_F(TargetTest, ChangesWithoutEndAreLoggedRarelyAndCounted) {
  target_.start();
  ports_.answer({"::1", "127.0.0.1"}, 1194);
  target_.open(kFlow, 1);
  lines_.take();
  for (int second = 0; second < 600; ++second) {
    target_.on_sent();
    target_.on_error(ECONNREFUSED);
    ports_.clock.advance(1s);
    while (!ports_.questions.empty()) ports_.answer({"::1", "127.0.0.1"}, 1194);
  }
  const std::string text = lines_.take();
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_GE(lines, 12);
  EXPECT_LE(lines, 55);
  EXPECT_NE(text.find("changes before were not logged)"), std::string::npos);
}

}  // namespace
}  // namespace mptunnel
