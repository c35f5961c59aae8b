#include "mptunnel/ports/socket_factory.h"

#include <gtest/gtest.h>

#include "mptunnel/net/udp_socket.h"

namespace mptunnel {
namespace {

SocketRequest on_loopback() {
  SocketRequest request{.use = SocketUse::applications, .bind = {}, .connect = {}, .device = {}};
  request.bind = parse_numeric_endpoint("127.0.0.1", 0).value();
  return request;
}

bool offloads(const DatagramSocket& socket) {
  return dynamic_cast<const UdpSocket&>(socket).offloads();
}

class SystemSocketsOffload : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(OnAndOff, SystemSocketsOffload, testing::Bool());

TEST_P(SystemSocketsOffload, IsAsTheTuningSays) {
  SystemSockets sockets(SocketTuning{GetParam()});
  const auto one = sockets.open(on_loopback());
  ASSERT_TRUE(one) << one.error().what;
  EXPECT_EQ(offloads(**one), GetParam());
  const auto group = sockets.open_group(on_loopback(), 2, Steering{});
  ASSERT_TRUE(group) << group.error().what;
  ASSERT_EQ(group->size(), 2U);
  for (const auto& socket : *group) EXPECT_EQ(offloads(*socket), GetParam());
}

TEST(SystemSockets, SayWhatFailed) {
  SystemSockets sockets(SocketTuning{});
  SocketRequest request = on_loopback();
  request.bind = parse_numeric_endpoint("192.0.2.1", 0).value();
  EXPECT_EQ(sockets.open(request).error().what, "192.0.2.1 is not an address of this host");
  EXPECT_EQ(sockets.open_group(request, 2, Steering{}).error().error, EADDRNOTAVAIL);
}

}  // namespace
}  // namespace mptunnel
