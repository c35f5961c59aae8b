#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mptunnel/base/shortened.h"
#include "mptunnel/control/render.h"
#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(StatusFormat, SpansHaveTheUnitsThatFitThem) {
  EXPECT_EQ(format_span(-5s), "0.0 s");
  EXPECT_EQ(format_span(0s), "0.0 s");
  EXPECT_EQ(format_span(120ms), "0.1 s");
  EXPECT_EQ(format_span(9949ms), "9.9 s");
  EXPECT_EQ(format_span(9950ms), "10 s");
  EXPECT_EQ(format_span(59s), "59 s");
  EXPECT_EQ(format_span(60s), "1 min");
  EXPECT_EQ(format_span(59min), "59 min");
  EXPECT_EQ(format_span(59min + 31s), "1 h 0 min");
  EXPECT_EQ(format_span(2h + 13min), "2 h 13 min");
  EXPECT_EQ(format_span(47h + 59min), "47 h 59 min");
  EXPECT_EQ(format_span(123h), "5 d 3 h");
}

TEST(StatusFormat, TimesAgoHaveOneUnit) {
  EXPECT_EQ(format_ago(-5s), "0.0 s ago");
  EXPECT_EQ(format_ago(120ms), "0.1 s ago");
  EXPECT_EQ(format_ago(960ms), "1 s ago");
  EXPECT_EQ(format_ago(59s), "59 s ago");
  EXPECT_EQ(format_ago(59600ms), "1 min ago");
  EXPECT_EQ(format_ago(59min + 40s), "1 h ago");
  EXPECT_EQ(format_ago(2h + 50min), "2 h ago");
  EXPECT_EQ(format_ago(123h), "5 d ago");
}

TEST(StatusFormat, DelaysHaveThreeDigits) {
  EXPECT_EQ(format_delay(0us), "0.00 ms");
  EXPECT_EQ(format_delay(123us), "0.12 ms");
  EXPECT_EQ(format_delay(9996us), "10.0 ms");
  EXPECT_EQ(format_delay(12345us), "12.3 ms");
  EXPECT_EQ(format_delay(99960us), "100 ms");
  EXPECT_EQ(format_delay(1234ms), "1234 ms");
  EXPECT_EQ(format_delay(12345ms), "12.3 s");
}

TEST(StatusFormat, FractionsLookLikeAllOrNothingOnlyWhereTheyAre) {
  EXPECT_EQ(format_fraction(std::nullopt), "-");
  EXPECT_EQ(format_fraction(0.), "0 %");
  EXPECT_EQ(format_fraction(0.000001), "<0.01 %");
  EXPECT_EQ(format_fraction(0.0012), "0.12 %");
  EXPECT_EQ(format_fraction(0.012), "1.2 %");
  EXPECT_EQ(format_fraction(0.123), "12.3 %");
  EXPECT_EQ(format_fraction(0.99999), "99.9 %");
  EXPECT_EQ(format_fraction(1.), "100 %");
  EXPECT_EQ(format_fraction(-0.1), "-");
  EXPECT_EQ(format_fraction(std::numeric_limits<double>::quiet_NaN()), "-");
  EXPECT_EQ(format_fraction(std::numeric_limits<double>::infinity()), "-");
}

TEST(StatusFormat, RatesHaveTheUnitsThatFitThem) {
  EXPECT_EQ(format_rate(0), "0");
  EXPECT_EQ(format_rate(999), "999 bit/s");
  EXPECT_EQ(format_rate(1000), "1.0 kbit/s");
  EXPECT_EQ(format_rate(3'400'000), "3.4 Mbit/s");
  EXPECT_EQ(format_rate(9'960'000), "10 Mbit/s");
  EXPECT_EQ(format_rate(12'340'000), "12 Mbit/s");
  EXPECT_EQ(format_rate(999'499'999), "999 Mbit/s");
  EXPECT_EQ(format_rate(999'500'000), "1.0 Gbit/s");
  EXPECT_EQ(format_rate(std::numeric_limits<std::uint64_t>::max()), "18446744 Tbit/s");
}

TEST(StatusFormat, DropsAreThoseThatAreNotZero) {
  DropCounters drops;
  EXPECT_EQ(format_drops(drops), "");
  drops.add(Drop::copy, 12);
  drops.add(Drop::bad_frame, 3);
  EXPECT_EQ(format_drops(drops), "copy 12, bad_frame 3");
}

