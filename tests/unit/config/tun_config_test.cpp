// The statements of the device for IP packets, at both ends.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mptunnel/config/config.h"

namespace mptunnel {
namespace {

template <typename Config>
std::vector<std::string> reasons_of(const ConfigResult<Config>& config) {
  std::vector<std::string> reasons;
  if (config) return reasons;
  for (const ConfigError& error : config.error())
    reasons.push_back(fmt::format("{}: {}", error.line, error.reason));
  return reasons;
}

std::vector<std::string> client_reasons(const std::string& statements, const TunConfig& tun = {}) {
  return reasons_of(parse_client_config("h 1\n" + statements, "c", {}, tun));
}

std::vector<std::string> server_reasons(const std::string& statements, const TunConfig& tun = {}) {
  return reasons_of(parse_server_config("listen 1\n" + statements, "s", {}, tun));
}

template <typename Value>
std::string text_of(const std::vector<Value>& values) {
  std::string text;
  for (const Value& value : values) text += value.to_string() + " ";
  return text;
}

using Reasons = std::vector<std::string>;

TEST(TunConfig, ThereIsNoDeviceUnlessToldSo) {
  const auto client = parse_client_config("h 1\n", "c");
  const auto server = parse_server_config("listen 1\ntarget h:1\n", "s");
  ASSERT_TRUE(client && server);
  EXPECT_FALSE(client->common.tun.is_on());
  EXPECT_FALSE(server->common.tun.is_on());
}

TEST(TunConfig, ClientReadsEveryStatement) {
  const auto config = parse_client_config(
      "h 1\ntun 10.42.42.2/24 fd00:42::2/64\ntun 10.43.0.2/30\ntun-name mpt0\ntun-mtu 1400\nmss-clamp no\n"
      "route 192.168.20.0/24 2001:db8::/32\nroute 10.9.8.7\nallow 192.168.10.0/24\nup ip  link show\n"
      "down /bin/true\n",
      "c");
  ASSERT_TRUE(config) << reasons_of(config).front();
  const TunConfig& tun = config->common.tun;
  EXPECT_TRUE(tun.is_on());
  EXPECT_FALSE(tun.is_automatic);
  EXPECT_EQ(text_of(tun.addresses), "10.42.42.2/24 fd00:42::2/64 10.43.0.2/30 ");
  EXPECT_EQ(tun.name, "mpt0");
  EXPECT_EQ(tun.mtu, 1400U);
  EXPECT_FALSE(tun.clamps_mss);
  EXPECT_EQ(text_of(config->routes), "192.168.20.0/24 2001:db8::/32 10.9.8.7/32 ");
  EXPECT_EQ(text_of(tun.allow), "192.168.10.0/24 ");
  EXPECT_EQ(tun.up, "ip link show");
  EXPECT_EQ(tun.down, "/bin/true");
}

TEST(TunConfig, ServerReadsEveryStatementAndNeedsNoTarget) {
  const auto config = parse_server_config(
      "listen 1\ntun 10.42.42.1/24\ntun-mtu auto\nmss-clamp yes\nallow 192.168.0.0/16\nclient-to-client "
      "yes\n",
      "s");
  ASSERT_TRUE(config) << reasons_of(config).front();
  EXPECT_FALSE(config->target);
  EXPECT_EQ(text_of(config->common.tun.addresses), "10.42.42.1/24 ");
  EXPECT_FALSE(config->common.tun.mtu);
  EXPECT_TRUE(config->common.tun.clamps_mss);
  EXPECT_EQ(text_of(config->common.tun.allow), "192.168.0.0/16 ");
  EXPECT_TRUE(config->client_to_client);
}

TEST(TunConfig, ServerMayHaveATargetBesides) {
  const auto config = parse_server_config("listen 1\ntarget h:9\ntun 10.42.42.1/24\n", "s");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->target, (HostPort{"h", 9}));
  EXPECT_FALSE(config->client_to_client);
}

TEST(TunConfig, DefaultIsAllOfBothFamilies) {
  const auto config = parse_client_config("h 1\ntun auto\nroute default\nroute 0.0.0.0/0\n", "c");
  ASSERT_FALSE(config);
  EXPECT_EQ(reasons_of(config), (Reasons{"4: '0.0.0.0/0' stands there already: write it once"}));
  const auto whole = parse_client_config("h 1\ntun auto\nroute default\n", "c");
  ASSERT_TRUE(whole);
  EXPECT_EQ(text_of(whole->routes), "0.0.0.0/0 ::/0 ");
  // What the tunnel sends has to be told from the rest.
  EXPECT_EQ(whole->fwmark, kTunMark);
  EXPECT_EQ(parse_client_config("h 1\ntun auto\nroute default\nfwmark 7\n", "c")->fwmark, 7U);
  EXPECT_EQ(parse_client_config("h 1\ntun auto\nroute 10.0.0.0/8\n", "c")->fwmark, 0U);
}

TEST(TunConfig, CommandLineWinsAndMakesADevice) {
  TunConfig given;
  given.addresses = {*parse_tun_address("10.0.0.2/24")};
  const auto config = parse_client_config("h 1\ntun auto\nroute default\n", "c", {}, given);
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->common.tun.is_automatic);
  EXPECT_EQ(text_of(config->common.tun.addresses), "10.0.0.2/24 ");
  EXPECT_EQ(client_reasons("route default\n", given), Reasons{});
  EXPECT_EQ(server_reasons("", given), Reasons{});
}

