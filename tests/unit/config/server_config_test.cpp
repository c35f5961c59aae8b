#include <fmt/format.h>
#include <gtest/gtest.h>

#include "error_row.h"
#include "mptunnel/config/config.h"

namespace mptunnel {
namespace {

using test::error_row_name;
using test::ErrorRow;

std::vector<std::string> server_errors(std::string_view text) {
  std::vector<std::string> lines;
  const auto config = parse_server_config(text, "s");
  if (!config) {
    for (const ConfigError& error : config.error()) lines.push_back(to_string(error));
  }
  return lines;
}

TEST(ServerConfig, ReadsEveryStatement) {
  const auto config = parse_server_config(
      "listen 2000\nlisten [::1]:2001\ntarget vpn.lan:1194\nkey-file k\nencrypt yes\nlog-level error\n"
      "keys ring\nmax-clients 16384\nmax-clients-per-network 1\n",
      "/etc/s");
  ASSERT_TRUE(config);
  ASSERT_EQ(config->listen.size(), 3U);
  EXPECT_EQ(config->listen[0].endpoint.to_string(), "0.0.0.0:2000");
  EXPECT_EQ(config->listen[1].endpoint.to_string(), "[::]:2000");
  EXPECT_TRUE(config->listen[1].may_be_missing);
  EXPECT_EQ(config->listen[2].endpoint.to_string(), "[::1]:2001");
  EXPECT_EQ(config->target, (HostPort{"vpn.lan", 1194}));
  EXPECT_EQ(config->common.key_file, "/etc/k");
  EXPECT_EQ(config->keys, "/etc/ring");
  EXPECT_EQ(config->keys_line, 7);
  EXPECT_EQ(config->max_clients, 16384U);
  EXPECT_EQ(config->max_clients_per_network, 1U);
  EXPECT_EQ(config->common.encrypt, true);
  EXPECT_EQ(config->common.log_level, LogLevel::error);
}

class ServerConfigErrors : public testing::TestWithParam<ErrorRow> {};

TEST_P(ServerConfigErrors, SayWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(server_errors(GetParam().text), GetParam().errors);
}

constexpr std::string_view kGood = "listen 2000\ntarget h:1\n";

std::string after_good(std::string_view line) {
  return std::string(kGood) + std::string(line);
}

TEST(ServerConfig, ReadsResolveIntervalDscpAndControl) {
  const auto plain = parse_server_config(kGood, "s");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->common.resolve_interval, std::chrono::minutes{5});
  EXPECT_TRUE(plain->common.copy_dscp);
  EXPECT_TRUE(plain->common.has_control);
  const auto config =
      parse_server_config(after_good("resolve-interval 90\ndscp none\ncontrol c.sock"), "/etc/s");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->common.resolve_interval, std::chrono::seconds{90});
  EXPECT_FALSE(config->common.copy_dscp);
  EXPECT_EQ(config->common.control_path, "/etc/c.sock");
}

