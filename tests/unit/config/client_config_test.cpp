#include <gtest/gtest.h>

#include "error_row.h"
#include "mptunnel/config/config.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::error_row_name;
using test::ErrorRow;

ClientConfig parsed(std::string_view text, std::string_view file = "mpclient.conf") {
  auto config = parse_client_config(text, file);
  if (!config) {
    ADD_FAILURE() << to_string(config.error().front());
    return {};
  }
  return std::move(*config);
}

std::vector<std::string> client_errors(std::string_view text, const KeyFileCheck& check = {}) {
  std::vector<std::string> lines;
  const auto config = parse_client_config(text, "c", check);
  if (!config) {
    for (const ConfigError& error : config.error()) lines.push_back(to_string(error));
  }
  return lines;
}

std::string repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

/// `count` bridges, all of them different.
std::string many_bridges(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "host " + std::to_string(4000 + i) + "\n";
  return text;
}

TEST(ClientConfig, ReadsTheFileOfTheToolItSucceeds) {
  const ClientConfig config = parsed("1.1.1.1 4000\nbridge1.myhost.com 4000\nbridge2.myhost.com 4000\n");
  ASSERT_EQ(config.bridges.size(), 3U);
  EXPECT_EQ(config.bridges[0].remote, (HostPort{"1.1.1.1", 4000}));
  EXPECT_EQ(config.bridges[1].remote, (HostPort{"bridge1.myhost.com", 4000}));
  EXPECT_EQ(config.bridges[2].remote, (HostPort{"bridge2.myhost.com", 4000}));
  EXPECT_EQ(config.bridges[2].name, "bridge2.myhost.com:4000");
  EXPECT_EQ(config.bridges[2].line, 3);
  EXPECT_FALSE(config.bridges[0].bind);
  EXPECT_TRUE(config.bridges[0].devices.empty());
  EXPECT_FALSE(config.bridges[0].backup);
  EXPECT_FALSE(config.bridges[0].metered);
}

TEST(ClientConfig, ListensOnLocalhostUnlessTold) {
  const ClientConfig config = parsed("h 1\n");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[0].endpoint.to_string(), "127.0.0.1:3000");
  EXPECT_FALSE(config.listen[0].may_be_missing);
  EXPECT_EQ(config.listen[1].endpoint.to_string(), "[::1]:3000");
  EXPECT_TRUE(config.listen[1].may_be_missing);
  EXPECT_EQ(config.client_id, "");
  EXPECT_EQ(config.common.key_file, "");
  EXPECT_FALSE(config.common.encrypt);
  EXPECT_FALSE(config.common.log_level);
}

TEST(ClientConfig, HasADefaultForEachOfThePathsStatements) {
  const ClientConfig config = parsed("h 1\n");
  EXPECT_TRUE(config.dev_exclude.empty());
  EXPECT_EQ(config.min_paths, 1U);
  EXPECT_EQ(config.keepalive, 10s);
  EXPECT_EQ(config.common.resolve_interval, 5min);
  EXPECT_TRUE(config.common.copy_dscp);
  EXPECT_TRUE(config.common.has_control);
  EXPECT_EQ(config.common.control_path, "");
}

TEST(ClientConfig, ReadsThePathsStatements) {
  const ClientConfig config = parsed(
      "h 1\ndev-exclude docker* veth?\nmin-paths 2\nkeepalive 25\ndev-exclude br0\nresolve-interval 1h\n"
      "dscp none\ncontrol run/c.sock\n",
      "/etc/c");
  EXPECT_EQ(config.dev_exclude, (std::vector<std::string>{"docker*", "veth?", "br0"}));
  EXPECT_EQ(config.min_paths, 2U);
  EXPECT_EQ(config.keepalive, 25s);
  EXPECT_EQ(config.common.resolve_interval, 1h);
  EXPECT_FALSE(config.common.copy_dscp);
  EXPECT_TRUE(config.common.has_control);
  EXPECT_EQ(config.common.control_path, "/etc/run/c.sock");
}

TEST(ClientConfig, TakesTheEndsOfEachRange) {
  const ClientConfig low = parsed("h 1\nmin-paths 1\nkeepalive 1\nresolve-interval 5s\ndscp copy\n");
  EXPECT_EQ(low.min_paths, 1U);
  EXPECT_EQ(low.keepalive, 1s);
  EXPECT_EQ(low.common.resolve_interval, 5s);
  EXPECT_TRUE(low.common.copy_dscp);
  const CommonConfig repaired =
      parsed("h 1\nrepair 12%\nresidual-loss 1e-4\nrepair-delay 50ms\nrepair-budget 20%\n").common;
  EXPECT_EQ(repaired.repair.mode, RepairConfig::Mode::fixed);
  EXPECT_DOUBLE_EQ(repaired.repair.share, 0.12);
  EXPECT_EQ(repaired.repair.residual, 1e-4);
  EXPECT_EQ(repaired.repair.delay, 50ms);
  EXPECT_DOUBLE_EQ(repaired.repair.budget, 0.2);
  EXPECT_EQ(parsed("h 1\nrepair no\n").common.repair.mode, RepairConfig::Mode::none);
  EXPECT_EQ(parsed("h 1\n").common.repair.mode, RepairConfig::Mode::automatic);
  EXPECT_EQ(parsed("h 1\norder auto\n").common.order.mode, OrderConfig::Mode::automatic);
  EXPECT_EQ(parsed("h 1\norder yes\n").common.order.mode, OrderConfig::Mode::always);
  EXPECT_EQ(parsed("h 1\norder no\n").common.order.mode, OrderConfig::Mode::none);
  EXPECT_EQ(parsed("h 1\n").common.order.mode, OrderConfig::Mode::automatic);
  EXPECT_EQ(parsed("h 1\nmax-hold 1000ms\n").common.order.max_hold, 1000ms);
  EXPECT_EQ(parsed("h 1\n").common.order.max_hold, 50ms);
  const ClientConfig high = parsed("h 1\nmin-paths 32\nkeepalive 60s\nresolve-interval 24h\n");
  EXPECT_EQ(high.min_paths, 32U);
  EXPECT_EQ(high.keepalive, 60s);
  EXPECT_EQ(high.common.resolve_interval, 24h);
}