TEST(TunConfig, SaysWhatGoesWithNoDevice) {
  for (const std::string line : {"tun-name a", "tun-mtu auto", "mss-clamp yes", "route default",
                                 "allow 10.0.0.0/8", "up a", "down a"}) {
    const std::string word = line.substr(0, line.find(' '));
    EXPECT_EQ(
        client_reasons(line + "\n"),
        (Reasons{"2: '" + word +
                 "' is of an interface for IP packets, and there is none: write 'tun ADDRESS/PREFIX' as "
                 "well"}));
  }
  EXPECT_EQ(server_reasons("target h:1\nclient-to-client yes\n"),
            (Reasons{"3: 'client-to-client' is of an interface for IP packets, and there is none: write 'tun "
                     "ADDRESS/PREFIX' as well"}));
}

struct MistakeRow {
  const char* name;
  std::string statements;
  std::string reason;
};

void PrintTo(const MistakeRow& row, std::ostream* out) {
  *out << row.name;
}

class TunMistakes : public testing::TestWithParam<MistakeRow> {};

TEST_P(TunMistakes, OfTheClientAreSaid) {
  EXPECT_EQ(client_reasons(GetParam().statements), Reasons{GetParam().reason});
}

INSTANTIATE_TEST_SUITE_P(
    Rows, TunMistakes,
    testing::Values(
        MistakeRow{"NoAddress", "tun\n", "2: 'tun' says nothing: write 'tun ADDRESS/PREFIX...|auto'"},
        MistakeRow{"Comma", "tun 10.0.0.1/24,10.0.1.1/24\n",
                   "2: '10.0.0.1/24,10.0.1.1/24' has a comma: write blanks between several here"},
        MistakeRow{"Twice", "tun 10.0.0.1/24\ntun 10.0.0.1/24\n",
                   "3: '10.0.0.1/24' stands there already: write it once"},
        MistakeRow{
            "LinkLocal", "tun fe80::1/64\n",
            "2: 'fe80::1/64' is link-local, and no route leads there: write an address of a network of "
            "its own, as in 10.42.42.1/24 or fd00:42::1/64"},
        MistakeRow{
            "AutoBesideAnAddress", "tun 10.0.0.1/24\ntun auto\n",
            "3: 'tun auto' has mpserver choose all addresses: write that alone, or 'tun ADDRESS/PREFIX'"},
        MistakeRow{
            "AddressBesideAuto", "tun auto\ntun 10.0.0.1/24\n",
            "3: 'tun auto' has mpserver choose all addresses: write that alone, or 'tun ADDRESS/PREFIX'"},
        MistakeRow{"Fifth", "tun 10.0.0.1/24 10.0.1.1/24 10.0.2.1/24 10.0.3.1/24 10.0.4.1/24\n",
                   "2: '10.0.4.1/24' is one too many: 'tun' takes at most 4"},
        MistakeRow{"SlashInName", "tun auto\ntun-name a/b\n",
                   "3: 'a/b' is no name of a network interface: write 1 to 15 letters, digits and . _ -"},
        MistakeRow{
            "LongName", "tun auto\ntun-name sixteen-letters1\n",
            "3: 'sixteen-letters1' is no name of a network interface: write 1 to 15 letters, digits and "
            ". _ -"},
        MistakeRow{"DotsForAName", "tun auto\ntun-name ..\n",
                   "3: '..' is no name of a network interface: write 1 to 15 letters, digits and . _ -"},
        MistakeRow{"SmallMtuBesideIpv6", "tun fd00::1/64\ntun-mtu 1279\n",
                   "3: IPv6 needs an MTU of 1280 at least, and 'tun' has an IPv6 address"},
        MistakeRow{"ClampMaybe", "tun auto\nmss-clamp maybe\n",
                   "3: 'maybe' is neither yes nor no: write 'mss-clamp yes' or 'mss-clamp no'"},
        MistakeRow{"DefaultBesideOthers", "tun auto\nroute default 10.0.0.0/8\n",
                   "3: 'route default' is all there is: write it alone"},
        MistakeRow{"NoRoute", "tun auto\nroute\n",
                   "3: 'route' says nothing: write 'route PREFIX...|default'"},
        MistakeRow{"NoCommand", "tun auto\nup\n", "3: 'up' says nothing: write 'up COMMAND'"},
        MistakeRow{"LongCommand", "tun auto\ndown " + std::string(1025, 'a') + "\n",
                   "3: the command has 1025 bytes, and may have 1024: put it in a script"}),
    [](const auto& row) { return row.param.name; });

TEST(TunConfig, MtuIsInItsBounds) {
  for (const std::string mtu : {"575", "9001", "-1", "1400b"})
    EXPECT_EQ(client_reasons("tun auto\ntun-mtu " + mtu + "\n").size(), 1U) << mtu;
  for (const std::string mtu : {"576", "9000", "auto"})
    EXPECT_EQ(client_reasons("tun auto\ntun-mtu " + mtu + "\n"), Reasons{}) << mtu;
}

TEST(TunConfig, ServerGivesAddressesAndTakesNone) {
  EXPECT_EQ(server_reasons("tun auto\n"),
            (Reasons{"2: 'tun auto' is for mpclient: mpserver has the addresses to give, write 'tun "
                     "ADDRESS/PREFIX'"}));
  EXPECT_EQ(server_reasons("tun 10.0.0.1/24\nallow 0.0.0.0/0\n"),
            (Reasons{"3: '0.0.0.0/0' is everything, and no client can have that: name the networks behind "
                     "clients"}));
}

}  // namespace
}  // namespace mptunnel