TEST(StatusFormat, WhatIsDroppedWhereAllIsWellIsNotWorthTelling) {
  DropCounters drops;
  drops.add(Drop::copy, 246000);
  drops.add(Drop::handshake_stale, 2);
  drops.add(Drop::message_size, 9);
  EXPECT_EQ(format_drops(unusual(drops)), "");
  drops.add(Drop::handshake_stale, 8);
  drops.add(Drop::bad_frame, 1);
  EXPECT_EQ(format_drops(unusual(drops)), "bad_frame 1, handshake_stale 10");
}

TEST(StatusFormat, AdviceLeavesRoomForTheVpnsOwnBytes) {
  EXPECT_EQ(size_advice(1400), "set 'mssfix 1400' in OpenVPN, or an MTU of 1360 in WireGuard");
  EXPECT_EQ(size_advice(32), "set 'mssfix 32' in OpenVPN, or an MTU of 0 in WireGuard");
}

TEST(StatusFormat, WhatRepairLeavesIsShownToFourPlaces) {
  EXPECT_EQ(format_rare(std::nullopt), "-");
  EXPECT_EQ(format_rare(0.), "0 %");
  EXPECT_EQ(format_rare(0.0000001), "<0.0001 %");
  EXPECT_EQ(format_rare(0.000008), "0.0008 %");
  EXPECT_EQ(format_rare(0.0001), "0.01 %");
  EXPECT_EQ(format_rare(-0.1), "-");
}

TEST(StatusFormat, TextsCannotSteerATerminal) {
  EXPECT_EQ(printable("a\n\x1b[2J\x7f\t\xc3\xa4z~ "), "a??[2J????z~ ");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "?x");
}

TEST(StatusFormat, LongTextsKeepBothEnds) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghijk", 10), "abcd...ijk");
  EXPECT_EQ(shortened("abcdefghijk", 5), "a...k");
}

