#include "mptunnel/ports/listen_sockets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "unit/ports/captured_log.h"
#include "unit/ports/fake_sockets.h"
#include "unit/ports/interfaces.h"

namespace mptunnel {
namespace {

ListenAddress address(std::string_view host, std::uint16_t port, bool may_be_missing = false) {
  ListenAddress result;
  result.endpoint = parse_numeric_endpoint(host, port).value();
  result.may_be_missing = may_be_missing;
  return result;
}

Route from(std::string_view host) {
  Route route;
  route.remote = parse_numeric_endpoint(host, 9).value();
  return route;
}

class ListenSocketsTest : public testing::Test {
 protected:
  Loop loop_;
  LoopClock clock_{loop_};
  test::FakeSockets factory_;
  SystemRouting routing_;
  PortContext context_{loop_, clock_, {}, factory_, routing_};
  test::CapturedLog lines_;
  DatagramSocket* read_ = nullptr;
  ListenSockets sockets_{context_, Steering{}, SocketUse::applications, [this](DatagramSocket& socket) {
                           read_ = &socket;
                           loop_.stop();
                         }};
};

TEST_F(ListenSocketsTest, EachAddressHasAGroupOfSockets) {
  ASSERT_TRUE(sockets_.open({address("127.0.0.1", 3000), address("::1", 3000)}));
  ASSERT_EQ(factory_.requests.size(), 2 * kSocketsPerAddress);
  EXPECT_EQ(factory_.requests.front().use, SocketUse::applications);
  EXPECT_EQ(sockets_.find(from("127.0.0.5"))->local_endpoint().to_string(), "127.0.0.1:3000");
  EXPECT_EQ(sockets_.find(from("::1"))->local_endpoint().to_string(), "[::1]:3000");
}

TEST_F(ListenSocketsTest, AddressThatMayBeMissingIsLeftOut) {
  factory_.open_error = [](const SocketRequest& request) {
    return request.bind.family == Family::ipv6 ? EAFNOSUPPORT : 0;
  };
  ASSERT_TRUE(sockets_.open({address("127.0.0.1", 3000), address("::1", 3000, true)}));
  EXPECT_EQ(sockets_.find(from("::1")), nullptr);
  EXPECT_EQ(lines_.take(),
            "info: listening on 127.0.0.1:3000\ninfo: not listening on [::1]:3000: this host has no IPv6\n");
  EXPECT_EQ(sockets_.addresses(), std::vector<std::string>{"127.0.0.1:3000"});
  EXPECT_TRUE(sockets_.awaited().empty());
  sockets_.on_interfaces({});
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(ListenSocketsTest, AnyOtherFailureIsAnError) {
  factory_.open_error = [](const SocketRequest&) { return EADDRINUSE; };
  EXPECT_FALSE(sockets_.open({address("127.0.0.1", 3000, true)}));
  factory_.open_error = [](const SocketRequest&) { return EAFNOSUPPORT; };
  EXPECT_FALSE(sockets_.open({address("127.0.0.1", 3000)}));
  EXPECT_EQ(sockets_.open({address("127.0.0.1", 3000, true)}).error(),
            "no address to listen on is available");
}

TEST_F(ListenSocketsTest, AddressThatIsNotThereYetIsOpenedAndSaidOnce) {
  factory_.open_error = [](const SocketRequest& request) {
    return request.bind.address_string() == "10.0.0.9" && !request.free_bind ? EADDRNOTAVAIL : 0;
  };
  ASSERT_TRUE(sockets_.open({address("10.0.0.9", 3000), address("127.0.0.1", 3000)}));
  EXPECT_EQ(lines_.take(),
            "warning: 10.0.0.9 is not an address of this host yet: waiting for it, to use port 3000 there\n"
            "info: listening on 127.0.0.1:3000\n");
  InterfaceTable table;
  test::set_interface(table, 2, "eth0");
  sockets_.on_interfaces(table);
  EXPECT_EQ(sockets_.awaited().size(), 1U);
  EXPECT_EQ(lines_.take(), "");
  test::add_address(table, 2, "10.0.0.9");
  sockets_.on_interfaces(table);
  EXPECT_TRUE(sockets_.awaited().empty());
  sockets_.on_interfaces(table);
  EXPECT_EQ(lines_.take(), "info: listening on 10.0.0.9:3000\n");
  EXPECT_EQ(factory_.sockets.size(), 2 * kSocketsPerAddress);
}

TEST_F(ListenSocketsTest, AddressOfAMissingInterfaceIsOpenedOnceThatIsThere) {
  int error = ENODEV;
  factory_.open_error = [&error](const SocketRequest&) { return error; };
  ASSERT_TRUE(sockets_.open({address("fe80::1%7", 3000)}));
  EXPECT_EQ(sockets_.awaited().size(), 1U);
  EXPECT_EQ(sockets_.find(from("fe80::2")), nullptr);
  const InterfaceTable table;
  sockets_.on_interfaces(table);
  lines_.take();
  error = EADDRINUSE;
  for (int i = 0; i < 3; ++i) sockets_.on_interfaces(table);
  EXPECT_EQ(lines_.take(), "warning: open 98; trying again when interfaces or addresses change\n");
  error = 0;
  sockets_.on_interfaces(table);
  EXPECT_TRUE(sockets_.awaited().empty());
  EXPECT_NE(sockets_.find(from("fe80::2")), nullptr);
  EXPECT_EQ(lines_.take(), "info: listening on [fe80::1%7]:3000\n");
}

TEST_F(ListenSocketsTest, InterfaceByNameIsFollowedThroughItsNumbers) {
  ListenAddress missing = address("fe80::1", 3000);
  missing.zone = "nosuch0";
  ListenAddress there = address("fe80::1", 3001);
  there.zone = "lo";
  const std::uint32_t number = interface_number("lo");
  ASSERT_NE(number, 0U);
  ASSERT_TRUE(sockets_.open({missing, there}));
  EXPECT_EQ(lines_.take(),
            "info: listening on [fe80::1%lo]:3001\n"
            "warning: fe80::1%nosuch0 is not an address of this host yet: waiting for it, to use port 3000 "
            "there\n");
  ASSERT_EQ(sockets_.awaited().size(), 1U);
  EXPECT_EQ(sockets_.awaited()[0].text, "[fe80::1%nosuch0]:3000");
  EXPECT_EQ(sockets_.awaited()[0].why, "there is no interface nosuch0");
  EXPECT_EQ(factory_.requests.back().bind.scope, number);
  InterfaceTable table;
  test::set_interface(table, static_cast<int>(number), "lo");
  test::add_address(table, number, "fe80::1");
  sockets_.on_interfaces(table);
  EXPECT_EQ(sockets_.closings(), 0U);
  EXPECT_EQ(lines_.take(), "");
  // It comes again as another; only the system knows, and here it is the same.
  InterfaceTable other;
  test::set_interface(other, static_cast<int>(number) + 1, "lo");
  sockets_.on_interfaces(other);
  EXPECT_EQ(sockets_.closings(), 1U);
  EXPECT_EQ(factory_.sockets.size(), kSocketsPerAddress);
  EXPECT_EQ(
      lines_.take(),
      "warning: fe80::1%lo is no longer an address of this host: waiting for it, to use port 3001 there\n"
      "info: listening on [fe80::1%lo]:3001\n");
}

TEST_F(ListenSocketsTest, AddressThatGoesIsAwaitedAndOfOneThatKeepsGoingFewLinesAre) {
  ASSERT_TRUE(sockets_.open({address("10.0.0.9", 3000), address("10.0.0.8", 3000)}));
  lines_.take();
  InterfaceTable with;
  test::set_interface(with, 2, "eth0");
  InterfaceTable without = with;
  test::add_address(with, 2, "10.0.0.9");
  sockets_.on_interfaces(with);
  EXPECT_TRUE(sockets_.awaited().empty()) << "the table need not have all: what it never had has not gone";
  sockets_.on_interfaces(without);
  EXPECT_EQ(
      lines_.take(),
      "warning: 10.0.0.9 is no longer an address of this host: waiting for it, to use port 3000 there\n");
  ASSERT_EQ(sockets_.awaited().size(), 1U);
  EXPECT_TRUE(sockets_.is_listening());
  sockets_.on_interfaces(with);
  EXPECT_EQ(lines_.take(), "info: listening on 10.0.0.9:3000\n");
  for (int i = 0; i < 100; ++i) sockets_.on_interfaces(i % 2 == 0 ? without : with);
  const std::string text = lines_.take();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), kNewsBurst);
}

TEST_F(ListenSocketsTest, PortInUseIsAnErrorThoughTheAddressIsNotThereYet) {
  factory_.open_error = [](const SocketRequest& request) {
    return request.free_bind ? EADDRINUSE : EADDRNOTAVAIL;
  };
  EXPECT_FALSE(sockets_.open({address("10.0.0.9", 3000)}));
}

TEST_F(ListenSocketsTest, TellsWhichSocketIsReadable) {
  ASSERT_TRUE(sockets_.open({address("127.0.0.1", 3000)}));
  factory_.sockets.at(3)->make_readable();
  loop_.run();
  EXPECT_EQ(read_, factory_.sockets.at(3));
}

TEST_F(ListenSocketsTest, WhatIsKeptApartIsReadOnceInAWhileAndTheOthersAtOnce) {
  Steering steering{3};
  steering.apart = 1;
  std::map<DatagramSocket*, int> reads;
  ListenSockets sockets(context_, steering, SocketUse::paths,
                        [&](DatagramSocket& socket) { ++reads[&socket]; });
  ASSERT_TRUE(sockets.open({address("127.0.0.1", 3000)}));
  ASSERT_EQ(factory_.sockets.size(), kSocketsPerAddress + 1);
  factory_.sockets.at(3)->make_readable();
  factory_.sockets.back()->make_readable();
  const TimePoint start = monotonic_now();
  Timer end(loop_, [this] { loop_.stop(); });
  end.set(start + 50 * kApartReadEach);
  loop_.run();
  const auto turns = (monotonic_now() - start) / kApartReadEach;
  EXPECT_GE(reads[factory_.sockets.back()], 2);
  EXPECT_LE(reads[factory_.sockets.back()], turns + 1);
  EXPECT_GT(reads[factory_.sockets.at(3)], reads[factory_.sockets.back()]);
}

}  // namespace
}  // namespace mptunnel
