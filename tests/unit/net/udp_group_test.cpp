// Several sockets on one port.
#include <gtest/gtest.h>

#include "unit/net/net_support.h"

namespace mptunnel {
namespace {

using test::bound_to;
using test::Datagram;
using test::open_socket;

std::vector<UdpSocket> open_group(const UdpSocketOptions& options, std::size_t count,
                                  const Steering& steering = {}) {
  auto group = UdpSocket::open_group(options, count, steering);
  EXPECT_TRUE(group) << (group ? "" : group.error().what);
  return std::move(*group);
}

// What each socket gets, of which so many are expected.
std::vector<std::vector<Datagram>> contents(std::vector<UdpSocket>& group,
                                            const std::vector<std::size_t>& expected) {
  std::vector<std::vector<Datagram>> result;
  for (std::size_t i = 0; i < group.size(); ++i)
    result.push_back(test::collect(group[i], expected[i]).datagrams);
  return result;
}

class UdpGroup : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "::1" && !test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  }
};

INSTANTIATE_TEST_SUITE_P(Families, UdpGroup, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return std::string(family.index == 0 ? "IPv4" : "IPv6"); });

TEST_P(UdpGroup, SharesOnePort) {
  const auto group = open_group(bound_to(GetParam()), 8);
  ASSERT_EQ(group.size(), 8U);
  EXPECT_TRUE(group.front().is_steered());
  for (const UdpSocket& socket : group) EXPECT_EQ(socket.local_endpoint(), group.front().local_endpoint());
}

TEST_P(UdpGroup, PortOfAnotherProgramIsAnError) {
  const auto group = open_group(bound_to(GetParam()), 4);
  UdpSocketOptions taken = bound_to(GetParam());
  taken.bind = group.front().local_endpoint();
  const auto second = UdpSocket::open_group(taken, 4, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, EADDRINUSE);
}

TEST_P(UdpGroup, ByteOfThePayloadSelectsTheSocket) {
  auto group = open_group(bound_to(GetParam()), 4, Steering{3});
  UdpSocketOptions options = bound_to(GetParam());
  options.connect = group.front().local_endpoint();
  UdpSocket sender = open_socket(options);
  for (int value = 0; value < 256; ++value) {
    const Datagram datagram{9, 9, 9, static_cast<std::uint8_t>(value), 9};
    ASSERT_EQ(sender.send({datagram, datagram.size(), {}}).accepted, 1U);
  }
  const Datagram without_it{1, 2, 3};
  ASSERT_EQ(sender.send({without_it, 3, {}}).accepted, 1U);
  ASSERT_EQ(sender.send({{}, 1, {}}).accepted, 1U);
  // What is too short for the byte goes to the first.
  const std::vector<std::size_t> expected{66, 64, 64, 64};
  const auto got = contents(group, expected);
  for (std::size_t i = 0; i < group.size(); ++i) {
    EXPECT_EQ(got[i].size(), expected[i]);
    for (const Datagram& datagram : got[i]) {
      EXPECT_EQ(datagram.size() < 4 ? 0U : datagram[3] % 4U, i);
    }
  }
}

TEST_P(UdpGroup, WhatIsKeptApartHasTheLastSocketForItself) {
  Steering steering{3};
  steering.apart = 7;
  auto group = open_group(bound_to(GetParam()), 5, steering);
  UdpSocketOptions options = bound_to(GetParam());
  options.connect = group.front().local_endpoint();
  UdpSocket sender = open_socket(options);
  for (const std::uint8_t first : {std::uint8_t{7}, std::uint8_t{9}}) {
    for (int value = 0; value < 128; ++value) {
      const Datagram datagram{first, 9, 9, static_cast<std::uint8_t>(value), 9};
      ASSERT_EQ(sender.send({datagram, datagram.size(), {}}).accepted, 1U);
    }
  }
  const Datagram short_one{7};
  ASSERT_EQ(sender.send({short_one, 1, {}}).accepted, 1U);
  ASSERT_EQ(sender.send({{}, 1, {}}).accepted, 1U);
  const std::vector<std::size_t> expected{33, 32, 32, 32, 129};
  const auto got = contents(group, expected);
  for (std::size_t i = 0; i < group.size(); ++i) {
    EXPECT_EQ(got[i].size(), expected[i]);
    for (const Datagram& datagram : got[i]) {
      const bool is_apart = !datagram.empty() && datagram[0] == 7;
      EXPECT_EQ(is_apart ? 4U : datagram.empty() ? 0U : datagram[3] % 4U, i);
    }
  }
}