PathStatus good_path() {
  PathStatus path;
  path.id = 0;
  path.name = "198.51.100.1:4000";
  path.state = PathState::up;
  path.remote = "198.51.100.1:4000";
  path.seen_from = "203.0.113.7:4000";
  path.local = "10.0.0.1:12345";
  path.rtt = RttStatus{12345us, 1ms, 10ms, 13ms};
  path.mtu_out = 1472;
  path.mtu_in = 1472;
  path.last_answer = 120ms;
  path.unsent = 7;
  path.out = {1000, 1446000, 12, 0.012, 0.012, 400us, 0, 0, 3'400'000, 57'840};
  path.in = {2000, 2892000, 0, 0., 0., 300us, 900, 600, 12'300'000, 0};
  return path;
}

PathStatus bad_path() {
  PathStatus path;
  path.id = 31;
  path.name = "mobile";
  path.state = PathState::down;
  path.problem = "sent for 8 s, nothing came back";
  path.standby = true;
  path.remote = "198.51.100.2:4000";
  path.device = "wwan0";
  path.rtt = RttStatus{250ms, 1ms, 10ms, 13ms};
  path.mtu_out = 1372;
  path.last_answer = 8s;
  path.out.loss = 1.;
  path.out.loss_recent = 1.;
  path.in.first = 100;
  return path;
}

PathStatus fresh_path() {
  PathStatus path;
  path.id = 2;
  path.name = "new";
  return path;
}

SessionStatus some_session() {
  SessionStatus session;
  session.state = SessionState::established;
  session.age = 2h + 13min;
  session.cipher = "AES-256-GCM";
  session.encrypted = true;
  session.has_key = true;
  session.key_age = 45s;
  session.flows = 3;
  session.datagrams_in = 123456;
  session.datagrams_out = 123400;
  session.duplicates_dropped = 246000;
  session.forced_closings = 2;
  session.stream.out = {0.0001, 0.001, 0.012, 0.09, 0.001, 0.002, 111, 0.04};
  session.stream.in = {0., std::nullopt, 0., std::nullopt, std::nullopt, std::nullopt, 0, std::nullopt};
  session.stream.order = {1234, 970, 20, 10, 0, 4ms};
  session.stream.untaken = 2;
  session.stream.rtt = 41ms;
  session.stream.jitter = 5ms;
  session.fragmented = 12;
  session.largest_whole = 1446;
  return session;
}

Status client_status() {
  Status status;
  status.version = "1.0.0";
  status.uptime = 2h + 14min;
  status.config = "mpclient.conf";
  status.listen = {"127.0.0.1:3000", "[::1]:3000"};
  status.session = some_session();
  status.paths = {good_path(), bad_path(), fresh_path()};
  status.drops.add(Drop::copy, 246000);
  status.drops.add(Drop::bad_frame, 3);
  status.kernel_drops_inside = 4;
  status.kernel_drops_outside = 5;
  status.problems = {"datagrams are larger than paths carry whole: set mssfix 1400"};
  return status;
}

Status server_status() {
  Status status;
  status.is_server = true;
  status.version = "1.0.0";
  status.uptime = 61s;
  status.listen = {"0.0.0.0:2000"};
  status.target = "127.0.0.1:1194";
  status.target_problem = "nothing listens there, for 3 min";
  status.keyring = {12, 1};
  SessionStatus dormant;
  dormant.state = SessionState::dormant;
  dormant.flows = 1;
  status.clients = {{"a1b2c3d4", "203.0.113.7:4000", "", some_session(), {good_path()}},
                    {"00000001", "garage", "alice", dormant, {}}};
  return status;
}

TEST(RenderTable, ShowsAClientOnATerminal) {
  EXPECT_EQ(render_table(client_status(), TableWidth::terminal),
            R"(mpclient  1.0.0, up for 2 h 14 min, mpclient.conf
listen    127.0.0.1:3000, [::1]:3000
session   established for 2 h 13 min, AES-256-GCM, key set, keys 45 s old
traffic   3 flows, 123456 datagrams in, 123400 out, 246000 duplicates dropped
last 10 s lost 0.10 % out, - in (best path alone 9.0 %, -)
in all    lost 0.01 % out, 0 % in (best path alone 1.2 %, 0 %)
repair    out: all copies lost 0.10 %, repaired 90.0 %, overhead 4.0 %
order     in: 1234 datagrams waited for earlier ones, now up to 4.00 ms; 97.0 %
          of these came in time
delay     RTT 41.0 ms, jitter 5.00 ms on the fastest path
waited    2 datagrams found no path in time
window    closed early 2 times, the paths' delays differ too much: later packets
          were dropped as copies
sizes     12 datagrams were too large for a path in use and went there in
          pieces; up to 1446 bytes go whole on each
dropped   bad_frame 3
kernel    receive buffers were full: 4 datagrams from applications, 5 from the
          network lost

path              state      RTT  loss out  loss in   MTU    rate out    rate in
198.51....1:4000  up     12.3 ms     1.2 %      0 %  1472  3.4 Mbit/s  12 Mbit/s
mobile            down    250 ms     100 %        -  1372           0          0
    sent for 8 s, nothing came back
new               new          -         -        -     -           0          0

problem   datagrams are larger than paths carry whole: set mssfix 1400
)");
}

TEST(RenderTable, ShowsAllColumnsOfAClient) {
  EXPECT_EQ(render_table(client_status(), TableWidth::wide),
            R"(mpclient  1.0.0, up for 2 h 14 min, mpclient.conf
listen    127.0.0.1:3000, [::1]:3000
session   established for 2 h 13 min, AES-256-GCM, key set, keys 45 s old
traffic   3 flows, 123456 datagrams in, 123400 out, 246000 duplicates dropped
last 10 s lost 0.10 % out, - in (best path alone 9.0 %, -)
in all    lost 0.01 % out, 0 % in (best path alone 1.2 %, 0 %)
repair    out: all copies lost 0.10 %, repaired 90.0 %, overhead 4.0 %
order     in: 1234 datagrams waited for earlier ones, now up to 4.00 ms; 97.0 % of these came in time
delay     RTT 41.0 ms, jitter 5.00 ms on the fastest path
waited    2 datagrams found no path in time
window    closed early 2 times, the paths' delays differ too much: later packets were dropped as copies
sizes     12 datagrams were too large for a path in use and went there in pieces; up to 1446 bytes go whole on each
dropped   bad_frame 3
kernel    receive buffers were full: 4 datagrams from applications, 5 from the network lost

path               state      RTT  loss out  loss in     MTU    rate out    rate in    wins   answered  remote             public
198.51.100.1:4000  up     12.3 ms     1.2 %      0 %    1472  3.4 Mbit/s  12 Mbit/s  90.0 %  0.1 s ago  198.51.100.1:4000  203.0.113.7:4000
mobile             down    250 ms     100 %        -  1372/-           0          0  10.0 %    8 s ago  198.51.100.2:4000
    sent for 8 s, nothing came back
new                new          -         -        -       -           0          0     0 %          -

problem   datagrams are larger than paths carry whole: set mssfix 1400
)");
}

TEST(RenderTable, ShowsEachClientOfAServer) {
  EXPECT_EQ(render_table(server_status(), TableWidth::terminal),
            R"(mpserver  1.0.0, up for 1 min
listen    0.0.0.0:2000
target    127.0.0.1:1194: nothing listens there, for 3 min
keyring   12 clients, 1 disabled

client    203.0.113.7:4000 (a1b2c3d4)
session   established for 2 h 13 min, AES-256-GCM, key set, keys 45 s old
traffic   3 flows, 123456 datagrams in, 123400 out, 246000 duplicates dropped
last 10 s lost 0.10 % out, - in (best path alone 9.0 %, -)
in all    lost 0.01 % out, 0 % in (best path alone 1.2 %, 0 %)
repair    out: all copies lost 0.10 %, repaired 90.0 %, overhead 4.0 %
order     in: 1234 datagrams waited for earlier ones, now up to 4.00 ms; 97.0 %
          of these came in time
delay     RTT 41.0 ms, jitter 5.00 ms on the fastest path
waited    2 datagrams found no path in time
window    closed early 2 times, the paths' delays differ too much: later packets
          were dropped as copies
sizes     12 datagrams were too large for a path in use and went there in
          pieces; up to 1446 bytes go whole on each
path              state      RTT  loss out  loss in   MTU    rate out    rate in
198.51....1:4000  up     12.3 ms     1.2 %      0 %  1472  3.4 Mbit/s  12 Mbit/s

client    alice/garage (00000001)
session   dormant, datagrams in the clear, no key
traffic   1 flow, 0 datagrams in, 0 out, 0 duplicates dropped
last 10 s lost - out, - in (best path alone -, -)
in all    lost - out, - in (best path alone -, -)
no paths
)");
}

TEST(RenderTable, SaysThatThereAreNoClients) {
  Status status = server_status();
  status.clients.clear();
  EXPECT_EQ(render_table(status, TableWidth::terminal),
            "mpserver  1.0.0, up for 1 min\nlisten    0.0.0.0:2000\ntarget    127.0.0.1:1194: nothing "
            "listens there, for 3 min\n"
            "keyring   12 clients, 1 disabled\nclients   none\n");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(RenderTable, SaysOfAPathThatAnswersThatItIsHeld) {
  Status status = client_status();
  status.paths = {good_path(), good_path()};
  status.paths[0].held = true;
  const std::string table = render_table(status, TableWidth::terminal);
  EXPECT_EQ(table.find("  held "), table.rfind("  held ")) << table;
  EXPECT_NE(table.find("  held "), std::string::npos) << table;
  EXPECT_EQ(json::parse(render_json(status))["paths"][0]["held"], true);
  status.paths[0].state = PathState::down;
  EXPECT_EQ(render_table(status, TableWidth::terminal).find("  held "), std::string::npos);
}

TEST(RenderTable, FitsATerminal) {
  Status status = client_status();
  for (PathStatus& path : status.paths) {
    path.name = "a-bridge-with-a-rather-long-name.example.net:40000";
    path.problem = "sending to 198.51.100.2:4000 fails for a reason that takes more words than one line has";
    path.out.rate_bps = path.in.rate_bps = 999'400'000;
    path.out.loss_recent = path.in.loss_recent = 0.00001;
    path.rtt = RttStatus{1234ms, {}, {}, {}};
    path.last_answer = 59min;
    path.mtu_in = path.mtu_out = 65507;
  }
  status.paths[2].state = PathState::suspect;
  for (std::size_t i = 0; i < kDropReasons; ++i) status.drops.add(static_cast<Drop>(i), 123456);
  const std::vector<std::string> lines = lines_of(render_table(status, TableWidth::terminal));
  for (const std::string& line : lines) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line == "    one line has";
  })) << render_table(status, TableWidth::terminal);
}