TEST(ClientConfig, TakesAControlPathOrNone) {
  EXPECT_EQ(parsed("h 1\ncontrol /run/c\n", "/etc/c").common.control_path, "/run/c");
  EXPECT_EQ(parsed("h 1\ncontrol ./none\n", "c").common.control_path, "./none");
  const ClientConfig none = parsed("h 1\ncontrol none\n", "/etc/c");
  EXPECT_FALSE(none.common.has_control);
  EXPECT_EQ(none.common.control_path, "");
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(parsed("h 1\ncontrol " + longest + "\n").common.control_path, longest);
}

TEST(ClientConfig, TakesAStateFileOrNone) {
  const ClientConfig unset = parsed("h 1\n");
  EXPECT_TRUE(unset.has_state);
  EXPECT_EQ(unset.state_path, "");
  EXPECT_EQ(parsed("h 1\nstate /var/lib/s\n", "/etc/c").state_path, "/var/lib/s");
  EXPECT_EQ(parsed("h 1\nstate s\n", "/etc/c").state_path, "/etc/s");
  EXPECT_TRUE(parsed("h 1\nstate s\n", "/etc/c").has_state);
  EXPECT_EQ(parsed("h 1\nstate ./none\n", "c").state_path, "./none");
  const ClientConfig none = parsed("h 1\nstate none\n", "/etc/c");
  EXPECT_FALSE(none.has_state);
  EXPECT_EQ(none.state_path, "");
}

TEST(ClientConfig, ReadsBackupAndMetered) {
  const ClientConfig config = parsed("h 1 backup\nh 2 metered\nh 3 metered name=m backup\nh 4\n");
  ASSERT_EQ(config.bridges.size(), 4U);
  EXPECT_TRUE(config.bridges[0].backup);
  EXPECT_FALSE(config.bridges[0].metered);
  EXPECT_TRUE(config.bridges[1].backup);
  EXPECT_TRUE(config.bridges[1].metered);
  EXPECT_TRUE(config.bridges[2].backup);
  EXPECT_TRUE(config.bridges[2].metered);
  EXPECT_EQ(config.bridges[2].name, "m");
  EXPECT_FALSE(config.bridges[3].backup);
}

TEST(ClientConfig, ReadsInterfacesAndPatterns) {
  const ClientConfig config =
      parsed("h 1 dev=eth0\nh 1 dev=wlan*,usb?\nh 1 dev=*\nh 1 dev=a,b\nh 1\ndev-exclude usb1\n");
  ASSERT_EQ(config.bridges.size(), 5U);
  const auto& bridges = config.bridges;
  EXPECT_EQ(bridges[1].devices, (std::vector<std::string>{"wlan*", "usb?"}));
  EXPECT_EQ(bridges[1].name, "h:1@wlan*,usb?");
  EXPECT_EQ(bridges[2].name, "h:1@*");
  EXPECT_FALSE(is_pattern(bridges[0]));
  EXPECT_TRUE(is_pattern(bridges[1]));
  EXPECT_TRUE(is_pattern(bridges[2]));
  EXPECT_TRUE(is_pattern(bridges[3]));
  EXPECT_FALSE(is_pattern(bridges[4]));
  EXPECT_TRUE(matches_device(bridges[0], "eth0"));
  EXPECT_FALSE(matches_device(bridges[0], "eth01"));
  EXPECT_TRUE(matches_device(bridges[1], "wlan12"));
  EXPECT_TRUE(matches_device(bridges[1], "usb1"));
  EXPECT_FALSE(matches_device(bridges[1], "usb10"));
  EXPECT_TRUE(matches_device(bridges[2], "anything"));
  EXPECT_TRUE(matches_device(bridges[3], "b"));
  EXPECT_FALSE(matches_device(bridges[4], "eth0"));
  EXPECT_TRUE(is_excluded(config, "usb1"));
  EXPECT_FALSE(is_excluded(config, "usb2"));
}

TEST(ClientConfig, ReadsEveryStatement) {
  const ClientConfig config = parsed(
      "listen 10.0.0.1:3000\nlisten [::1]:3001\nkey-file keys/tunnel.key\nencrypt no\n"
      "log-level debug\nclient-id office-1\nbridge listen 4000\nbridge bridge 4000\n");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[0].endpoint.to_string(), "10.0.0.1:3000");
  EXPECT_EQ(config.listen[1].endpoint.to_string(), "[::1]:3001");
  EXPECT_EQ(config.listen[1].line, 2);
  EXPECT_EQ(config.common.key_file, "keys/tunnel.key");
  EXPECT_EQ(config.common.key_file_line, 3);
  EXPECT_EQ(config.common.encrypt, false);
  EXPECT_EQ(config.common.encrypt_line, 4);
  EXPECT_EQ(config.common.log_level, LogLevel::debug);
  EXPECT_EQ(config.client_id, "office-1");
  ASSERT_EQ(config.bridges.size(), 2U);
  EXPECT_EQ(config.bridges[0].remote.host, "listen");
  EXPECT_EQ(config.bridges[1].remote.host, "bridge");
}

