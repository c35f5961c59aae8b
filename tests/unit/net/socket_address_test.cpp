#include "mptunnel/net/socket_address.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

struct AddressRow {
  const char* name;
  const char* address;
  bool as_ipv6;
  socklen_t length;  // 0: can't be
};

constexpr AddressRow kAddressRows[] = {
    {"IPv4", "192.0.2.1", false, sizeof(sockaddr_in)},
    {"IPv4 mapped", "192.0.2.1", true, sizeof(sockaddr_in6)},
    {"IPv6", "2001:db8::1", true, sizeof(sockaddr_in6)},
    {"IPv6 on an IPv4 socket", "2001:db8::1", false, 0},
    {"link-local", "fe80::1%3", true, sizeof(sockaddr_in6)},
};

TEST(SocketAddress, ComesBackAsItWentIn) {
  for (const AddressRow& row : kAddressRows) {
    const Endpoint endpoint = parse_numeric_endpoint(row.address, 4000).value();
    SocketAddress address{};
    ASSERT_EQ(to_socket_address(endpoint, row.as_ipv6, address), row.length) << row.name;
    if (row.length == 0) continue;
    EXPECT_EQ(address.any.sa_family, row.as_ipv6 ? AF_INET6 : AF_INET) << row.name;
    EXPECT_EQ(from_socket_address(address), endpoint) << row.name;
  }
}

TEST(SocketAddress, PortIsInNetworkOrder) {
  SocketAddress address{};
  to_socket_address(parse_numeric_endpoint("127.0.0.1", 0x1234).value(), false, address);
  EXPECT_EQ(address.ipv4.sin_port, htons(0x1234));
  EXPECT_EQ(ntohl(address.ipv4.sin_addr.s_addr), INADDR_LOOPBACK);
}

TEST(SocketAddress, OtherFamiliesAreUnset) {
  SocketAddress address{};
  address.any.sa_family = AF_UNIX;
  EXPECT_FALSE(from_socket_address(address).is_set());
}

TEST(SocketAddress, ScopeIsKeptForLinkLocalOnly) {
  in6_addr global{};
  global.s6_addr[0] = 0x20;
  EXPECT_EQ(from_address(global, 7).scope, 0U);
  in6_addr link_local{};
  link_local.s6_addr[0] = 0xfe;
  link_local.s6_addr[1] = 0x80;
  EXPECT_EQ(from_address(link_local, 7).scope, 7U);
}

}  // namespace
}  // namespace mptunnel