TEST(RenderTable, KeepsAWordWholeThatIsLongerThanALine) {
  Status status = client_status();
  status.problems = {std::string(100, 'x') + " " + std::string(90, 'y')};
  const std::vector<std::string> lines = lines_of(render_table(status, TableWidth::terminal));
  EXPECT_EQ(lines[lines.size() - 2], "problem   " + std::string(100, 'x'));
  EXPECT_EQ(lines.back(), std::string(10, ' ') + std::string(90, 'y'));
}

TEST(RenderTable, IsNotBrokenByNames) {
  Status status = client_status();
  const std::size_t lines = lines_of(render_table(status, TableWidth::terminal)).size();
  const std::string evil = "a\n\r\x1b[31m\tb\x7f\x80";
  status.version = status.config = status.session.cipher = evil;
  status.listen = {evil};
  status.problems = {evil};
  status.paths[0].name = evil;
  status.paths[1].name = std::string(300, 'n') + evil;
  status.paths[1].problem = evil;
  const std::string client = render_table(status, TableWidth::terminal);
  EXPECT_EQ(lines_of(client).size(), lines);
  Status server = server_status();
  server.target = server.clients[0].client = server.clients[0].session.cipher = evil;
  for (const std::string& text : {client, render_table(server, TableWidth::terminal)}) {
    EXPECT_TRUE(std::all_of(text.begin(), text.end(),
                            [](char letter) { return letter == '\n' || (letter >= ' ' && letter <= '~'); }));
  }
  const std::vector<std::string> all = lines_of(render_table(status, TableWidth::wide));
  const auto heading =
      std::find_if(all.begin(), all.end(), [](const std::string& line) { return line.starts_with("path "); });
  ASSERT_NE(heading, all.end());
  EXPECT_EQ(heading->find("  state"), 40U);
  EXPECT_EQ((heading + 2)->find("  down "), 40U);
}

