#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>

#include "mptunnel/apps/start.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/control/control_path.h"
#include "mptunnel/crypto/kdf.h"
#include "start_support.h"
#include "support/temporary_folder.h"
#include "support/variable.h"

namespace mptunnel {
namespace {

using test::kKeyOfZeros;
using test::TemporaryFolder;
using test::with_config;

TEST(RenderCheck, SaysWhatMpclientUnderstood) {
  const TemporaryFolder folder;
  const std::string config = folder.write(
      "c",
      "1.1.1.1 4000\nh 1 dev=wwan0 bind=10.0.0.1:5 name=m metered\nclient-id me\nencrypt no\nlisten *:99\n"
      "h 2 dev=wlan*,usb? backup\ndev-exclude docker* br0\nmin-paths 2\nkeepalive 60\n"
      "resolve-interval 90\ndscp none\ncontrol /run/c\n");
  CommandLine line = with_config(config);
  line.daemon = true;
  line.pid_file = "/run/p";
  line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
  const auto start = load_client_start(line);
  ASSERT_TRUE(start);
  EXPECT_EQ(render_check(*start),
            config + ": no mistakes\n" +
                "listen      0.0.0.0:99\n"
                "listen      [::]:99 (where this host has IPv6)\n"
                "bridge      1.1.1.1:4000, called 1.1.1.1:4000\n"
                "bridge      h:1 from 10.0.0.1:5 over wwan0, called m, metered\n"
                "bridge      h:2 over each of wlan*, usb?, called h:2@wlan*,usb?, backup\n"
                "dev-exclude docker*, br0\n"
                "min-paths   2\n"
                "keepalive   every 1m\n"
                "client-id   me\n"
                "resolve     every 90s\n"
                "dscp        none\n"
                "key         set (MPTUNNEL_KEY)\n"
                "key         fingerprint " +
                key_fingerprint(SecretKey{}) +
                "\n"
                "encryption  no (" +
                config +
                ":4)\n"
                "offload     yes (default)\n"
                "log level   info\n"
                "scheduler   copies: each datagram by all paths\n"
                "repair      no: nothing is repaired in the clear\n"
                "order       no: nothing is numbered in the clear\n"
                "daemon      yes\n"
                "pid file    /run/p\n"
                "control     /run/c\n");
}

TEST(RenderCheck, SaysWhatMpserverUnderstood) {
  const char* const words[] = {"mpserver", "--listen", "::1", "2000", "vpn.lan", "1194"};
  const auto line = parse_command_line(Program::mpserver, 6, words, {}, "1");
  ASSERT_TRUE(line);
  const auto start = load_server_start(*line);
  ASSERT_TRUE(start);
  EXPECT_EQ(
      render_check(*start),
      "command line: no mistakes\n"
      "listen      [::1]:2000\n"
      "target      vpn.lan:1194\n"
      "max clients 1024\n"
      "per network 256\n"
      "resolve     every 5m\n"
      "dscp        copy\n"
      "key         none\n"
      "encryption  yes (default)\n"
      "cipher      auto\n"
      "offload     yes (default)\n"
      "log level   info\n"
      "scheduler   copies: each datagram by all paths\n"
      "repair      as little as does, and nothing on clean paths\n"
      "repair      at most 1e-05 of the datagrams may stay lost\n"
      "repair      a lost datagram is back at most 20ms later\n"
      "repair      at most 50% of the datagrams' bytes, 300% of a flow below 100 kbit/s\n"
      "order       while something is repaired, of flows above 100 kbit/s\n"
      "order       a datagram waits at most 50ms for an earlier one, 20ms where the other end sends copies\n"
      "control     " +
          *control_folder(current_user(), false) + "/mpserver-2000.sock\n");
}

std::string lines_of(const std::string& statements, const std::string& label) {
  const TemporaryFolder folder;
  const auto start = load_client_start(with_config(folder.write("c", "h 1\n" + statements)));
  if (!start) return "refused";
  std::string lines;
  std::istringstream check(render_check(*start));
  for (std::string line; std::getline(check, line);) {
    if (line.starts_with(label + " ")) lines += line.substr(12) + "\n";
  }
  return lines;
}

std::string repair_lines(const std::string& statements) {
  return lines_of(statements, "repair");
}

TEST(RenderCheck, SaysWhatOrderMeans) {
  const auto order_lines = [](const std::string& statements) { return lines_of(statements, "order"); };
  EXPECT_EQ(order_lines("order no\nmax-hold 5ms\n"), "no\n");
  EXPECT_EQ(order_lines("order yes\nmax-hold 50ms\n"),
            "yes, of flows above 100 kbit/s\na datagram waits at most 50ms for an earlier one\n");
  EXPECT_EQ(order_lines("max-hold 50ms\nrepair-delay 30ms\n"),
            "while something is repaired, of flows above 100 kbit/s\n"
            "a datagram waits at most 50ms for an earlier one, 30ms where the other end sends copies\n");
  EXPECT_EQ(order_lines("max-hold 20ms\nscheduler aggregate\n"),
            "what goes by one path each, of flows above 100 kbit/s\n"
            "a datagram waits at most 20ms for an earlier one\n");
  EXPECT_EQ(order_lines("repair no\n"),
            "what the other end repairs, of flows above 100 kbit/s\n"
            "a datagram waits at most 50ms for an earlier one, 20ms where the other end sends copies\n");
  EXPECT_EQ(order_lines("repair no\norder yes\n"),
            "yes, of flows above 100 kbit/s\na datagram waits at most 50ms for an earlier one\n");
}

TEST(RenderCheck, SaysWhichPathsDatagramsGoBy) {
  const auto lines = [](const std::string& word) {
    return lines_of("scheduler " + word + "\n", "scheduler");
  };
  EXPECT_EQ(lines("copies"), "copies: each datagram by all paths\n");
  EXPECT_EQ(lines("fastest"), "fastest: each datagram by the path that takes least time\n");
  EXPECT_EQ(lines("aggregate"), "aggregate: each datagram by one path, for the sum of them\n");
  EXPECT_EQ(lines("auto"),
            "auto: aggregate of flows above 1 Mbit/s, copies of the others and of EF and CS5 to CS7\n");
  EXPECT_EQ(lines("sum"), "refused");
}

TEST(SchedulerMode, IsWhatTheStatementSays) {
  CommonConfig config;
  EXPECT_EQ(scheduler_mode(config), SchedulerMode::copies);
  config.scheduler = SchedulerChoice::fastest;
  EXPECT_EQ(scheduler_mode(config), SchedulerMode::fastest);
  config.scheduler = SchedulerChoice::aggregate;
  EXPECT_EQ(scheduler_mode(config), SchedulerMode::aggregate);
  config.scheduler = SchedulerChoice::automatic;
  EXPECT_EQ(scheduler_mode(config), SchedulerMode::automatic);
}

TEST(OrderSettings, AreWhatTheStatementsSay) {
  using std::chrono::milliseconds;
  CommonConfig config;
  EXPECT_EQ(order_settings(config).mode, OrderSettings::Mode::automatic);
  EXPECT_EQ(order_settings(config).most, milliseconds(20));
  EXPECT_EQ(order_settings(config).most_by_one, milliseconds(50));
  config.order.max_hold = milliseconds(40);
  config.repair.delay = milliseconds(30);
  EXPECT_EQ(order_settings(config).most, milliseconds(30));
  config.order.mode = OrderConfig::Mode::always;
  EXPECT_EQ(order_settings(config).mode, OrderSettings::Mode::always);
  EXPECT_EQ(order_settings(config).most, milliseconds(40));
  config.order.mode = OrderConfig::Mode::none;
  EXPECT_EQ(order_settings(config).mode, OrderSettings::Mode::none);
}

TEST(RenderCheck, SaysWhatRepairMeans) {
  EXPECT_EQ(repair_lines("repair no\nresidual-loss 0.1\n"), "no\n");
  EXPECT_EQ(repair_lines("repair 5%\nrepair-delay 100ms\nrepair-budget 1%\n"),
            "5% always, whatever is lost\na lost datagram is back at most 100ms later\n");
  EXPECT_EQ(repair_lines("residual-loss 0.001\nrepair-budget 12.5%\n"),
            "as little as does, and nothing on clean paths\nat most 0.001 of the datagrams may stay lost\n"
            "a lost datagram is back at most 20ms later\n"
            "at most 12.5% of the datagrams' bytes, 300% of a flow below 100 kbit/s\n");
}

TEST(RepairSettings, AreWhatTheStatementsSay) {
  CommonConfig config;
  const auto usual = repair_settings(config);
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->residual, 1e-5);
  EXPECT_EQ(usual->delay, std::chrono::milliseconds(20));
  EXPECT_EQ(usual->budget, 0.5);
  EXPECT_FALSE(usual->fixed);
  config.repair.mode = RepairConfig::Mode::fixed;
  config.repair.share = 0.07;
  EXPECT_EQ(repair_settings(config)->fixed, 0.07);
  config.repair.mode = RepairConfig::Mode::none;
  EXPECT_FALSE(repair_settings(config));
}

std::string state_line(const std::string& check) {
  std::smatch line;
  return std::regex_search(check, line, std::regex("\nstate +(.*)\n")) ? line[1].str() : "";
}

TEST(RenderCheck, SaysWhereTheStateFileIsAndMakesNone) {
  const TemporaryFolder folder;
  const test::Variable directory("STATE_DIRECTORY", folder / "state");
  const auto shown = [&](const std::string& statement, bool has_key) {
    CommandLine line = with_config(folder.write("c", "h 1\n" + statement));
    if (has_key) line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
    const auto start = load_client_start(line);
    return start ? state_line(render_check(*start)) : start.error().lines.front();
  };
  EXPECT_EQ(shown("", false), folder / "state/client-secret");
  EXPECT_EQ(shown("state s\n", false), folder / "s");
  EXPECT_EQ(shown("state none\n", false), "none");
  EXPECT_EQ(shown("", true), "");
  EXPECT_EQ(shown("state none\n", true), "");
  EXPECT_EQ(shown("state s\n", true), folder / "s (not used: there is a key)");
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
  EXPECT_FALSE(std::filesystem::exists(folder / "s"));
}

/// The text without where values come from, which a statement that says the default changes.
template <typename Load>
std::string check_of(Load load, const TemporaryFolder& folder, std::string_view text) {
  const auto start = load(with_config(folder.write("c", std::string(text))));
  EXPECT_TRUE(start) << text << start.error().lines.front();
  return start ? std::regex_replace(render_check(*start), std::regex(" \\(.*"), "") : "";
}

template <typename Load>
void check_defaults(Program program, Load load, const std::string& least) {
  const TemporaryFolder folder;
  const std::string unset = check_of(load, folder, least);
  for (const Statement& statement : statements()) {
    if (statement.default_value.empty() || !includes(statement.programs, program)) continue;
    const std::string written = fmt::format("{}{} {}\n", least, statement.word, statement.default_value);
    EXPECT_EQ(check_of(load, folder, written), unset) << written;
  }
}

TEST(RenderCheck, IsTheSameForADefaultThatIsWritten) {
  // Some statements are of the device alone.
  check_defaults(Program::mpclient, load_client_start, "h 1\ntun 10.0.0.2/24\n");
  check_defaults(Program::mpserver, load_server_start, "listen 2000\ntarget h:1\ntun 10.0.0.1/24\n");
}

}  // namespace
}  // namespace mptunnel
