// No text, however broken, does harm: it gives a value that keeps its limits, or errors that a terminal can
// show.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "mptunnel/config/config.h"
#include "mptunnel/config/device_pattern.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

constexpr std::string_view kValidClient =
    "# a comment\nlisten localhost:3000\nlisten [::1]:3001\r\n1.1.1.1 4000 bind=10.0.0.1:5000 dev=eth0 "
    "name=a\n"
    "bridge [2001:db8::1] 4000 bind=2001:db8::2\nfe80::1%eth0 4001\nhost.example.net 65535\n"
    "key-file keys/k\nencrypt yes\nlog-level warning\nclient-id x_1\n"
    "h 1 dev=wlan*,usb? metered\ndev-exclude docker* br0\nmin-paths 2\nkeepalive 20\nresolve-interval 5m\n"
    "dscp none\ncontrol run/c\nlisten *:99";
constexpr std::string_view kValidServer =
    "# a comment\nlisten 2000\nlisten [::1]:2001\r\ntarget [::1]:1194\nkey-file keys/k\nencrypt yes\n"
    "log-level warning\nresolve-interval 5m\ndscp none\ncontrol run/c\nlisten *:99";

void expect_sound(const std::vector<ConfigError>& errors) {
  ASSERT_FALSE(errors.empty());
  ASSERT_LE(errors.size(), kMaxConfigErrors + 1);
  for (const ConfigError& error : errors) {
    EXPECT_GE(error.line, 1);
    EXPECT_FALSE(error.reason.empty());
    const std::string text = to_string(error);
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; })) << text;
    EXPECT_LT(text.size(), 1000U);
  }
}

/// Whether the text was accepted by either program.
bool expect_sound(std::string_view text) {
  bool accepted = false;
  if (const auto client = parse_client_config(text, "c"); !client) {
    expect_sound(client.error());
  } else {
    accepted = true;
    EXPECT_FALSE(client->listen.empty());
    EXPECT_FALSE(client->bridges.empty());
    EXPECT_LE(client->bridges.size(), kMaxBridges);
    EXPECT_LE(client->dev_exclude.size(), kMaxExcludedDevices);
    EXPECT_LE(client->common.control_path.size(), kMaxControlPathBytes);
    for (const BridgeConfig& bridge : client->bridges) {
      EXPECT_NE(bridge.remote.port, 0);
      EXPECT_FALSE(bridge.remote.host.empty());
      EXPECT_FALSE(bridge.name.empty());
      EXPECT_LE(bridge.devices.size(), kMaxDevicePatterns);
      EXPECT_FALSE(bridge.bind && is_pattern(bridge));
      EXPECT_TRUE(bridge.backup || !bridge.metered);
    }
  }
  if (const auto server = parse_server_config(text, "s"); !server) {
    expect_sound(server.error());
  } else {
    accepted = true;
    EXPECT_FALSE(server->listen.empty());
    EXPECT_TRUE(server->target || server->common.tun.is_on());
    if (server->target) {
      EXPECT_NE(server->target->port, 0);
    }
  }
  return accepted;
}

std::string mutated(std::string_view valid, test::TestRandom& random) {
  std::string text(valid);
  const std::uint64_t changes = 1 + random.below(6);
  for (std::uint64_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = random.below(text.size());
    const auto byte = static_cast<char>(random.u64());
    switch (random.below(5)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + random.below(8));
        break;
      case 3: {
        const std::size_t from = random.below(text.size());
        text.insert(at, text.substr(from, random.below(40)));
        break;
      }
      default:
        std::swap(text[at], text[random.below(text.size())]);
        break;
    }
  }
  return text;
}

class ConfigMutation : public testing::TestWithParam<std::string_view> {};

TEST_P(ConfigMutation, EveryTruncationIsSurvived) {
  const std::string_view valid = GetParam();
  EXPECT_TRUE(expect_sound(valid));
  for (std::size_t size = 0; size < valid.size(); ++size) expect_sound(valid.substr(0, size));
}

TEST_P(ConfigMutation, ChangesAreSurvived) {
  test::TestRandom random(3);
  int accepted = 0;
  for (int round = 0; round < 10000; ++round) accepted += expect_sound(mutated(GetParam(), random)) ? 1 : 0;
  // Both outcomes must have been seen, or the test proves nothing.
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 9900);
}

INSTANTIATE_TEST_SUITE_P(Files, ConfigMutation, testing::Values(kValidClient, kValidServer),
                         [](const auto& row) { return row.index == 0 ? "Client" : "Server"; });

TEST(ConfigRobustness, SurvivesRandomBytes) {
  test::TestRandom random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random.below(300), '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    expect_sound(text);
  }
}

TEST(ConfigRobustness, SurvivesRandomWordsOfTheGrammar) {
  constexpr std::array<std::string_view, 41> kParts{
      "listen",    "target",  "bridge",  "key-file",    "encrypt",   "cipher",    "offload",
      "log-level", "backup",  "metered", "dev-exclude", "min-paths", "keepalive", "resolve-interval",
      "dscp",      "control", "none",    "5m",          ",",         "client-id", "host",
      "1.1.1.1",   "::1",     "[::1]",   "4000",        "0",         "yes",       "no",
      "info",      "bind=",   "dev=",    "name=",       "=",         ":",         "*",
      "#",         "\n",      "\n",      " ",           " ",         "%"};
  test::TestRandom random(2);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    const std::uint64_t parts = random.below(60);
    for (std::uint64_t i = 0; i < parts; ++i) text += kParts.at(random.below(kParts.size()));
    expect_sound(text);
  }
}

TEST(ConfigRobustness, StaysQuickOnAFileOfTheLargestSize) {
  std::string text;
  while (text.size() + 8 <= kMaxConfigBytes) text += "a.b 1 x\n";
  expect_sound(text);
}

}  // namespace
}  // namespace mptunnel