TEST(ServerConfig, ReadsCipherAndOffload) {
  const auto plain = parse_server_config(kGood, "s");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->common.cipher, CipherChoice::automatic);
  EXPECT_FALSE(plain->common.offload);
  const std::pair<std::string_view, CipherChoice> rows[] = {
      {"auto", CipherChoice::automatic},
      {"aes-256-gcm", CipherChoice::aes_256_gcm},
      {"chacha20-poly1305", CipherChoice::chacha20_poly1305}};
  for (const auto& [word, choice] : rows) {
    const auto config = parse_server_config(after_good(fmt::format("cipher {}\noffload no", word)), "s");
    ASSERT_TRUE(config) << word;
    EXPECT_EQ(config->common.cipher, choice);
    EXPECT_EQ(config->common.offload, false);
    EXPECT_EQ(config->common.offload_line, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ServerConfigErrors,
    testing::Values(
        ErrorRow{
            "Empty",
            "",
            {"s:1: there is no 'listen': write 'listen PORT' or 'listen ADDRESS:PORT'",
             "s:1: there is no 'target': write 'target HOST:PORT', or 'tun ADDRESS/PREFIX' for IP packets"}},
        ErrorRow{
            "NoTarget",
            "listen 2000\n",
            {"s:1: there is no 'target': write 'target HOST:PORT', or 'tun ADDRESS/PREFIX' for IP packets"}},
        ErrorRow{"MistakenOnesAreNotMissing",
                 "listen 0\ntarget h\n",
                 {"s:1: port '0' is out of range: write a number from 1 to 65535",
                  "s:2: 'h' has no port: write HOST:PORT"}},
        ErrorRow{"TargetInTwoWords",
                 "listen 2000\ntarget ::1 1194\n",
                 {"s:2: 'target' takes host and port in one word: write 'target [::1]:1194'"}},
        ErrorRow{"TargetTwice",
                 after_good("target h:2"),
                 {"s:3: 'target' stands on line 2 already: keep one of the two"}},
        ErrorRow{
            "TargetAlone", "listen 1\ntarget\n", {"s:2: 'target' says nothing: write 'target HOST:PORT'"}},
        ErrorRow{"Loop",
                 "listen 2000\ntarget 127.0.0.1:2000\n",
                 {"s:2: target 127.0.0.1:2000 is where this program itself listens: write the address of the "
                  "other "
                  "end"}},
        ErrorRow{"Bridge",
                 after_good("1.1.1.1 4000"),
                 {"s:3: bridges belong into mpclient.conf: mpserver is given 'listen PORT' and 'target "
                  "HOST:PORT'"}},
        ErrorRow{"BridgeStatement",
                 after_good("bridge h 4000"),
                 {"s:3: bridges belong into mpclient.conf: mpserver is given 'listen PORT' and 'target "
                  "HOST:PORT'"}},
        ErrorRow{"ClientId",
                 after_good("client-id x"),
                 {"s:3: 'client-id' belongs into mpclient.conf: mpserver has no use for it"}},
        ErrorRow{"PathsOfTheClient",
                 after_good("min-paths 2\nkeepalive 10\ndev-exclude eth0"),
                 {"s:3: 'min-paths' belongs into mpclient.conf: mpserver has no use for it",
                  "s:4: 'keepalive' belongs into mpclient.conf: mpserver has no use for it",
                  "s:5: 'dev-exclude' belongs into mpclient.conf: mpserver has no use for it"}},
        ErrorRow{"ResolveIntervalTooShort",
                 after_good("resolve-interval 1"),
                 {"s:3: '1' is out of range: write a duration from 5s to 24h"}},
        ErrorRow{"DscpWord",
                 after_good("dscp yes"),
                 {"s:3: 'yes' is neither copy nor none: write 'dscp copy' or 'dscp none'"}},
        ErrorRow{"ControlTwice",
                 after_good("control a\ncontrol b"),
                 {"s:4: 'control' stands on line 3 already: keep one of the two"}},
        ErrorRow{"Misspelt",
                 after_good("traget h:1"),
                 {"s:3: 'traget' is not a known statement: did you mean 'target'?"}},
        ErrorRow{
            "NoSuchCipher",
            after_good("cipher rot13"),
            {"s:3: 'rot13' is no cipher: write auto, aes-256-gcm or chacha20-poly1305 ('encrypt no' turns "
             "encryption off)"}},
        ErrorRow{"CipherAlone",
                 after_good("cipher"),
                 {"s:3: 'cipher' says nothing: write 'cipher auto|aes-256-gcm|chacha20-poly1305'"}},
        ErrorRow{"CipherTwice",
                 after_good("cipher auto\ncipher auto"),
                 {"s:4: 'cipher' stands on line 3 already: keep one of the two"}},
        ErrorRow{"OffloadMaybe",
                 after_good("offload maybe"),
                 {"s:3: 'maybe' is neither yes nor no: write 'offload yes' or 'offload no'"}},
        ErrorRow{"OffloadTwice",
                 after_good("offload no\noffload no"),
                 {"s:4: 'offload' stands on line 3 already: keep one of the two"}},
        ErrorRow{"Unknown",
                 after_good("foo bar"),
                 {"s:3: 'foo' is not a known statement: write one of listen, target, tun, tun-name, tun-mtu, "
                  "mss-clamp, allow, client-to-client, up, down, key-file, keys, "
                  "max-clients, max-clients-per-network, encrypt, "
                  "cipher, offload, log-level, resolve-interval, dscp, scheduler, repair, residual-loss, "
                  "repair-delay, "
                  "repair-budget, order, max-hold, control"}},
        ErrorRow{
            "CommandLineInAFile",
            "2000 127.0.0.1 1194\n",
            {"s:1: '2000' is not a known statement: write one of listen, target, tun, tun-name, tun-mtu, "
             "mss-clamp, allow, client-to-client, up, down, key-file, keys, "
             "max-clients, max-clients-per-network, encrypt, "
             "cipher, offload, log-level, resolve-interval, dscp, scheduler, repair, residual-loss, "
             "repair-delay, "
             "repair-budget, order, max-hold, control",
             "s:1: there is no 'listen': write 'listen PORT' or 'listen ADDRESS:PORT'",
             "s:1: there is no 'target': write 'target HOST:PORT', or 'tun ADDRESS/PREFIX' for IP packets"}}),
    error_row_name);

}  // namespace
}  // namespace mptunnel