TEST(Health, NeedsASessionOrATarget) {
  EXPECT_EQ(illness_of(client_status()), "");
  Status client = client_status();
  client.session.state = SessionState::connecting;
  EXPECT_EQ(illness_of(client), "no session with mpserver");
  Status server = server_status();
  EXPECT_EQ(illness_of(server), "nothing listens there, for 3 min");
  server.target_problem.clear();
  server.clients.clear();
  EXPECT_EQ(illness_of(server), "") << "a server without clients is well";
}

TEST(Health, NeedsAnAddressToListenOn) {
  for (Status status : {client_status(), server_status()}) {
    status.target_problem.clear();
    status.awaited = {{"10.0.0.9:3000", "it is not an address of this host"}};
    EXPECT_EQ(illness_of(status), "") << "it listens on others";
    status.listens = false;
    EXPECT_EQ(illness_of(status), "it listens nowhere yet; 10.0.0.9:3000: it is not an address of this host");
  }
}

TEST(RenderTable, SaysWhichAddressesAreAwaited) {
  Status status = server_status();
  status.listen = {"10.0.0.9:2000", "127.0.0.1:2000"};
  status.awaited = {{"10.0.0.9:2000", "it is not an address of this host"}};
  EXPECT_NE(render_table(status, TableWidth::terminal)
                .find("\nlisten    10.0.0.9:2000, 127.0.0.1:2000\n"
                      "awaited   10.0.0.9:2000: it is not an address of this host\n"),
            std::string::npos);
  EXPECT_EQ(json::parse(render_json(status))["listen_awaited"], json::parse(R"(["10.0.0.9:2000"])"));
}

/// The names and kinds that --status --json promises; "?" after a kind: or null.
const json kDirection = json::parse(R"({"packets":"n","bytes":"n","lost":"n","loss":"n?","loss_recent":"n?",
  "jitter_ms":"n?","first":"n","duplicates":"n","rate_bps":"n","repair_bytes":"n"})");
const json kSession = json::parse(R"({"state":"s","age_s":"n?","cipher":"s","encrypted":"b","key":"s",
  "key_age_s":"n?","scheduler":"s","flows":"n","datagrams_in":"n","datagrams_out":"n","duplicates_dropped":"n",
  "forced_closings":"n","residual_loss":{"out":"n?","in":"n?"},
  "stream":{"out":{"loss":"n?","loss_recent":"n?","best_path_loss":"n?","best_path_loss_recent":"n?",
                   "loss_before_repair":"n?","loss_before_repair_recent":"n?","recovered":"n",
                   "repair_overhead":"n?"},
            "in":{"loss":"n?","loss_recent":"n?","best_path_loss":"n?","best_path_loss_recent":"n?",
                  "loss_before_repair":"n?","loss_before_repair_recent":"n?","recovered":"n",
                  "repair_overhead":"n?"},
            "order":{"held":"n","in_time":"n","late":"n","lost":"n","overflow":"n","hold_ms":"n"},
            "untaken":"n","rtt_ms":"n?","jitter_ms":"n?"},
  "fragmented":"n","largest_whole":"n?","ip":"o?"})");

