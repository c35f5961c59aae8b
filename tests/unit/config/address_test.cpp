#include "mptunnel/config/address.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

struct WordRow {
  const char* name;
  std::string word;
  std::string result;  ///< the value as text, or the error
};

void PrintTo(const WordRow& row, std::ostream* out) {
  *out << row.name;
}

template <typename Row>
std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

class ParseHost : public testing::TestWithParam<WordRow> {};

TEST_P(ParseHost, GivesHostOrReason) {
  const auto host = parse_host(GetParam().word);
  EXPECT_EQ(host ? *host : host.error(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseHost,
    testing::Values(
        WordRow{"Name", "bridge1.myhost.com", "bridge1.myhost.com"},
        WordRow{"NameWithRootDot", "myhost.com.", "myhost.com."}, WordRow{"Underscore", "my_host", "my_host"},
        WordRow{"Ipv4", "1.1.1.1", "1.1.1.1"}, WordRow{"Ipv6", "2001:db8::1", "2001:db8::1"},
        WordRow{"Ipv6InBrackets", "[2001:db8::1]", "2001:db8::1"},
        WordRow{"LinkLocalWithInterface", "fe80::1%eth0", "fe80::1%eth0"},
        WordRow{"LinkLocalWithNumberInBrackets", "[fe80::1%2]", "fe80::1%2"},
        WordRow{"HostAndPort", "1.1.1.1:4000",
                "'1.1.1.1:4000' is a host and a port in one word: write them as two, '1.1.1.1 4000'"},
        WordRow{"Ipv6AndPort", "[::1]:4000",
                "'[::1]:4000' is a host and a port in one word: write them as two, '[::1] 4000'"},
        WordRow{
            "Ipv4OutOfRange", "256.1.1.1",
            "'256.1.1.1' is not an IPv4 address: write four numbers from 0 to 255 with dots between them"},
        WordRow{"Ipv4TooShort", "1.1.1",
                "'1.1.1' is not an IPv4 address: write four numbers from 0 to 255 with dots between them"},
        WordRow{"Number", "4000",
                "'4000' is not an IPv4 address: write four numbers from 0 to 255 with dots between them"},
        WordRow{"BadIpv6", "2001:db8::g",
                "'2001:db8::g' is not an IPv6 address: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"OpenBracket", "[::1",
                "'[::1' is not an IPv6 address: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"BracketsOnIpv4", "[1.1.1.1]",
                "'[1.1.1.1]' has brackets, which are for IPv6 alone: write '1.1.1.1'"},
        WordRow{
            "AnyIpv4", "0.0.0.0",
            "'0.0.0.0' is no address that can be sent to: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"AnyIpv6", "[::]",
                "'[::]' is no address that can be sent to: write a name, an IPv4 address or an IPv6 address"},
        WordRow{
            "Foreign",
            "br\xc3\xbc"
            "cke",
            "'br\\xc3\\xbccke' is not a host name: write names of other than English letters in their 'xn--' "
            "form"},
        WordRow{"Star", "*", "'*' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"Url", "http//x",
                "'http//x' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"TwoDots", "a..b", "'a..b' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"Hyphen", "-a", "'-a' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"LongLabel", std::string(64, 'a'),
                std::string(1, '\'') + std::string(64, 'a') +
                    "' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"Empty", "", "'' is not a host: write a name, an IPv4 address or an IPv6 address"}),
    row_name<WordRow>);

TEST(ZoneOf, IsTheInterfaceThatALinkLocalAddressNames) {
  EXPECT_EQ(zone_of("fe80::1%eth0"), "eth0");
  for (const char* host : {"fe80::1", "fe80::1%7", "2001:db8::1%eth0", "192.0.2.1", "bridge.example"})
    EXPECT_EQ(zone_of(host), "") << host;
}

TEST(ParseHostLength, AllowsNamesOf253Bytes) {
  std::string name;
  while (name.size() < 250) name += "a.";
  name.resize(253, 'b');
  EXPECT_TRUE(parse_host(name));
  EXPECT_FALSE(parse_host(name + "b"));
}

class ParsePort : public testing::TestWithParam<WordRow> {};

TEST_P(ParsePort, GivesPortOrReason) {
  const auto port = parse_port(GetParam().word);
  EXPECT_EQ(port ? std::to_string(*port) : port.error(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParsePort,
    testing::Values(WordRow{"Smallest", "1", "1"}, WordRow{"Largest", "65535", "65535"},
                    WordRow{"LeadingZero", "080", "80"},
                    WordRow{"Zero", "0", "port '0' is out of range: write a number from 1 to 65535"},
                    WordRow{"TooLarge", "65536",
                            "port '65536' is out of range: write a number from 1 to 65535"},
                    WordRow{"Huge", "99999999999999999999",
                            "port '99999999999999999999' is out of range: write a number from 1 to 65535"},
                    WordRow{"Negative", "-1", "'-1' is not a port: write a number from 1 to 65535"},
                    WordRow{"Word", "openvpn", "'openvpn' is not a port: write a number from 1 to 65535"},
                    WordRow{"Trailing", "80x", "'80x' is not a port: write a number from 1 to 65535"},
                    WordRow{"Empty", "", "'' is not a port: write a number from 1 to 65535"}),
    row_name<WordRow>);

class ParseHostPort : public testing::TestWithParam<WordRow> {};

TEST_P(ParseHostPort, GivesHostAndPortOrReason) {
  const auto parsed = parse_host_port(GetParam().word);
  EXPECT_EQ(parsed ? to_string(*parsed) : parsed.error(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseHostPort,
    testing::Values(
        WordRow{"Ipv4", "127.0.0.1:1194", "127.0.0.1:1194"}, WordRow{"Name", "vpn.lan:1194", "vpn.lan:1194"},
        WordRow{"Ipv6", "[::1]:1194", "[::1]:1194"},
        WordRow{"NoPort", "vpn.lan", "'vpn.lan' has no port: write HOST:PORT"},
        WordRow{"NoPortInBrackets", "[::1]", "'[::1]' has no port: write HOST:PORT"},
        WordRow{"NoHost", "1194", "'1194' has no host: write HOST:PORT"},
        WordRow{"BareIpv6", "::1:1194",
                "'::1:1194' has several colons: write an IPv6 address in brackets, as in [2001:db8::1]:1194"},
        WordRow{"BadPort", "vpn:0", "port '0' is out of range: write a number from 1 to 65535"},
        WordRow{"EmptyPort", "vpn:", "'' is not a port: write a number from 1 to 65535"},
        WordRow{"EmptyHost", ":5", "'' is not a host: write a name, an IPv4 address or an IPv6 address"},
        WordRow{"JunkAfterBracket", "[::1]x:5", "'[::1]x:5' has no port: write HOST:PORT"}),
    row_name<WordRow>);

std::string listen_text(const tl::expected<std::vector<ListenAddress>, std::string>& parsed) {
  if (!parsed) return parsed.error();
  std::string text;
  for (const ListenAddress& address : *parsed) {
    if (!text.empty()) text += " ";
    text += to_string(address);
    if (address.may_be_missing) text += "?";
  }
  return text;
}

class ParseListen : public testing::TestWithParam<WordRow> {};

TEST_P(ParseListen, GivesEndpointsOrReason) {
  EXPECT_EQ(listen_text(parse_listen(GetParam().word, ListenDefault::localhost)), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseListen,
    testing::Values(
        WordRow{"PortAlone", "3000", "127.0.0.1:3000 [::1]:3000?"},
        WordRow{"Localhost", "LocalHost:3000", "127.0.0.1:3000 [::1]:3000?"},
        WordRow{"Star", "*:3000", "0.0.0.0:3000 [::]:3000?"},
        WordRow{"Ipv4", "10.0.0.1:3000", "10.0.0.1:3000"}, WordRow{"AnyIpv4", "0.0.0.0:3000", "0.0.0.0:3000"},
        WordRow{"Ipv6", "[::]:3000", "[::]:3000"}, WordRow{"Scoped", "[fe80::1%2]:3000", "[fe80::1%2]:3000"},
        WordRow{"Name", "myhost:3000",
                "'myhost' is not an address: write an IPv4 or IPv6 address of this host, 'localhost', or '*' "
                "for all"},
        WordRow{"InterfaceName", "[fe80::1%eth0]:3000", "[fe80::1%eth0]:3000"},
        WordRow{"InterfaceNameOfNoLink", "[2001:db8::1%eth0]:3000",
                "'[2001:db8::1%eth0]' has an interface, which a link-local address alone needs: write "
                "'2001:db8::1'"},
        WordRow{"NoInterface", "[fe80::1]:3000",
                "'[fe80::1]' is link-local, an address of each link: write its interface too, as in "
                "'fe80::1%eth0'"},
        WordRow{"WrongInterface", "[fe80::1%eth 0]:3000",
                "'[fe80::1%eth 0]' is not an address: write an IPv4 or IPv6 address of this host, "
                "'localhost', or '*' for all"},
        WordRow{"BareIpv6", "::1:3000",
                "'::1:3000' has several colons: write an IPv6 address in brackets, as in [::1]:3000"},
        WordRow{"NoPort", "127.0.0.1", "'127.0.0.1' has no port: write ADDRESS:PORT"},
        WordRow{"BadPort", "70000", "port '70000' is out of range: write a number from 1 to 65535"},
        WordRow{"BadPortAfterAddress", "127.0.0.1:x", "'x' is not a port: write a number from 1 to 65535"},
        WordRow{"BracketsOnIpv4", "[127.0.0.1]:3000",
                "'[127.0.0.1]' is not an address: write an IPv4 or IPv6 address of this host, 'localhost', "
                "or '*' "
                "for all"}),
    row_name<WordRow>);

TEST(ParseListenDefault, MeansAllAddressesForTheServer) {
  EXPECT_EQ(listen_text(parse_listen("2000", ListenDefault::all)), "0.0.0.0:2000 [::]:2000?");
}

TEST(ParseListenAddress, TakesIpv6WithAndWithoutBrackets) {
  EXPECT_EQ(listen_text(parse_listen_address("::1", 5)), "[::1]:5");
  EXPECT_EQ(listen_text(parse_listen_address("[::1]", 5)), "[::1]:5");
  EXPECT_EQ(listen_text(parse_listen_address("fe80::1%eth0", 5)), "[fe80::1%eth0]:5");
  EXPECT_EQ(listen_text(parse_listen_address("[fe80::1%eth0]", 5)), "[fe80::1%eth0]:5");
}

class ParseBind : public testing::TestWithParam<WordRow> {};

TEST_P(ParseBind, GivesEndpointOrReason) {
  const auto parsed = parse_bind(GetParam().word);
  const auto text = [&] {
    return parsed->endpoint.to_string() + (parsed->zone.empty() ? "" : " over " + parsed->zone);
  };
  EXPECT_EQ(parsed ? text() : parsed.error(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseBind,
    testing::Values(
        WordRow{"Ipv4", "10.0.0.1", "10.0.0.1:0"}, WordRow{"Ipv4AndPort", "10.0.0.1:5000", "10.0.0.1:5000"},
        WordRow{"Ipv6", "2001:db8::1", "[2001:db8::1]:0"}, WordRow{"Ipv6InBrackets", "[::1]", "[::1]:0"},
        WordRow{"Ipv6AndPort", "[::1]:5000", "[::1]:5000"},
        WordRow{"AnyAndPort", "0.0.0.0:5000", "0.0.0.0:5000"},
        WordRow{"InterfaceName", "fe80::1%eth0", "[fe80::1]:0 over eth0"},
        WordRow{"InterfaceNameAndPort", "[fe80::1%eth0]:5000", "[fe80::1]:5000 over eth0"},
        WordRow{"InterfaceNumber", "fe80::1%2", "[fe80::1%2]:0"},
        WordRow{"Name", "eth0",
                "'eth0' is not an address: write an IPv4 or IPv6 address of this host, and :PORT after it or "
                "nothing"},
        WordRow{"PortZero", "10.0.0.1:0", "port '0' is out of range: write a number from 1 to 65535"},
        WordRow{"PortAlone", ":5000",
                "'' is not an address: write an IPv4 or IPv6 address of this host, and :PORT after it or "
                "nothing"}),
    row_name<WordRow>);

TEST(ParseInterface, TakesWhatTheKernelTakes) {
  EXPECT_TRUE(parse_interface("eth0"));
  EXPECT_TRUE(parse_interface("enp0s31f6.100"));
  EXPECT_TRUE(parse_interface(std::string(15, 'a')));
  for (const std::string bad : {"", ".", "..", "a/b", "a:1", "a\xff", "a b", "aaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(parse_interface(bad)) << bad;
  }
}

TEST(AddressOverlap, IsTheSameAddressOrOneThatCoversIt) {
  const auto at = [](std::string_view address, std::uint16_t port) {
    return parse_numeric_endpoint(address, port).value();
  };
  EXPECT_TRUE(overlap(at("127.0.0.1", 5), at("127.0.0.1", 5)));
  EXPECT_TRUE(overlap(at("0.0.0.0", 5), at("127.0.0.1", 5)));
  EXPECT_TRUE(overlap(at("::1", 5), at("::", 5)));
  EXPECT_FALSE(overlap(at("127.0.0.1", 5), at("127.0.0.1", 6)));
  EXPECT_FALSE(overlap(at("127.0.0.1", 5), at("127.0.0.2", 5)));
  EXPECT_FALSE(overlap(at("0.0.0.0", 5), at("::", 5)));
  const auto zoned = [&at](std::string zone) {
    return ListenAddress{.endpoint = at("fe80::1", 5), .zone = std::move(zone)};
  };
  EXPECT_TRUE(overlap(zoned("eth0"), zoned("eth0")));
  EXPECT_FALSE(overlap(zoned("eth0"), zoned("eth1")));
}

TEST(AddressLoop, IsSeenThroughSpellings) {
  const auto at = [](std::string_view address) {
    return ListenAddress{.endpoint = parse_numeric_endpoint(address, 3000).value()};
  };
  EXPECT_TRUE(leads_to({"127.0.0.1", 3000}, at("127.0.0.1")));
  EXPECT_TRUE(leads_to({"127.0.0.5", 3000}, at("0.0.0.0")));
  EXPECT_TRUE(leads_to({"0:0::1", 3000}, at("::1")));
  EXPECT_TRUE(leads_to({"Localhost", 3000}, at("::1")));
  EXPECT_TRUE(leads_to({"localhost", 3000}, at("0.0.0.0")));
  const ListenAddress zoned{.endpoint = at("fe80::1").endpoint, .zone = "eth0"};
  EXPECT_TRUE(leads_to({"fe80::1%eth0", 3000}, zoned));
  EXPECT_FALSE(leads_to({"fe80::1%eth1", 3000}, zoned));
  EXPECT_FALSE(leads_to({"127.0.0.1", 3001}, at("127.0.0.1")));
  EXPECT_FALSE(leads_to({"10.0.0.1", 3000}, at("0.0.0.0")));
  EXPECT_FALSE(leads_to({"localhost", 3000}, at("10.0.0.1")));
  EXPECT_FALSE(leads_to({"bridge1", 3000}, at("127.0.0.1")));
}

TEST(CanonicalText, IsEqualForTwoSpellings) {
  EXPECT_EQ(canonical_text({"0:0::1", 5}), canonical_text({"::1", 5}));
  EXPECT_EQ(canonical_text({"Host.", 5}), canonical_text({"host", 5}));
  EXPECT_NE(canonical_text({"host", 5}), canonical_text({"host", 6}));
}

}  // namespace
}  // namespace mptunnel
