#include "mptunnel/base/endpoint.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <unordered_set>

namespace mptunnel {
namespace {

using namespace std::string_view_literals;

Endpoint endpoint(std::string_view address, std::uint16_t port = 53) {
  const auto parsed = parse_numeric_endpoint(address, port);
  EXPECT_TRUE(parsed) << address;
  return parsed.value_or(Endpoint{});
}

TEST(Endpoint, IsPrintedAsItIsRead) {
  struct Row {
    std::string_view address;
    std::string_view text;
    Family family;
    std::uint32_t scope = 0;
  };
  constexpr std::array<Row, 13> kRows{{
      {"127.0.0.1", "127.0.0.1:53", Family::ipv4},
      {"0.0.0.0", "0.0.0.0:53", Family::ipv4},
      {"255.255.255.255", "255.255.255.255:53", Family::ipv4},
      {"::1", "[::1]:53", Family::ipv6},
      {"::", "[::]:53", Family::ipv6},
      {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:53", Family::ipv6},
      {"fe80::1%2", "[fe80::1%2]:53", Family::ipv6, 2},
      {"fe80::1%4294967295", "[fe80::1%4294967295]:53", Family::ipv6, 4294967295},
      {"ff02::fb", "[ff02::fb]:53", Family::ipv6},
      {"64:ff9b::192.0.2.1", "[64:ff9b::c000:201]:53", Family::ipv6},
      {"::ffff:192.0.2.1", "192.0.2.1:53", Family::ipv4},
      {"::ffff:c000:201", "192.0.2.1:53", Family::ipv4},
      {"::ffff:192.0.2.1%3", "192.0.2.1:53", Family::ipv4},
  }};
  for (const Row& row : kRows) {
    const Endpoint parsed = endpoint(row.address);
    EXPECT_EQ(parsed.to_string(), row.text);
    EXPECT_EQ(parsed.family, row.family) << row.address;
    EXPECT_EQ(parsed.scope, row.scope) << row.address;
    EXPECT_EQ(parsed.port, 53) << row.address;
  }
}

TEST(Endpoint, IsNotReadFromNamesAndMalformedAddresses) {
  constexpr std::array kRefused{
      ""sv,           "localhost"sv,   "1.2.3"sv,       "1.2.3.4.5"sv,          "256.0.0.1"sv,
      "01.2.3.4"sv,   " 1.2.3.4"sv,    "1.2.3.4 "sv,    "1.2.3.4:5"sv,          "[::1]"sv,
      ":"sv,          ":::"sv,         "1::2::3"sv,     "1:2:3:4:5:6:7"sv,      "1:2:3:4:5:6:7:8:9"sv,
      "12345::"sv,    "::1%"sv,        "fe80::1%0"sv,   "fe80::1%eth0"sv,       "fe80::1%2x"sv,
      "fe80::1%-2"sv, "fe80::1%2%3"sv, "1.2.3.4%2"sv,   "fe80::1%4294967296"sv, "1.2.3.4\0"sv,
      "\0"sv,         "::1\0x"sv,      "fe80::1\0%2"sv, "127.0.0.1\0.example"sv};
  for (const std::string_view address : kRefused) EXPECT_FALSE(parse_numeric_endpoint(address, 1)) << address;
}

TEST(Endpoint, UnsetIsPrintedAsADash) {
  EXPECT_FALSE(Endpoint{}.is_set());
  EXPECT_EQ(Endpoint{}.to_string(), "-");
  EXPECT_EQ(Endpoint{}.address_string(), "-");
}

TEST(Endpoint, PrintsItsAddressWithoutBracketsAndPort) {
  EXPECT_EQ(endpoint("192.0.2.1").address_string(), "192.0.2.1");
  EXPECT_EQ(endpoint("fe80::1%7").address_string(), "fe80::1%7");
}

TEST(Endpoint, TakesAnotherPort) {
  const Endpoint other = endpoint("fe80::1%7").with_port(65535);
  EXPECT_EQ(other.to_string(), "[fe80::1%7]:65535");
}

TEST(Endpoint, KnowsTheAddressThatMeansAny) {
  EXPECT_TRUE(endpoint("0.0.0.0").is_any());
  EXPECT_TRUE(endpoint("::").is_any());
  EXPECT_FALSE(endpoint("0.0.0.1").is_any());
  EXPECT_FALSE(endpoint("::1").is_any());
  EXPECT_FALSE(endpoint("100::").is_any());
}

TEST(Endpoint, DiffersByEachPartInOrderAndInHash) {
  const std::array endpoints{endpoint("192.0.2.1"),  endpoint("192.0.2.1", 54), endpoint("192.0.2.2"),
                             endpoint("c000:201::"), endpoint("fe80::1"),       endpoint("fe80::1%1"),
                             endpoint("fe80::1%2"),  endpoint("fe80::2%2"),     endpoint("0.0.0.0"),
                             endpoint("::"),         endpoint("::", 0),         Endpoint{}};
  std::unordered_set<std::size_t> hashes;
  for (const Endpoint& one : endpoints) {
    hashes.insert(std::hash<Endpoint>{}(one));
    for (const Endpoint& other : endpoints)
      EXPECT_EQ(one == other, &one == &other) << one.to_string() << other.to_string();
  }
  EXPECT_EQ(hashes.size(), endpoints.size());
}

TEST(SourceNetwork, IsTheFirst24BitsOfIpv4AndTheFirst56OfIpv6) {
  EXPECT_EQ(source_network(endpoint("192.0.2.1", 1)), source_network(endpoint("192.0.2.254", 2)));
  EXPECT_NE(source_network(endpoint("192.0.2.1")), source_network(endpoint("192.0.3.1")));
  EXPECT_EQ(source_network(endpoint("2001:db8:1:200::1")), source_network(endpoint("2001:db8:1:2ff:ffff::")));
  EXPECT_NE(source_network(endpoint("2001:db8:1:200::1")), source_network(endpoint("2001:db8:1:300::1")));
  EXPECT_NE(source_network(endpoint("2001:db8:1:200::1")), source_network(endpoint("2001:db8:2:200::1")));
}

TEST(SourceNetwork, DiffersByFamily) {
  EXPECT_NE(source_network(endpoint("0.0.0.0")), source_network(endpoint("::")));
  // An IPv6 network whose last bytes are those of an IPv4 one.
  EXPECT_NE(source_network(endpoint("192.0.2.1")), source_network(endpoint("0:1:c0:2::")));
}

TEST(SourceNetwork, IsWrittenWithItsLength) {
  EXPECT_EQ(source_network_text(endpoint("192.0.2.254", 7)), "192.0.2.0/24");
  EXPECT_EQ(source_network_text(endpoint("2001:db8:1:2ff:ffff::1", 7)), "2001:db8:1:200::/56");
}

TEST(Route, ComparesBothEnds) {
  const Route route{endpoint("192.0.2.1"), endpoint("192.0.2.2")};
  EXPECT_EQ(route, (Route{endpoint("192.0.2.1"), endpoint("192.0.2.2")}));
  EXPECT_NE(route, (Route{endpoint("192.0.2.1"), Endpoint{}}));
  EXPECT_NE(route, (Route{endpoint("192.0.2.2"), endpoint("192.0.2.1")}));
}

}  // namespace
}  // namespace mptunnel
