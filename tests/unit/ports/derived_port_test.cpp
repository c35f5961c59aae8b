#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

// The ports of two sockets for one purpose, the second opened while the first has its own.
std::pair<std::uint16_t, std::uint16_t> two_ports(ConstBytes secret) {
  SystemSockets sockets{SocketTuning{}};
  SocketRequest request;
  request.bind = parse_numeric_endpoint("127.0.0.1", 0).value();
  const auto one = open_on_derived_port(sockets, request, secret, "test");
  const auto two = open_on_derived_port(sockets, request, secret, "test");
  EXPECT_TRUE(one && two);
  return {(*one)->local_endpoint().port, (*two)->local_endpoint().port};
}

TEST(DerivedPort, IsTheSameAfterARestartAndTheNextWhereTaken) {
  // Another program may take or give back a port in between; not for five secrets, though.
  int same = 0;
  for (std::uint8_t i = 0; i < 5; ++i) {
    const std::array<std::uint8_t, 4> secret{1, 2, 3, i};
    const auto before = two_ports(secret);
    EXPECT_NE(before.first, before.second);
    if (two_ports(secret) == before) ++same;
  }
  EXPECT_GE(same, 4);
}

TEST(DerivedPort, KernelChoosesWhereAllAreTaken) {
  const std::array<std::uint8_t, 4> secret{5, 6, 7, 8};
  SystemSockets sockets{SocketTuning{}};
  SocketRequest request;
  request.bind = parse_numeric_endpoint("127.0.0.1", 0).value();
  std::vector<SocketFactory::Socket> taken;
  for (int i = 0; i <= kDerivedPorts; ++i) {
    auto socket = open_on_derived_port(sockets, request, secret, "test");
    ASSERT_TRUE(socket) << i;
    taken.push_back(std::move(*socket));
  }
  const std::uint16_t last = taken.back()->local_endpoint().port;
  for (int i = 0; i < kDerivedPorts; ++i) {
    const std::string purpose = i == 0 ? "test" : "test " + std::to_string(i);
    EXPECT_NE(derive_port(secret, purpose), last);
  }
}

TEST(DerivedPort, OtherErrorsAreToldAtOnce) {
  SystemSockets sockets{SocketTuning{}};
  SocketRequest request;
  request.bind = parse_numeric_endpoint("192.0.2.1", 0).value();
  const auto socket = open_on_derived_port(sockets, request, std::array<std::uint8_t, 1>{1}, "test");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().error, EADDRNOTAVAIL);
}

}  // namespace
}  // namespace mptunnel