json path_kinds() {
  json kinds =
      json::parse(R"({"id":"n","name":"s","state":"s","problem":"s","standby":"b","held":"b","remote":"s",
    "local":"s","public":"s","device":"s","mtu":{"out":"n?","in":"n?"},"last_answer_s":"n?","unsent":"n",
    "share":"o?","rtt_ms":"o?"})");
  kinds["out"] = kinds["in"] = kDirection;
  return kinds;
}

void expect_kinds(const json& value, const json& kinds, const std::string& where) {
  if (kinds.is_string()) {
    const std::string kind = kinds;
    if (kind.ends_with('?') && value.is_null()) return;
    const char letter = value.is_number() ? 'n' : value.is_string() ? 's' : value.is_boolean() ? 'b' : 'o';
    EXPECT_EQ(letter, kind.front()) << where;
    return;
  }
  std::vector<std::string> names;
  std::vector<std::string> expected;
  for (const auto& [name, member] : value.items()) names.push_back(name);
  for (const auto& [name, kind] : kinds.items()) expected.push_back(name);
  EXPECT_EQ(names, expected) << where;
  for (const auto& [name, kind] : kinds.items()) {
    if (value.contains(name)) expect_kinds(value[name], kind, where + "." + name);
  }
}

std::vector<std::string> names_in_order(const std::string& text) {
  const auto object = nlohmann::ordered_json::parse(text);
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

TEST(RenderJson, HasWhatIsPromisedOfAClient) {
  const std::string text = render_json(client_status());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(names_in_order(text),
            (std::vector<std::string>{"program", "version", "uptime_s", "config", "listen", "listen_awaited",
                                      "device", "session", "paths", "drops", "kernel_drops", "problems"}));
  const json object = json::parse(text);
  expect_kinds(object["session"], kSession, "session");
  ASSERT_EQ(object["paths"].size(), 3U);
  for (const json& path : object["paths"]) expect_kinds(path, path_kinds(), "path");
  EXPECT_EQ(object["program"], "mpclient");
  EXPECT_EQ(object["uptime_s"], 8040.0);
  EXPECT_EQ(object["listen"], (json{"127.0.0.1:3000", "[::1]:3000"}));
  EXPECT_EQ(object["drops"], (json{{"copy", 246000}, {"bad_frame", 3}}));
  EXPECT_EQ(object["problems"].size(), 1U);
}

TEST(RenderJson, CarriesEveryValue) {
  const json object = json::parse(render_json(client_status()));
  EXPECT_EQ(object["session"], json::parse(R"({"state":"established","age_s":7980.0,"cipher":"AES-256-GCM",
    "encrypted":true,"key":"set","key_age_s":45.0,"scheduler":"","flows":3,"datagrams_in":123456,"datagrams_out":123400,
    "duplicates_dropped":246000,"forced_closings":2,"residual_loss":{"out":0.0001,"in":0.0},
    "stream":{"out":{"loss":0.0001,"loss_recent":0.001,"best_path_loss":0.012,"best_path_loss_recent":0.09,
                     "loss_before_repair":0.001,"loss_before_repair_recent":0.002,"recovered":111,
                     "repair_overhead":0.04},
              "in":{"loss":0.0,"loss_recent":null,"best_path_loss":0.0,"best_path_loss_recent":null,
                    "loss_before_repair":null,"loss_before_repair_recent":null,"recovered":0,
                    "repair_overhead":null},
              "order":{"held":1234,"in_time":970,"late":20,"lost":10,"overflow":0,"hold_ms":4.0},
              "untaken":2,"rtt_ms":41.0,"jitter_ms":5.0},
    "fragmented":12,
    "largest_whole":1446,"ip":null})"));
  EXPECT_EQ(object["paths"][0], json::parse(R"({"id":0,"name":"198.51.100.1:4000","state":"up","problem":"",
    "standby":false,"held":false,"remote":"198.51.100.1:4000","local":"10.0.0.1:12345","public":"203.0.113.7:4000","device":"",
    "rtt_ms":{"smoothed":12.345,"variation":1.0,"minimum":10.0,"latest":13.0},
    "mtu":{"out":1472,"in":1472},"last_answer_s":0.12,"unsent":7,
    "share":null,
    "out":{"packets":1000,"bytes":1446000,"lost":12,"loss":0.012,"loss_recent":0.012,"jitter_ms":0.4,
           "first":0,"duplicates":0,"rate_bps":3400000,"repair_bytes":57840},
    "in":{"packets":2000,"bytes":2892000,"lost":0,"loss":0.0,"loss_recent":0.0,"jitter_ms":0.3,
          "first":900,"duplicates":600,"rate_bps":12300000,"repair_bytes":0}})"));
  EXPECT_EQ(object["paths"][1]["mtu"], json::parse(R"({"out":1372,"in":null})"));
  EXPECT_EQ(object["kernel_drops"], json::parse(R"({"inside":4,"outside":5})"));
  EXPECT_EQ(object["paths"][1]["standby"], true);
  EXPECT_EQ(object["paths"][1]["problem"], "sent for 8 s, nothing came back");
  EXPECT_EQ(object["paths"][2]["rtt_ms"], nullptr);
  EXPECT_EQ(object["paths"][2]["last_answer_s"], nullptr);
}

/// The paths have the sum of what they carry.
Status aggregating_status() {
  Status status = client_status();
  status.session.scheduler = "aggregate";
  status.paths.resize(2);
  status.paths[0].share = ShareStatus{"used", 51'000'000, 50'000'000, 2500us, 0us, 0.02};
  status.paths[1].state = PathState::up;
  status.paths[1].problem.clear();
  status.paths[1].share = ShareStatus{"slow", 2'000'000, 1'900'000, 0us, 290ms, 0};
  return status;
}

TEST(RenderJson, HasTheShareOfEachPath) {
  const json object = json::parse(render_json(aggregating_status()));
  EXPECT_EQ(object["session"]["scheduler"], "aggregate");
  EXPECT_EQ(object["paths"][0]["share"],
            json::parse(R"({"use":"used","rate_bps":51000000,"capacity_bps":50000000,"queue_ms":2.5,
                            "behind_ms":0.0,"loss":0.02})"));
}

TEST(RenderTable, SaysInWordsWhatAPathCarries) {
  Status status = aggregating_status();
  const auto table = [&] { return render_table(status, TableWidth::wide); };
  EXPECT_NE(table().find("\nscheduler aggregate\n"), std::string::npos);
  EXPECT_NE(
      table().find("\n    passes on at least 50 Mbit/s, packets wait there for 2.50 ms, 2.0 % are lost\n"),
      std::string::npos)
      << table();
  EXPECT_NE(
      table().find("\n    carries probes and repair alone: it takes 290 ms more than the fastest, too much "
                   "for 1.9 Mbit/s\n"),
      std::string::npos)
      << table();
  status.paths[0].share = ShareStatus{"sought", 2'000'000, {}, 0us, 0us, 0};
  EXPECT_NE(table().find("\n    what it passes on is being looked for; so far: nothing\n"),
            std::string::npos);
  status.paths[0].state = PathState::down;
  EXPECT_EQ(table().find("looked for"), std::string::npos) << "that it is down says more";
}

Status status_with_device() {
  Status status = client_status();
  status.device = {"tun0", {"10.42.42.2/24", "fd00:42::2/64"}, 1433, "TCP in super-packets", 5, 5000, 6,
                   6000};
  status.session.inner = {{{"10.42.42.2/24", "address", "given"},
                           {"192.168.9.0/24", "network", "taken by another client"},
                           {"10.42.42.1/24", "server", "given"}},
                          70,
                          7000,
                          80,
                          8000,
                          1433};
  return status;
}

TEST(RenderJson, CarriesTheDeviceAndItsPackets) {
  const json object = json::parse(render_json(status_with_device()));
  EXPECT_EQ(object["device"], json::parse(R"({"name":"tun0","addresses":["10.42.42.2/24","fd00:42::2/64"],
    "mtu":1433,"offload":"TCP in super-packets","reads":5,"read_bytes":5000,"writes":6,"written_bytes":6000})"));
  EXPECT_EQ(object["session"]["ip"], json::parse(R"({"addresses":[
    {"address":"10.42.42.2/24","kind":"address","verdict":"given"},
    {"address":"192.168.9.0/24","kind":"network","verdict":"taken by another client"},
    {"address":"10.42.42.1/24","kind":"server","verdict":"given"}],
    "packets_in":70,"bytes_in":7000,"packets_out":80,"bytes_out":8000,"largest_whole":1433})"));
  EXPECT_TRUE(json::parse(render_json(client_status()))["device"].is_null());
}