TEST_P(UdpGroup, PortOfTheSenderSelectsTheSocket) {
  auto group = open_group(bound_to(GetParam()), 4);
  std::vector<std::size_t> expected(group.size());
  for (int i = 0; i < 40; ++i) {
    UdpSocketOptions options = bound_to(GetParam());
    options.connect = group.front().local_endpoint();
    UdpSocket sender = open_socket(options);
    const std::size_t place = sender.local_endpoint().port % group.size();
    const Datagram datagram{static_cast<std::uint8_t>(place)};
    ASSERT_EQ(sender.send({datagram, 1, {}}).accepted, 1U);
    ++expected[place];
  }
  const auto got = contents(group, expected);
  for (std::size_t i = 0; i < group.size(); ++i) {
    EXPECT_EQ(got[i].size(), expected[i]);
    for (const Datagram& datagram : got[i]) EXPECT_EQ(datagram.at(0), i);
  }
}

TEST(UdpGroupOptions, GroupOfOneIsAnOrdinarySocket) {
  auto group = open_group(bound_to("127.0.0.1"), 1, Steering{0});
  ASSERT_EQ(group.size(), 1U);
  EXPECT_FALSE(group.front().is_steered());
  UdpSocketOptions joining = bound_to("127.0.0.1");
  joining.bind = group.front().local_endpoint();
  joining.reuse_port = true;
  EXPECT_FALSE(UdpSocket::open(joining)) << "nobody may join";
}

TEST(UdpGroupOptions, AnswersLeaveFromTheSharedPort) {
  auto group = open_group(bound_to("127.0.0.1"), 3);
  UdpSocket peer = open_socket(bound_to("127.0.0.1"));
  const Datagram datagram{1};
  for (UdpSocket& socket : group)
    ASSERT_EQ(socket.send({datagram, 1, {peer.local_endpoint(), {}}}).accepted, 1U);
  const auto inbox = test::collect(peer, 3);
  ASSERT_EQ(inbox.routes.size(), 3U);
  for (const Route& route : inbox.routes) EXPECT_EQ(route.remote, group.front().local_endpoint());
}

TEST_P(UdpGroup, OneThatSendsOnlyTakesNothingFromTheOthers) {
  auto group = open_group(bound_to(GetParam()), 4, Steering{3});
  UdpSocketOptions joining = bound_to(GetParam());
  joining.bind = group.front().local_endpoint();
  joining.sends_only = joining.reuse_port = true;
  UdpSocket extra = open_socket(joining);
  UdpSocketOptions options = bound_to(GetParam());
  options.connect = joining.bind;
  UdpSocket peer = open_socket(options);
  for (int value = 0; value < 256; ++value) {
    const Datagram datagram{9, 9, 9, static_cast<std::uint8_t>(value)};
    ASSERT_EQ(peer.send({datagram, datagram.size(), {}}).accepted, 1U);
  }
  const auto got = contents(group, {64, 64, 64, 64});
  for (const auto& datagrams : got) EXPECT_EQ(datagrams.size(), 64U);
  ReceiveBuffers buffers;
  EXPECT_TRUE(extra.receive(buffers).batches.empty());
  const Datagram answer{7};
  ASSERT_EQ(extra.send({answer, 1, {peer.local_endpoint(), {}}}).accepted, 1U);
  EXPECT_EQ(test::collect(peer, 1).datagrams.size(), 1U);
}

}  // namespace
}  // namespace mptunnel
