#include "mptunnel/ports/send_sockets.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/interfaces.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

class SendSocketsTest : public testing::Test {
 protected:
  SendSocketsTest() {
    ListenAddress listen;
    listen.endpoint = parse_numeric_endpoint("127.0.0.1", 2000).value();
    EXPECT_TRUE(listeners_.open({listen}));
    route_.remote = parse_numeric_endpoint("192.0.2.1", 4000).value();
    route_.local = listen.endpoint;
    shared_ = listeners_.find(route_);
  }
  Outlet& outlet(std::uint32_t session) { return *outlets_.find(SessionHandle{session}, PathId{0}, route_); }
  [[nodiscard]] bool has_own(std::uint32_t session) { return outlet(session).socket != shared_; }
  /// For `span`, `count` sessions from `first` on send, and so many bytes stand behind what they send by.
  void send(std::uint32_t count, std::size_t standing, Duration span, std::uint32_t first = 0) {
    for (Duration at{}; at < span; at += 5ms) {
      ports_.clock.advance(5ms);
      const TimePoint now = ports_.clock.now();
      for (std::uint32_t session = first; session < first + count; ++session) {
        Outlet& by = outlet(session);
        if (by.queue.is_due(now)) by.queue.before(standing, now);
        outlets_.note(by, SessionHandle{session}, PathId{0}, 1000 * (session + 1));
        by.queue.after(standing, now);
      }
      outlets_.settle(now);
    }
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  ListenSockets listeners_{ports_.context, Steering{}, SocketUse::paths, [](DatagramSocket&) {}};
  std::uint32_t first_live_ = 0;  ///< sessions below this one have ended
  SendSockets outlets_{listeners_, [this](SessionHandle session, PathId path) {
                         return session.value >= first_live_ && path == PathId{0};
                       }};
  Route route_;
  DatagramSocket* shared_ = nullptr;
};

TEST_F(SendSocketsTest, AllShareTheListenSocketWhileNothingStands) {
  send(20, 0, 1s);
  send(20, kFreeQueueBytes - 1, 1s);
  for (std::uint32_t session = 0; session < 20; ++session) EXPECT_FALSE(has_own(session));
  EXPECT_EQ(outlets_.own_sockets(), 0U);
}

TEST_F(SendSocketsTest, WhoeverSendsWhilePacketsStandGetsASocketThatReceivesNothing) {
  send(1, 50000, 50ms);
  EXPECT_TRUE(has_own(0));
  EXPECT_FALSE(has_own(1));
  const SocketRequest& request = ports_.sockets.requests.back();
  EXPECT_TRUE(request.sends_only);
  EXPECT_EQ(request.bind.to_string(), "127.0.0.1:2000");
  EXPECT_EQ(request.use, SocketUse::paths);
}

TEST_F(SendSocketsTest, ABurstMovesNobody) {
  send(1, 50000, 15ms);
  send(1, 0, 5ms);
  send(1, 50000, 15ms);
  EXPECT_FALSE(has_own(0));
}

TEST_F(SendSocketsTest, OwnSocketIsLimitedAndTheSharedOneIsNot) {
  send(1, 50000, 25ms);
  EXPECT_EQ(outlet(1).queue.room(), SendQueue::kNoLimit);
  send(1, 50000, 300ms);
  EXPECT_EQ(outlet(0).queue.room(), 0U);
}

TEST_F(SendSocketsTest, ReturnsOnceNothingHasStoodForAWhile) {
  send(1, 50000, 300ms);
  EXPECT_TRUE(has_own(0));
  send(1, 0, 9s);
  EXPECT_TRUE(has_own(0));
  send(1, 0, 3s);
  EXPECT_FALSE(has_own(0));
  EXPECT_EQ(outlets_.own_sockets(), 0U);
  EXPECT_EQ(ports_.sockets.sockets.size(), kSocketsPerAddress);
}

TEST_F(SendSocketsTest, NothingIsKeptOfListenSocketsThatWereClosed) {
  ListenAddress linked;
  linked.endpoint = parse_numeric_endpoint("fe80::1", 2001).value();
  linked.zone = "lo";
  ASSERT_TRUE(listeners_.open({linked}));
  const std::uint32_t number = interface_number("lo");
  route_.remote = parse_numeric_endpoint("fe80::2", 4000).value();
  route_.remote.scope = number;
  route_.local = linked.endpoint;
  route_.local.scope = number;
  shared_ = listeners_.find(route_);
  send(1, 50000, 50ms);
  ASSERT_TRUE(has_own(0));
  // The interface comes again as another: the system has no such one, and so it stays closed.
  InterfaceTable table;
  test::set_interface(table, static_cast<int>(number) + 1, "lo");
  ports_.sockets.open_error = [](const SocketRequest&) { return ENODEV; };
  listeners_.on_interfaces(table);
  outlets_.settle(ports_.clock.now());
  EXPECT_EQ(outlets_.own_sockets(), 0U);
  EXPECT_EQ(outlets_.moved_paths(), 0U);
  EXPECT_EQ(outlets_.find(SessionHandle{0}, PathId{0}, route_), nullptr);
}

TEST_F(SendSocketsTest, TheNumberOfOwnSocketsIsBounded) {
  send(200, 50000, 2s);
  EXPECT_EQ(outlets_.own_sockets(), kOwnSendSockets);
  for (std::uint32_t session = 0; session < 200; ++session) EXPECT_TRUE(has_own(session)) << session;
  EXPECT_FALSE(has_own(200));
}

TEST_F(SendSocketsTest, EndedSessionsAreForgottenWhileOthersSendOn) {
  send(40, 50000, 1s);
  EXPECT_EQ(outlets_.moved_paths(), 40U);
  first_live_ = 39;
  send(1, 50000, 1s, 39);
  EXPECT_EQ(outlets_.moved_paths(), 1U);
  EXPECT_TRUE(has_own(39));
}

TEST_F(SendSocketsTest, TheNumberOfMovedPathsIsBounded) {
  const auto sessions = static_cast<std::uint32_t>(kMovedPaths);
  for (std::uint32_t first = 0; first < 2 * sessions; first += 8) {
    send(8, 50000, 30ms, first);
    // Those that have a socket each keep it.
    if (first % 512 == 0) send(kOwnSendSockets, 50000, 5ms);
  }
  EXPECT_EQ(outlets_.moved_paths(), kMovedPaths);
  EXPECT_TRUE(has_own(1));
  EXPECT_FALSE(has_own(2 * sessions - 1));
}

TEST_F(SendSocketsTest, WithoutSteeringNoSocketIsOpenedThatOnlySends) {
  ports_.sockets.steers = false;
  send(3, 50000, 300ms);
  EXPECT_FALSE(has_own(2));
  EXPECT_EQ(ports_.sockets.requests.size(), kSocketsPerAddress);
}

TEST_F(SendSocketsTest, WithoutAnotherSocketAllStayWhereTheyAre) {
  ports_.sockets.open_error = [](const SocketRequest&) { return EADDRINUSE; };
  send(3, 50000, 300ms);
  EXPECT_FALSE(has_own(2));
}

}  // namespace
}  // namespace mptunnel
