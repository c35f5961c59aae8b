#include "mptunnel/ports/listen_sockets.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

ListenAddress address(std::string_view host) {
  ListenAddress result;
  result.endpoint = parse_numeric_endpoint(host, 0).value();
  return result;
}

class ListenSocketsOffload : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(OnAndOff, ListenSocketsOffload, testing::Bool());

TEST_P(ListenSocketsOffload, IsAsTheTuningSays) {
  Loop loop;
  ListenSockets sockets(loop, SocketTuning{GetParam()}, Steering{}, ListenSockets::Side::applications,
                        [](UdpSocket&) {});
  ASSERT_TRUE(sockets.open({address("127.0.0.1")}));
  Route route;
  route.remote = parse_numeric_endpoint("127.0.0.1", 9).value();
  UdpSocket* socket = sockets.find(route);
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->offloads(), GetParam());
  sockets.close();
}

}  // namespace
}  // namespace mptunnel