TEST(ClientConfig, ReadsBridgeOptions) {
  const ClientConfig config = parsed(
      "h 1 bind=10.0.0.1\nh 1 bind=10.0.0.1:5000 dev=eth0 name=dsl\nh 1 dev=wwan0\n"
      "[2001:db8::1] 1 bind=[2001:db8::2]:5000\n2001:db8::1 2\n");
  ASSERT_EQ(config.bridges.size(), 5U);
  EXPECT_EQ(config.bridges[0].bind->to_string(), "10.0.0.1:0");
  EXPECT_EQ(config.bridges[0].name, "h:1@10.0.0.1");
  EXPECT_EQ(config.bridges[1].bind->to_string(), "10.0.0.1:5000");
  EXPECT_EQ(config.bridges[1].devices, (std::vector<std::string>{"eth0"}));
  EXPECT_EQ(config.bridges[1].name, "dsl");
  EXPECT_EQ(config.bridges[2].name, "h:1@wwan0");
  EXPECT_EQ(config.bridges[3].name, "[2001:db8::1]:1@[2001:db8::2]:5000");
  EXPECT_EQ(config.bridges[4].name, "[2001:db8::1]:2");
  EXPECT_EQ(config.bridges[4].remote.host, "2001:db8::1");
}

TEST(ClientConfig, TakesCrlfCommentsTabsByteOrderMarkAndMissingNewline) {
  const ClientConfig config =
      parsed("\xef\xbb\xbf# first\r\n\r\n\t1.1.1.1\t4000 # one\r\n  h 5#two\r\nlisten 3001");
  ASSERT_EQ(config.bridges.size(), 2U);
  EXPECT_EQ(config.bridges[1].remote.port, 5);
  EXPECT_EQ(config.bridges[1].line, 4);
  EXPECT_EQ(config.listen.front().endpoint.port, 3001);
}

TEST(ClientConfig, TakesHostsThatResembleStatements) {
  const ClientConfig config = parsed("listn 4000\ntarget 4000\nkey 4000\nbridge1 4000\nbind 4000\n");
  EXPECT_EQ(config.bridges.size(), 5U);
}

TEST(ClientConfig, ResolvesKeyFileAgainstFolderOfTheFile) {
  const std::string text = "h 1\nkey-file k\n";
  EXPECT_EQ(parsed(text, "c").common.key_file, "k");
  EXPECT_EQ(parsed(text, "/c").common.key_file, "/k");
  EXPECT_EQ(parsed(text, "/etc/mptunnel/c").common.key_file, "/etc/mptunnel/k");
  EXPECT_EQ(parsed(text, "../x/c").common.key_file, "../x/k");
  EXPECT_EQ(parsed("h 1\nkey-file /run/k\n", "/etc/c").common.key_file, "/run/k");
}

TEST(ClientConfig, TakesAsManyBridgesAsThereArePaths) {
  EXPECT_EQ(parsed(many_bridges(32)).bridges.size(), 32U);
}

class ClientConfigErrors : public testing::TestWithParam<ErrorRow> {};

