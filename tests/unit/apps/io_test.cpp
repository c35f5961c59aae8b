#include "mptunnel/apps/io.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "mptunnel/crypto/kdf.h"

namespace mptunnel {
namespace {

TEST(DerivedPort, IsTheSameAfterARestartAndTheNextWhereTaken) {
  const std::array<std::uint8_t, 4> secret{1, 2, 3, 4};
  UdpSocketOptions options;
  options.bind = parse_numeric_endpoint("127.0.0.1", 0).value();
  const auto open = [&] { return open_on_derived_port(options, secret, "test"); };
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  {
    const auto one = open();
    const auto two = open();
    ASSERT_TRUE(one && two);
    first = one->local_endpoint().port;
    second = two->local_endpoint().port;
    EXPECT_NE(first, second);
  }
  const auto one = open();
  const auto two = open();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->local_endpoint().port, first);
  EXPECT_EQ(two->local_endpoint().port, second);
}

TEST(DerivedPort, KernelChoosesWhereAllAreTaken) {
  const std::array<std::uint8_t, 4> secret{5, 6, 7, 8};
  UdpSocketOptions options;
  options.bind = parse_numeric_endpoint("127.0.0.1", 0).value();
  std::vector<UdpSocket> taken;
  for (int i = 0; i <= kDerivedPorts; ++i) {
    auto socket = open_on_derived_port(options, secret, "test");
    ASSERT_TRUE(socket) << i;
    taken.push_back(std::move(*socket));
  }
  const std::uint16_t last = taken.back().local_endpoint().port;
  for (int i = 0; i < kDerivedPorts; ++i) {
    const std::string purpose = i == 0 ? "test" : "test " + std::to_string(i);
    EXPECT_NE(derive_port(secret, purpose), last);
  }
}

TEST(DerivedPort, OtherErrorsAreToldAtOnce) {
  UdpSocketOptions options;
  options.bind = parse_numeric_endpoint("192.0.2.1", 0).value();
  const auto socket = open_on_derived_port(options, std::array<std::uint8_t, 1>{1}, "test");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().error, EADDRNOTAVAIL);
}

}  // namespace
}  // namespace mptunnel
