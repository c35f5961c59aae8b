#include "mptunnel/ports/bridge_socket.h"

#include <gtest/gtest.h>

#include "mptunnel/crypto/kdf.h"
#include "unit/ports/endpoints.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/interfaces.h"

namespace mptunnel {
namespace {

using test::bridge_at;

class BridgeSocketTest : public testing::Test {
 protected:
  BridgeSocketTest() {
    test::set_interface(table_, 1, "eth0");
    test::add_address(table_, 1, "10.0.0.1");
  }
  BridgeSocket make(const SendFrom& from) {
    const auto count = [this](int& readable) {
      return [this, &readable] {
        ++readable;
        ports_.loop.stop();
      };
    };
    return BridgeSocket(ports_.context, table_, from, kIdentity, "bridge", count(readable_),
                        count(elsewhere_readable_));
  }

  static constexpr ClientIdentity kIdentity{1, 2, 3};
  test::FakePorts ports_;
  InterfaceTable table_;
  int readable_ = 0;
  int elsewhere_readable_ = 0;
};

TEST_F(BridgeSocketTest, OpensOnThePortThatFollowsFromTheIdentity) {
  BridgeSocket socket = make({.device = "eth0", .bind = {}});
  EXPECT_FALSE(socket.is_open());
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local(), bridge_at("10.0.0.1", derive_port(kIdentity, "bridge")));
  EXPECT_EQ(ports_.sockets.requests.front().use, SocketUse::bridge);
  EXPECT_EQ(ports_.sockets.requests.front().device, "eth0");
  ports_.sockets.sockets.front()->make_readable();
  ports_.loop.run();
  EXPECT_EQ(readable_, 1);
}

TEST_F(BridgeSocketTest, BindsAsConfigured) {
  BridgeSocket socket = make({.device = "", .bind = bridge_at("10.0.0.1", 5000)});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local(), bridge_at("10.0.0.1", 5000));
}

TEST_F(BridgeSocketTest, TurnsToAnotherAddressOfTheSameFamily) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.2")));
  EXPECT_EQ(ports_.sockets.requests.size(), 1U);
  EXPECT_EQ(ports_.sockets.sockets.front()->remote(), bridge_at("192.0.2.2"));
}

TEST_F(BridgeSocketTest, OpensAnewForTheOtherFamilyOnTheSamePort) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  const std::uint16_t port = socket.local().port;
  ASSERT_TRUE(socket.use(bridge_at("2001:db8::2")));
  EXPECT_EQ(ports_.sockets.sockets.size(), 1U);
  EXPECT_EQ(socket.local(), bridge_at("2001:db8::1", port));
}

TEST_F(BridgeSocketTest, OpensAnewWhenItsInterfaceIsAnother) {
  BridgeSocket socket = make({.device = "eth0", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  test::remove_interface(table_, 1, "eth0");
  test::set_interface(table_, 2, "eth0");
  test::add_address(table_, 2, "10.0.0.1");
  EXPECT_FALSE(socket.has_valid_device());
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_TRUE(socket.has_valid_device());
  EXPECT_EQ(ports_.sockets.requests.size(), 2U);
}

TEST_F(BridgeSocketTest, TakesADerivedPortWhenItsOwnIsTaken) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  const std::uint16_t port = socket.local().port;
  ports_.sockets.open_error = [port](const SocketRequest& request) {
    return request.bind.port == port ? EADDRINUSE : 0;
  };
  ASSERT_TRUE(socket.use(bridge_at("2001:db8::2")));
  EXPECT_EQ(socket.local().port, derive_port(kIdentity, "bridge 1"));
}

TEST_F(BridgeSocketTest, TurnsToEachOtherPortAndBackToTheUsualOneBetween) {
  BridgeSocket socket = make({.device = "eth0", .bind = bridge_at("10.0.0.1", 0)});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  for (const int choice : {1, 0, 2, 0, 3, 0, 1}) {
    ASSERT_TRUE(socket.turn_port(bridge_at("192.0.2.1")));
    EXPECT_EQ(socket.local(), bridge_at("10.0.0.1", derived_port(kIdentity, "bridge", choice)));
    ASSERT_EQ(ports_.sockets.sockets.size(), 1U);
    EXPECT_EQ(ports_.sockets.sockets.front()->remote(), bridge_at("192.0.2.1"));
    EXPECT_EQ(ports_.sockets.requests.back().device, "eth0");
  }
  // It keeps the port when it has to be opened anew.
  const std::uint16_t port = socket.local().port;
  socket.close();
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local().port, port);
}