TEST_P(ClientConfigErrors, SayWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(client_errors(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(
    Bridges, ClientConfigErrors,
    testing::Values(
        ErrorRow{"Empty", "", {"c:1: there is no bridge: write at least one line 'HOST PORT'"}},
        ErrorRow{
            "CommentsOnly", "# a\n# b\n\n", {"c:3: there is no bridge: write at least one line 'HOST PORT'"}},
        ErrorRow{
            "PortMissing", "1.1.1.1\n", {"c:1: bridge '1.1.1.1' has no port: write a bridge as 'HOST PORT'"}},
        ErrorRow{"PortMissingBeforeOption",
                 "h name=x\n",
                 {"c:1: bridge 'h' has no port: write a bridge as 'HOST PORT'"}},
        ErrorRow{"HostMissing", "4000\n", {"c:1: port '4000' has no host: write a bridge as 'HOST PORT'"}},
        ErrorRow{"OneWord",
                 "1.1.1.1:4000\n",
                 {"c:1: '1.1.1.1:4000' is a host and a port in one word: write them as two, '1.1.1.1 4000'"}},
        ErrorRow{"OneWordWithOption",
                 "h:4000 name=x\n",
                 {"c:1: 'h:4000' is a host and a port in one word: write them as two, 'h 4000'"}},
        ErrorRow{"OneWordAndWord",
                 "h:4000 name\n",
                 {"c:1: 'h:4000' is a host and a port in one word: write them as two, 'h 4000'"}},
        ErrorRow{"Swapped", "4000 1.1.1.1\n", {"c:1: the port stands before the host: write '1.1.1.1 4000'"}},
        ErrorRow{"PortIsNoNumber",
                 "1.1.1.1 openvpn\n",
                 {"c:1: 'openvpn' is not a port: write a number from 1 to 65535"}},
        ErrorRow{"PortOutOfRange",
                 "1.1.1.1 70000\n",
                 {"c:1: port '70000' is out of range: write a number from 1 to 65535"}},
        ErrorRow{"PortZero", "h 0\n", {"c:1: port '0' is out of range: write a number from 1 to 65535"}},
        ErrorRow{
            "BadHostAndBadPortAndBadOption",
            "1.1.1 0 nmae=x\n",
            {"c:1: '1.1.1' is not an IPv4 address: write four numbers from 0 to 255 with dots between them",
             "c:1: port '0' is out of range: write a number from 1 to 65535",
             "c:1: 'nmae=x' is not a known option: did you mean 'name='?"}},
        ErrorRow{"UnknownOption",
                 "h 1 colour=red\n",
                 {"c:1: 'colour=red' is not a known option: a bridge has bind=, dev=, name=, delay=, backup "
                  "and metered"}},
        ErrorRow{
            "MisspeltFlag", "h 1 bakcup\n", {"c:1: 'bakcup' is not a known option: did you mean 'backup'?"}},
        ErrorRow{"FlagWithValue",
                 "h 1 backup=yes metered=\n",
                 {"c:1: option 'backup' takes no value: write 'backup' alone",
                  "c:1: option 'metered' takes no value: write 'metered' alone"}},
        ErrorRow{"FlagTwice",
                 "h 1 metered metered\n",
                 {"c:1: option 'metered' stands twice on this line: keep one of the two"}},
        ErrorRow{
            "OptionWithoutEquals",
            "h 1 bind 10.0.0.1\n",
            {"c:1: option 'bind' says nothing: write it in one word without blanks, bind=ADDRESS or "
             "bind=ADDRESS:PORT",
             "c:1: '10.0.0.1' is one word too much: write a bridge as 'HOST PORT', with bind=, dev=, name=, "
             "delay=, backup or metered after it"}},
        ErrorRow{"OptionWithoutValue",
                 "h 1 dev=\n",
                 {"c:1: option 'dev' says nothing: write it in one word without blanks, dev=INTERFACE or "
                  "dev=PATTERN,PATTERN"}},
        ErrorRow{"OptionTwice",
                 "h 1 name=a name=b\n",
                 {"c:1: option 'name' stands twice on this line: keep one of the two"}},
        ErrorRow{"BadName",
                 "h 1 name=a/b\n",
                 {"c:1: 'a/b' is not a name: write up to 64 letters, digits and . _ - : @"}},
        ErrorRow{
            "BadDevice",
            "h 1 dev=a/b\n",
            {"c:1: 'a/b' is not the name of a network interface: write one of up to 15 characters that 'ip "
             "link' shows"}},
        ErrorRow{"BadPattern",
                 "h 1 dev=wlan*,a/*\n",
                 {"c:1: 'a/*' can't be the name of any network interface: write up to 15 characters that 'ip "
                  "link' shows, with '*' for any of them and '?' for any one"}},
        ErrorRow{"DeviceMissingBehindComma",
                 "h 1 dev=eth0,\n",
                 {"c:1: a comma has no interface on one of its sides: write dev=wlan0,usb*, without blanks"}},
        ErrorRow{"DeviceTwice", "h 1 dev=usb*,usb*\n", {"c:1: 'usb*' stands twice in dev=: write it once"}},
        ErrorRow{"TooManyDevices",
                 "h 1 dev=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n",
                 {"c:1: dev= has more than 16 interfaces: write patterns, as in dev=wlan*,usb*, or dev=*"}},
        ErrorRow{"BindWithPattern",
                 "h 1 bind=10.0.0.1 dev=wlan*\n",
                 {"c:1: bind= is for one path, and 'dev=wlan*' may be several: write dev= with the name of "
                  "one interface, or leave bind= out"}},
        ErrorRow{"BindPortWithPattern",
                 "h 1 dev=a,b bind=10.0.0.1:5\n",
                 {"c:1: bind= is for one path, and 'dev=a,b' may be several: write dev= with the name of one "
                  "interface, or leave bind= out"}},
        ErrorRow{"DuplicatePattern",
                 "h 1 dev=a*,b\nh 1 dev=b,a*\n",
                 {"c:2: bridge h:1 stands on line 1 already: keep one of the two, or let them differ in "
                  "bind=, dev= or name="}},
        ErrorRow{"BadBind",
                 "h 1 bind=eth0\n",
                 {"c:1: 'eth0' is not an address: write an IPv4 or IPv6 address of this host, and :PORT "
                  "after it or "
                  "nothing"}},
        ErrorRow{
            "BindOfOtherFamily",
            "1.1.1.1 4000 bind=::1\n",
            {"c:1: an IPv4 bridge can't be reached from the IPv6 address ::1: bind to an address of the same "
             "kind"}},
        ErrorRow{"Duplicate",
                 "Host 1\nother 1\nhost 1\n",
                 {"c:3: bridge host:1 stands on line 1 already: keep one of the two, or let them differ in "
                  "bind=, dev= or name="}},
        ErrorRow{"DuplicateOfOtherSpelling",
                 "::1 1\n[0:0::1] 1\n",
                 {"c:2: bridge [0:0::1]:1 stands on line 1 already: keep one of the two, or let them differ "
                  "in bind=, dev= or name="}},
        ErrorRow{"DuplicateName",
                 "h 1 name=a\nh 2 name=a\n",
                 {"c:2: the bridge on line 1 is called 'a' already: write another name="}},
        ErrorRow{"NameOfAnother",
                 "h 1\nh 2 name=h:1\n",
                 {"c:2: the bridge on line 1 is called 'h:1' already: write another name="}},
        ErrorRow{
            "BindTwice",
            "h 1 bind=10.0.0.1:5\nh 2 bind=10.0.0.1:5\n",
            {"c:2: 10.0.0.1:5 is bound to by the bridge on line 1 already: give each its own port, or none"}},
        ErrorRow{
            "BindToListen",
            "h 1 bind=127.0.0.1:3000\n",
            {"c:1: bind=127.0.0.1:3000 is where this program listens for applications: take another port"}},
        ErrorRow{"Loop",
                 "localhost 3000\n",
                 {"c:1: bridge localhost:3000 is where this program itself listens: write the address of the "
                  "other "
                  "end"}},
        ErrorRow{"TooMany", many_bridges(34), {"c:33: this is bridge 33: write at most 32"}},
        ErrorRow{"BridgeAlone", "bridge\n", {"c:1: 'bridge' says nothing: write a bridge as 'HOST PORT'"}},
        ErrorRow{"BridgeWithPortAlone",
                 "bridge 4000\n",
                 {"c:1: port '4000' has no host: write a bridge as 'HOST PORT'"}}),
    error_row_name);

INSTANTIATE_TEST_SUITE_P(
    Statements, ClientConfigErrors,
    testing::Values(
        ErrorRow{"Misspelt",
                 "h 1\nlissten x:3000\n",
                 {"c:2: 'lissten' is not a known statement: did you mean "
                  "'listen'?"}},
        ErrorRow{"MisspeltBeforeNoPort",
                 "h 1\nencript 0\n",
                 {"c:2: 'encript' is not a known statement: did you mean "
                  "'encrypt'?"}},
        ErrorRow{"OtherLetterCase",
                 "h 1\nListen 3000\n",
                 {"c:2: 'Listen' is not known: write 'listen' in small "
                  "letters"}},
        ErrorRow{"EqualsSign",
                 "h 1\nlog-level=info\n",
                 {"c:2: 'log-level=info' has a '=' behind 'log-level': write a "
                  "blank instead"}},
        ErrorRow{"Colon",
                 "h 1\nencrypt: no\n",
                 {"c:2: 'encrypt:' has a ':' behind 'encrypt': write a blank instead"}},
        ErrorRow{"EqualsSignAlone",
                 "h 1\nencrypt = no\n",
                 {"c:2: 'encrypt' takes no '=': write 'encrypt yes' or "
                  "'encrypt no'"}},
        ErrorRow{"ServersStatement",
                 "h 1\ntarget 127.0.0.1:1194\n",
                 {"c:2: 'target' belongs into mpserver.conf: "
                  "mpclient is given bridges, as 'HOST PORT'"}},
        ErrorRow{"ListenAlone", "h 1\nlisten\n", {"c:2: 'listen' says nothing: write 'listen ADDRESS:PORT'"}},
        ErrorRow{"ListenInTwoWords",
                 "h 1\nlisten 127.0.0.1 3000\n",
                 {"c:2: 'listen' takes one word, and '3000' is too "
                  "much: write 'listen ADDRESS:PORT'"}},
        ErrorRow{"ListenBad",
                 "h 1\nlisten 0\n",
                 {"c:2: port '0' is out of range: write a number from 1 to 65535"}},
        ErrorRow{"ListenTwice",
                 "h 1\nlisten 3000\nlisten 127.0.0.1:3000\n",
                 {"c:3: 127.0.0.1:3000 is taken by "
                  "'listen' on line 2 already: keep one "
                  "of the two"}},
        ErrorRow{"ListenCovered",
                 "h 1\nlisten 0.0.0.0:3000\nlisten 10.0.0.1:3000\n",
                 {"c:3: 10.0.0.1:3000 is taken "
                  "by 'listen' on line 2 "
                  "already: keep one of the "
                  "two"}},
        ErrorRow{"EncryptWord",
                 "h 1\nencrypt true\n",
                 {"c:2: 'true' is neither yes nor no: write 'encrypt yes' or "
                  "'encrypt no'"}},
        ErrorRow{"EncryptTwice",
                 "h 1\nencrypt yes\nencrypt yes\n",
                 {"c:3: 'encrypt' stands on line 2 already: keep "
                  "one of the two"}},
        ErrorRow{"LogLevel",
                 "h 1\nlog-level loud\n",
                 {"c:2: 'loud' is not a log level: write debug, info, warning or "
                  "error"}},
        ErrorRow{"LogLevelTwice",
                 "h 1\nlog-level info\nlog-level info\n",
                 {"c:3: 'log-level' stands on line 2 "
                  "already: keep one of the two"}},
        ErrorRow{"ClientId",
                 "h 1\nclient-id a/b\n",
                 {"c:2: 'a/b' is not a client-id: write up to 64 letters, digits "
                  "and . _ - : @"}},
        ErrorRow{"ClientIdTwice",
                 "h 1\nclient-id a\nclient-id b\n",
                 {"c:3: 'client-id' stands on line 2 already: "
                  "keep one of the two"}},
        ErrorRow{"KeyFileAlone", "h 1\nkey-file\n", {"c:2: 'key-file' says nothing: write 'key-file FILE'"}},
        ErrorRow{"KeyFileTwice",
                 "h 1\nkey-file a\nkey-file b\n",
                 {"c:3: 'key-file' stands on line 2 already: keep "
                  "one of the two"}},
        ErrorRow{"KeyFileWithTilde",
                 "h 1\nkey-file ~/k\n",
                 {"c:2: '~/k' starts with a '~', which has no meaning "
                  "here: write the plain path"}},
        ErrorRow{"KeyFileQuoted",
                 "h 1\nkey-file \"k\"\n",
                 {"c:2: '\"k\"' starts with a '\"', which has no meaning "
                  "here: write the plain path"}},
        ErrorRow{
            "KeyInPlaceOfFile",
            "h 1\nkey-file " + std::string(43, 'A') + "=\n",
            {"c:2: 'key-file' is followed by a key itself: put the key in a file that only you can read, and "
             "write that file's name here"}},
        ErrorRow{
            "KeyStatement",
            "h 1\nkey " + std::string(43, 'A') + "=\n",
            {"c:2: a key never stands in a configuration: put it in a file that only you can read, and write "
             "'key-file FILE'"}},
        ErrorRow{
            "KeyWithEquals",
            "h 1\nPSK=" + std::string(43, 'A') + "=\n",
            {"c:2: a key never stands in a configuration: put it in a file that only you can read, and write "
             "'key-file FILE'"}},
        ErrorRow{
            "KeyAlone",
            "h 1\n" + std::string(43, 'A') + "=\n",
            {"c:2: a key never stands in a configuration: put it in a file that only you can read, and write "
             "'key-file FILE'"}}),
    error_row_name);

INSTANTIATE_TEST_SUITE_P(
    PathStatements, ClientConfigErrors,
    testing::Values(
        ErrorRow{"DevExcludeAlone",
                 "h 1\ndev-exclude\n",
                 {"c:2: 'dev-exclude' says nothing: write 'dev-exclude INTERFACE...'"}},
        ErrorRow{"DevExcludeWithComma",
                 "h 1\ndev-exclude a,b c,d\n",
                 {"c:2: 'a,b' has a comma: write blanks between interfaces here",
                  "c:2: 'c,d' has a comma: write blanks between interfaces here"}},
        ErrorRow{"DevExcludeBad",
                 "h 1\ndev-exclude docker0 1234567890123456*\n",
                 {"c:2: '1234567890123456*' can't be the name of any network interface: write up to 15 "
                  "characters that 'ip link' shows, with '*' for any of them and '?' for any one"}},
        ErrorRow{"DevExcludeTooMany",
                 "h 1\ndev-exclude " + repeated("x* ", 40) + "\ndev-exclude " + repeated("y ", 30) + "\n",
                 {"c:3: 'y' is one too many: exclude at most 64 interfaces, or write patterns"}},
        ErrorRow{"MinPathsAlone", "h 1\nmin-paths\n", {"c:2: 'min-paths' says nothing: write 'min-paths N'"}},
        ErrorRow{"MinPathsNoNumber",
                 "h 1\nmin-paths all\n",
                 {"c:2: 'all' is not a number: write one from 1 to 32"}},
        ErrorRow{
            "MinPathsZero", "h 1\nmin-paths 0\n", {"c:2: '0' is out of range: write a number from 1 to 32"}},
        ErrorRow{"MinPathsTooMany",
                 "h 1\nmin-paths 33\n",
                 {"c:2: '33' is out of range: write a number from 1 to 32"}},
        ErrorRow{"MinPathsTwice",
                 "h 1\nmin-paths 2\nmin-paths 2\n",
                 {"c:3: 'min-paths' stands on line 2 already: keep one of the two"}},
        ErrorRow{"KeepaliveAlone",
                 "h 1\nkeepalive\n",
                 {"c:2: 'keepalive' says nothing: write 'keepalive SECONDS'"}},
        ErrorRow{"KeepaliveTwoWords",
                 "h 1\nkeepalive 10 60\n",
                 {"c:2: 'keepalive' takes one word, and '60' is too much: write 'keepalive SECONDS'"}},
        ErrorRow{"KeepaliveZero",
                 "h 1\nkeepalive 0\n",
                 {"c:2: '0' is out of range: write a duration from 1s to 1m"}},
        ErrorRow{"KeepaliveTooLong",
                 "h 1\nkeepalive 61\n",
                 {"c:2: '61' is out of range: write a duration from 1s to 1m"}},
        ErrorRow{
            "KeepaliveNoNumber",
            "h 1\nkeepalive 1.5\n",
            {"c:2: '1.5' is not a duration: write a number of seconds, or a number with s, m or h behind "
             "it"}},
        ErrorRow{"KeepaliveTwice",
                 "h 1\nkeepalive 5\nkeepalive 6\n",
                 {"c:3: 'keepalive' stands on line 2 already: keep one of the two"}},
        ErrorRow{"ResolveIntervalAlone",
                 "h 1\nresolve-interval\n",
                 {"c:2: 'resolve-interval' says nothing: write 'resolve-interval DURATION'"}},
        ErrorRow{"ResolveIntervalTooShort",
                 "h 1\nresolve-interval 4s\n",
                 {"c:2: '4s' is out of range: write a duration from 5s to 24h"}},
        ErrorRow{"ResolveIntervalTooLong",
                 "h 1\nresolve-interval 25h\n",
                 {"c:2: '25h' is out of range: write a duration from 5s to 24h"}},
        ErrorRow{"ResolveIntervalOfOtherUnit",
                 "h 1\nresolve-interval 1d\n",
                 {"c:2: '1d' is not a duration: write a number of seconds, or a number with s, m or h behind "
                  "it"}},
        ErrorRow{"ResolveIntervalTwice",
                 "h 1\nresolve-interval 10\nresolve-interval 20\n",
                 {"c:3: 'resolve-interval' stands on line 2 already: keep one of the two"}}),
    error_row_name);

INSTANTIATE_TEST_SUITE_P(
    DscpAndControl, ClientConfigErrors,
    testing::Values(
        ErrorRow{
            "RepairWord",
            "h 1\nrepair maybe\n",
            {"c:2: 'maybe' is not a share: write a number with % behind it, like 5%; or 'repair auto' or "
             "'repair no'"}},
        ErrorRow{"RepairTwice",
                 "h 1\nrepair no\nrepair auto\n",
                 {"c:3: 'repair' stands on line 2 already: keep one of the two"}},
        ErrorRow{"ResidualOfNothing",
                 "h 1\nresidual-loss 0\n",
                 {"c:2: '0' is out of range: write a share from 1e-09 to 0.1"}},
        ErrorRow{"RepairDelayInSeconds",
                 "h 1\nrepair-delay 1s\n",
                 {"c:2: '1s' is not a time: write a number of milliseconds, like 20ms"}},
        ErrorRow{"RepairBudgetOfTooMuch",
                 "h 1\nrepair-budget 400%\n",
                 {"c:2: '400%' is out of range: write a share from 0.1% to 300%"}},
        ErrorRow{"OrderMaybe", "h 1\norder maybe\n", {"c:2: 'maybe' is not 'yes', 'no' or 'auto'"}},
        ErrorRow{"OrderAlone", "h 1\norder\n", {"c:2: 'order' says nothing: write 'order auto|yes|no'"}},
        ErrorRow{"HoldOfNothing",
                 "h 1\nmax-hold 0ms\n",
                 {"c:2: '0ms' is out of range: write a time from 1ms to 1000ms"}},
        ErrorRow{"DscpAlone", "h 1\ndscp\n", {"c:2: 'dscp' says nothing: write 'dscp copy' or 'dscp none'"}},
        ErrorRow{"DscpWord",
                 "h 1\ndscp 46\n",
                 {"c:2: '46' is neither copy nor none: write 'dscp copy' or 'dscp none'"}},
        ErrorRow{"DscpTwice",
                 "h 1\ndscp copy\ndscp copy\n",
                 {"c:3: 'dscp' stands on line 2 already: keep one of the two"}},
        ErrorRow{"ControlAlone",
                 "h 1\ncontrol\n",
                 {"c:2: 'control' says nothing: write 'control FILE' or 'control none'"}},
        ErrorRow{"ControlTwice",
                 "h 1\ncontrol a\ncontrol none\n",
                 {"c:3: 'control' stands on line 2 already: keep one of the two"}},
        ErrorRow{"ControlWithTilde",
                 "h 1\ncontrol ~/c\n",
                 {"c:2: '~/c' starts with a '~', which has no meaning here: write the plain path"}},
        ErrorRow{"ControlIsFolder",
                 "h 1\ncontrol /run/\n",
                 {"c:2: '/run/' is a folder: write the path of a file in it"}},
        ErrorRow{"ControlIsABridge",
                 "h 1\ncontrol 4000\n",
                 {"c:2: 'control 4000' is no path: write 'bridge control 4000' for a bridge, or 'control "
                  "./4000' for a file"}},
        ErrorRow{"ControlTooLong",
                 "h 1\ncontrol /" + std::string(107, 'x') + "\n",
                 {"c:2: the path '/" + std::string(79, 'x') +
                  "...' has 108 bytes, and a UNIX socket's has at most 107: write a shorter one"}}),
    error_row_name);

INSTANTIATE_TEST_SUITE_P(
    State, ClientConfigErrors,
    testing::Values(
        ErrorRow{"Alone", "h 1\nstate\n", {"c:2: 'state' says nothing: write 'state FILE' or 'state none'"}},
        ErrorRow{"Twice",
                 "h 1\nstate none\nstate none\n",
                 {"c:3: 'state' stands on line 2 already: keep one of the two"}},
        ErrorRow{"WithTilde",
                 "h 1\nstate ~/s\n",
                 {"c:2: '~/s' starts with a '~', which has no meaning here: write the plain path"}},
        ErrorRow{"IsFolder",
                 "h 1\nstate /var/lib/\n",
                 {"c:2: '/var/lib/' is a folder: write the path of a file in it"}},
        ErrorRow{"IsABridge",
                 "h 1\nstate 4000\n",
                 {"c:2: 'state 4000' is no path: write 'bridge state 4000' for a bridge, or 'state ./4000' "
                  "for a file"}}),
    error_row_name);

INSTANTIATE_TEST_SUITE_P(
    Files, ClientConfigErrors,
    testing::Values(
        ErrorRow{"Nul",
                 std::string("h 1\nh\0 2\n", 9),
                 {"c:2: byte 2 of the line is 0x00, which is no text: write a "
                  "plain text file"}},
        ErrorRow{"Escape",
                 "h 1\n# \x1b[2J\n",
                 {"c:2: byte 3 of the line is 0x1b, which is no text: write a plain "
                  "text file"}},
        ErrorRow{"CarriageReturnInside",
                 "h 1\rh 2\n",
                 {"c:1: byte 4 of the line is 0x0d, which is no text: write a "
                  "plain text file"}},
        ErrorRow{"NoBreakSpace",
                 "h 1\nkeepalive\xc2\xa0"
                 "20\n",
                 {"c:2: byte 10 of the line is a no-break space (U+00A0), which is no blank here: "
                  "write a plain blank, or none"}},
        ErrorRow{"ZeroWidthSpaceInAWord",
                 "h 1\nkeep\xe2\x80\x8b"
                 "alive 20 # \xc2\xa0\n",
                 {"c:2: byte 5 of the line is a zero width space (U+200B), which is no blank here: "
                  "write a plain blank, or none"}},
        ErrorRow{"CommentsOfOtherFiles",
                 "; a comment\nh 1 ; too\n// a comment\n//one\nlisten 3000 // too\nh 2 //too\n",
                 {"c:1: ';' begins no comment here: write '#' instead",
                  "c:2: ';' begins no comment here: write '#' instead",
                  "c:3: '//' begins no comment here: write '#' instead",
                  "c:4: '//' begins no comment here: write '#' instead",
                  "c:5: '//' begins no comment here: write '#' instead",
                  "c:6: '//' begins no comment here: write '#' instead"}},
        ErrorRow{"Utf16",
                 std::string("\xff\xfeh\0", 4),
                 {"c:1: the file is UTF-16: save it as plain text or UTF-8"}},
        ErrorRow{"LongLine",
                 "h 1\n#" + std::string(4096, 'x'),
                 {"c:2: the line has 4097 bytes: write at most 4096"}},
        ErrorRow{"HugeFile",
                 std::string((1U << 20U) + 1, '\n'),
                 {"c:1: the file has 1048577 bytes: a configuration has at most 1048576"}},
        ErrorRow{"AllAtOnceInOrderOfLines",
                 "h 1\nh 1\nlisten x\nh 0\nencrypt 5\n",
                 {"c:2: bridge h:1 stands on line 1 already: keep one of the two, or let them "
                  "differ in bind=, dev= or name=",
                  "c:3: 'x' has no port: write ADDRESS:PORT",
                  "c:4: port '0' is out of range: write a number from 1 to 65535",
                  "c:5: '5' is neither yes nor no: write 'encrypt yes' or 'encrypt no'"}}),
    error_row_name);

TEST(ClientConfig, BlanksThatOnlyLookLikeOneMayStandInComments) {
  EXPECT_TRUE(client_errors("\xef\xbb\xbfh 1 # not\xc2\xa0here ; nor // here\nkey-file //etc/k\n").empty());
}

TEST(ClientConfig, LinesThatDifferInTheirNamesAloneAreTwoPaths) {
  const ClientConfig config = parsed("h 1 name=a\nh 1 name=b\nh 1\nh 1 dev=a*\nh 1 dev=a* name=c\n");
  ASSERT_EQ(config.bridges.size(), 5U);
  EXPECT_EQ(config.bridges[1].name, "b");
  EXPECT_EQ(config.bridges[2].name, "h:1");
}

TEST(ClientConfig, LinkLocalAddressNeedsItsInterface) {
  EXPECT_TRUE(client_errors("fe80::1%eth0 1\nfe80::1 2 dev=eth0\nfe80::2 3 dev=eth0 bind=fe80::3\n").empty());
  EXPECT_EQ(client_errors("[fe80::1] 1\nh 2 bind=fe80::2\nlisten [fe80::3]:5\n"),
            (std::vector<std::string>{
                "c:1: 'fe80::1' is link-local, another host on each link: write its interface too, as in "
                "'fe80::1%eth0', or dev=eth0",
                "c:2: bind=fe80::2 is link-local, an address of each link: write its interface too, as in "
                "'bind=fe80::2%eth0', or dev=eth0",
                "c:3: '[fe80::3]' is link-local, an address of each link: write its interface too, as in "
                "'fe80::3%eth0'"}));
}

TEST(ClientConfig, InterfaceOfALinkLocalBindIsThatOfTheBridge) {
  const ClientConfig config = parsed(
      "fe80::1%eth0 1 bind=fe80::2%eth0\nfe80::1 2 dev=eth1 bind=[fe80::2%eth1]:5\nh 3 bind=fe80::2%2\n");
  EXPECT_EQ(config.bridges[0].devices, std::vector<std::string>{"eth0"});
  EXPECT_EQ(config.bridges[0].name, "[fe80::1%eth0]:1@eth0@fe80::2");
  EXPECT_EQ(config.bridges[1].bind->to_string(), "[fe80::2]:5");
  EXPECT_TRUE(config.bridges[2].devices.empty());
  EXPECT_EQ(
      client_errors("h 1 bind=fe80::2%eth0 dev=eth1\nlisten [fe80::2%eth0]:5\nh 2 bind=[fe80::2%eth0]:5\n"),
      (std::vector<std::string>{
          "c:1: bind= is an address of 'eth0', and dev= names another interface: leave one of the two "
          "out",
          "c:3: bind=[fe80::2]:5 is where this program listens for applications: take another port"}));
}

TEST(ClientConfig, LinkLocalListenAddressHasItsInterfaceByName) {
  const ClientConfig config = parsed("listen [fe80::1%eth0]:5\nlisten [fe80::1%eth1]:5\nh 1\n");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(to_string(config.listen[1]), "[fe80::1%eth1]:5");
  EXPECT_EQ(config.listen[1].zone, "eth1");
  EXPECT_EQ(config.listen[1].endpoint.scope, 0U);
  EXPECT_EQ(client_errors("listen [fe80::1%eth0]:5\nlisten [fe80::1%eth0]:5\nfe80::1%eth0 5\n").size(), 2U);
}

TEST(ClientConfig, DelayIsInMilliseconds) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parsed("h 1 delay=60\n").bridges[0].delay, milliseconds(60));
  EXPECT_EQ(parsed("h 1 delay=2000ms\n").bridges[0].delay, milliseconds(2000));
  EXPECT_EQ(parsed("h 1\n").bridges[0].delay, milliseconds(0));
  for (const char* const value : {"0", "2001", "1s", "ms", "-1", "5.5"}) {
    EXPECT_EQ(client_errors(std::string("h 1 delay=") + value + "\n"),
              std::vector<std::string>{std::string("c:1: delay='") + value +
                                       "': write milliseconds, from 1 to 2000"});
  }
}

TEST(ClientConfig, WarnIsALogLevel) {
  EXPECT_EQ(parsed("h 1\nlog-level warn\n").common.log_level, LogLevel::warning);
}

TEST(ClientConfig, TakesALineOfTheLargestLength) {
  EXPECT_TRUE(client_errors("h 1\n#" + std::string(4095, 'x') + "\r\n").empty());
}

TEST(ClientConfig, CountsMistakesBeyondTheFirstHundred) {
  const auto errors = client_errors(repeated("x\n", 250));
  ASSERT_EQ(errors.size(), 101U);
  EXPECT_EQ(errors[99], "c:100: bridge 'x' has no port: write a bridge as 'HOST PORT'");
  EXPECT_EQ(errors[100], "c:100: and 150 more mistakes: correct the ones above first");
}

TEST(ClientConfig, LimitsAddressesToListenOn) {
  std::string text = "h 1\n";
  for (int i = 0; i < 16; ++i) text += "listen 127.0.0.1:" + std::to_string(5000 + i) + "\n";
  EXPECT_TRUE(client_errors(text).empty());
  const auto errors = client_errors(text + "listen 127.0.0.1:6000\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0], "c:18: 127.0.0.1:6000 is one too many: listen on at most 16 addresses, or on '*'");
}

TEST(ClientConfig, TellsABadKeyFileAmongTheOtherMistakes) {
  std::vector<std::string> asked;
  const KeyFileCheck check = [&asked](const std::string& path) -> std::optional<std::string> {
    asked.push_back(path);
    return "others may read it: chmod 600 k";
  };
  const auto errors = client_errors("key-file k\nh 0\n", check);
  EXPECT_EQ(asked, (std::vector<std::string>{"k"}));
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0], "c:1: others may read it: chmod 600 k");
}

TEST(ClientConfig, MarkIsDecimalOrHexadecimal) {
  EXPECT_EQ(parsed("host 4000").fwmark, 0U);
  EXPECT_EQ(parsed("host 4000\nfwmark 100").fwmark, 100U);
  EXPECT_EQ(parsed("host 4000\nfwmark 0x64").fwmark, 100U);
  EXPECT_EQ(parsed("host 4000\nfwmark 0XFFFFffff").fwmark, 0xffffffffU);
  for (const std::string wrong : {"0", "0x", "0x100000000", "4294967296", "-1", "64h", "0x-1", "x", "1 2"})
    EXPECT_EQ(client_errors("host 4000\nfwmark " + wrong).size(), 1U) << wrong;
}

}  // namespace
}  // namespace mptunnel