TEST(RenderTable, ShowsTheDeviceAndItsPackets) {
  const std::string table = render_table(status_with_device(), TableWidth::terminal);
  EXPECT_NE(table.find("device    tun0, 10.42.42.2/24, fd00:42::2/64, MTU 1433\n"), std::string::npos)
      << table;
  EXPECT_NE(table.find("IP        10.42.42.2/24; 192.168.9.0/24: taken by another client\n"
                       "          70 packets in (7000 bytes), 80 out (8000 bytes)\n"),
            std::string::npos)
      << table;
  Status none = status_with_device();
  none.device->name.clear();
  none.session.inner->addresses.clear();
  const std::string without = render_table(none, TableWidth::terminal);
  EXPECT_NE(without.find("device    none, "), std::string::npos) << without;
  EXPECT_NE(without.find("IP        no address\n"), std::string::npos) << without;
}

TEST(RenderTable, ShowsNoTargetWhereThereIsNone) {
  Status status = server_status();
  status.target.clear();
  EXPECT_EQ(render_table(status, TableWidth::terminal).find("target"), std::string::npos);
}

TEST(RenderJson, HasWhatIsPromisedOfAServer) {
  const std::string text = render_json(server_status());
  EXPECT_EQ(names_in_order(text),
            (std::vector<std::string>{"program", "version", "uptime_s", "config", "listen", "listen_awaited",
                                      "device", "target", "target_problem", "keyring", "clients", "drops",
                                      "kernel_drops", "problems"}));
  const json object = json::parse(text);
  EXPECT_EQ(object["target"], "127.0.0.1:1194");
  EXPECT_EQ(object["target_problem"], "nothing listens there, for 3 min");
  ASSERT_EQ(object["clients"].size(), 2U);
  for (const json& client : object["clients"]) expect_kinds(client["session"], kSession, "session");
  EXPECT_EQ(object["clients"][0]["client"], "a1b2c3d4");
  EXPECT_EQ(object["clients"][0]["name"], "203.0.113.7:4000");
  EXPECT_EQ(object["clients"][1]["name"], "garage");
  EXPECT_EQ(object["keyring"]["clients"], 12);
  EXPECT_EQ(object["keyring"]["disabled"], 1);
  EXPECT_TRUE(object["clients"][0]["key_name"].is_null());
  EXPECT_EQ(object["clients"][1]["key_name"], "alice");
  EXPECT_EQ(object["clients"][0]["paths"].size(), 1U);
  EXPECT_EQ(object["clients"][1]["session"]["state"], "dormant");
  EXPECT_EQ(object["clients"][1]["session"]["key"], "none");
  EXPECT_EQ(object["clients"][1]["paths"], json::array());
  EXPECT_EQ(object["drops"], json::object());
  EXPECT_EQ(object["problems"], json::array());
}

TEST(RenderJson, TakesAnyText) {
  Status status = client_status();
  status.config = "a\"\n\xff\x80";
  status.paths[0].out.loss = std::numeric_limits<double>::quiet_NaN();
  const json object = json::parse(render_json(status));
  EXPECT_EQ(object["config"], "a\"\n\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(object["paths"][0]["out"]["loss"], nullptr);
}

TEST(DropSum, AddsWhatIsCountedAtTwoPlaces) {
  DropCounters one;
  DropCounters other;
  one.add(Drop::copy, 2);
  other.add(Drop::copy, 3);
  other.add(Drop::target_unknown, 1);
  const DropCounters sum = sum_of(one, other);
  EXPECT_EQ(sum[Drop::copy], 5U);
  EXPECT_EQ(sum[Drop::target_unknown], 1U);
  EXPECT_EQ(sum[Drop::truncated], 0U);
}

}  // namespace
}  // namespace mptunnel