TEST_F(BridgeSocketTest, PassesTakenPortsOver) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  ports_.sockets.open_error = [](const SocketRequest& request) {
    return request.bind.port == derived_port(kIdentity, "bridge", 3) ? 0 : EADDRINUSE;
  };
  ASSERT_TRUE(socket.turn_port(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local().port, derived_port(kIdentity, "bridge", 3));
  EXPECT_FALSE(socket.turn_port(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local().port, derived_port(kIdentity, "bridge", 3));
}

TEST_F(BridgeSocketTest, PortOfTheConfigurationIsTheOnlyOne) {
  BridgeSocket socket = make({.device = "", .bind = bridge_at("10.0.0.1", 5000)});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_FALSE(socket.turn_port(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.local().port, 5000);
}

TEST_F(BridgeSocketTest, HearsElsewhereOnTheSamePortWhileItIsWanted) {
  BridgeSocket socket = make({.device = "eth0", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_EQ(socket.elsewhere(), nullptr);
  socket.hear_all();
  ASSERT_NE(socket.elsewhere(), nullptr);
  EXPECT_EQ(socket.elsewhere()->local_endpoint(), socket.local());
  EXPECT_EQ(ports_.sockets.requests.back().device, "eth0");
  EXPECT_FALSE(ports_.sockets.sockets.front()->is_shared());
  test::FakeSocket& elsewhere = *ports_.sockets.sockets.back();
  EXPECT_FALSE(elsewhere.remote().is_set());
  elsewhere.make_readable();
  ports_.loop.run();
  EXPECT_EQ(elsewhere_readable_, 1);
  EXPECT_EQ(readable_, 0);
  socket.hear_only(bridge_at("192.0.2.9"));
  EXPECT_EQ(elsewhere.remote(), bridge_at("192.0.2.9"));
  socket.hear_none();
  EXPECT_EQ(ports_.sockets.sockets.size(), 1U);
}

TEST_F(BridgeSocketTest, WhatIsHeardAndWhereItSendsChangePlacesByTheSameSockets) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  socket.hear_all();
  const DatagramSocket* const elsewhere = socket.elsewhere();
  ASSERT_TRUE(socket.use_heard(bridge_at("192.0.2.9"), bridge_at("192.0.2.1")));
  EXPECT_EQ(ports_.sockets.sockets.front()->remote(), bridge_at("192.0.2.9"));
  EXPECT_EQ(socket.elsewhere(), elsewhere) << "it may have what was not read yet";
  EXPECT_EQ(ports_.sockets.sockets.back()->remote(), bridge_at("192.0.2.1"));
  ports_.sockets.sockets.back()->make_readable();
  ports_.loop.run();
  EXPECT_EQ(elsewhere_readable_, 1);
}

TEST_F(BridgeSocketTest, WhatWasNotHeardIsHeardOnceItSendsElsewhere) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  ASSERT_TRUE(socket.use_heard(bridge_at("192.0.2.9"), bridge_at("192.0.2.1")));
  ASSERT_NE(socket.elsewhere(), nullptr);
  EXPECT_EQ(ports_.sockets.sockets.back()->remote(), bridge_at("192.0.2.1"));
}

TEST_F(BridgeSocketTest, ChangeOfAddressOrPortEndsWhatIsHeardElsewhere) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  socket.hear_all();
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.2")));
  EXPECT_EQ(socket.elsewhere(), nullptr);
  socket.hear_all();
  ASSERT_TRUE(socket.turn_port(bridge_at("192.0.2.2")));
  EXPECT_EQ(socket.elsewhere(), nullptr);
  socket.hear_all();
  socket.close();
  EXPECT_TRUE(ports_.sockets.sockets.empty());
}

TEST_F(BridgeSocketTest, InterfaceProblemLeavesTheSocketAsItIs) {
  BridgeSocket socket = make({.device = "eth0", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  test::set_interface(table_, 1, "eth0", false);
  EXPECT_EQ(socket.use(bridge_at("192.0.2.2")).error(), "interface eth0 is down");
  EXPECT_EQ(ports_.sockets.sockets.front()->remote(), bridge_at("192.0.2.1"));
}

TEST_F(BridgeSocketTest, FailureToOpenLeavesNone) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  ports_.sockets.open_error = [](const SocketRequest&) { return EPERM; };
  EXPECT_EQ(socket.use(bridge_at("2001:db8::2")).error(), "open 1");
  EXPECT_FALSE(socket.is_open());
}

TEST_F(BridgeSocketTest, KnowsWhetherItsAddressIsValid) {
  BridgeSocket socket = make({.device = "", .bind = {}});
  ASSERT_TRUE(socket.use(bridge_at("192.0.2.1")));
  EXPECT_TRUE(socket.has_valid_source());
  test::remove_address(table_, 1, "10.0.0.1");
  EXPECT_FALSE(socket.has_valid_source());
}

}  // namespace
}  // namespace mptunnel
