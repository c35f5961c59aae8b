#include "support/common/sockets.h"

#include <gtest/gtest.h>

namespace mptunnel::test {
namespace {

struct AddressRow {
  const char* name;
  const char* text;
  const char* expected;  ///< null: refused
};

class ResolveEndpoint : public testing::TestWithParam<AddressRow> {};

TEST_P(ResolveEndpoint, ReadsTheText) {
  const auto endpoint = resolve_endpoint(GetParam().text);
  const bool accepted = GetParam().expected != nullptr;
  ASSERT_EQ(endpoint.has_value(), accepted);
  EXPECT_EQ(endpoint ? endpoint->to_string() : "", accepted ? GetParam().expected : "");
}

INSTANTIATE_TEST_SUITE_P(Rows, ResolveEndpoint,
                         testing::Values(AddressRow{"Ipv4", "10.1.2.3:53", "10.1.2.3:53"},
                                         AddressRow{"Ipv6", "[::1]:65535", "[::1]:65535"},
                                         AddressRow{"PortAlone", "4000", "127.0.0.1:4000"},
                                         AddressRow{"PortZero", "127.0.0.1:0", "127.0.0.1:0"},
                                         AddressRow{"Ipv6WithoutBrackets", "::1:53", nullptr},
                                         AddressRow{"PortTooLarge", "127.0.0.1:65536", nullptr},
                                         AddressRow{"NoPort", "127.0.0.1:", nullptr},
                                         AddressRow{"NoHost", ":53", nullptr},
                                         AddressRow{"OpenBracket", "[::1:53", nullptr},
                                         AddressRow{"Empty", "", nullptr}),
                         [](const auto& row) { return row.param.name; });

TEST(SocketAddress, ComesBack) {
  for (const char* text : {"10.1.2.3:53", "[fe80::1]:9", "[::]:0"}) {
    const auto endpoint = resolve_endpoint(text);
    ASSERT_TRUE(endpoint);
    EXPECT_EQ(to_endpoint(to_socket_address(*endpoint)), *endpoint);
  }
  EXPECT_FALSE(to_endpoint(SocketAddress{}).is_set());
}

}  // namespace
}  // namespace mptunnel::test
