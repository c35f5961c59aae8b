#include "mptunnel/control/event_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSetBothEnds =
    "set MPTUNNEL_ENCRYPT (or encrypt in the configuration) to the same value at both ends";

const SessionRef kClient{SessionHandle{3}, {0xab, 0x01, 0xff, 0x20, 0x99}};
const SessionRef kNamed{SessionHandle{3}, {0xab, 0x01, 0xff, 0x20, 0x99}, "alice"};
const SessionRef kWord{SessionHandle{3}, {0xab}, "", *parse_numeric_endpoint("192.0.2.1", 4000),
                       "garage",         "fibre"};
const SessionRef kAddress{SessionHandle{3}, {0xab}, "", *parse_numeric_endpoint("192.0.2.1", 4000)};

const InnerEntry kAddress4{InnerKind::address, {Family::ipv4, 24, {10, 42, 42, 7}}, {}};
const InnerEntry kNetwork{InnerKind::network, {Family::ipv4, 24, {192, 168, 7, 0}}, {}};
const InnerEntry kAutomatic6{InnerKind::automatic, {Family::ipv6, 128, {}}, {}};
const InnerEntry kOfServer{InnerKind::server, {Family::ipv4, 24, {10, 42, 42, 1}}, {}};
InnerEntry refused(InnerEntry entry, InnerVerdict verdict) {
  entry.verdict = verdict;
  return entry;
}

Route route(std::uint16_t port) {
  return {*parse_numeric_endpoint("192.0.2.1", port), {}};
}

struct Row {
  const char* name;
  Event event;
  LogLevel level;
  std::string text;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

/// At least one row for each event.
std::vector<Row> rows() {
  using enum LogLevel;
  const PathId path{2};
  const Cipher aes = Cipher::aes_256_gcm;
  return {
      {"TablesFull", TablesFull{Drop::flow_limit}, warning,
       "a table is full: flow_limit; new entries are refused (logged once a minute)"},
      {"FlowsOpenedTooFast", TablesFull{Drop::flow_rate}, warning,
       "a client opens flows faster than it may: flow_rate; new ones are refused (logged once a minute)"},
      {"SessionTableFull", TablesFull{Drop::session_limit}, warning,
       "as many clients as max-clients allows have a session, and none was silent for 60 s: a new one is "
       "refused (logged once a minute)"},
      {"NetworkFull", NetworkFull{route(4001), 256}, warning,
       "a client from 192.0.2.1:4001 is refused: 256 clients of 192.0.2.0/24 have a session, as many as "
       "max-clients-per-network allows, and none was silent for 60 s. Set it higher, or give clients keys of "
       "their own (logged once a minute for each network)"},
      {"NetworkFullOfOne", NetworkFull{route(4001), 1}, warning,
       "a client from 192.0.2.1:4001 is refused: 1 client of 192.0.2.0/24 has a session, as many as "
       "max-clients-per-network allows, and none was silent for 60 s. Set it higher, or give clients keys of "
       "their own (logged once a minute for each network)"},
      {"EventsLeftOut",
       EventsLeftOut{{{"changes of paths", 12, route(4001).remote}, {"refusals by full tables", 3, {}}},
                     61s,
                     std::nullopt},
       warning,
       "not logged one by one in the last 61 s, because they are too many: 12 changes of paths (the last "
       "from "
       "192.0.2.1:4001), 3 refusals by full tables"},
      {"EventsLeftOutAtTheClient", EventsLeftOut{{{"changes of bridges", 12, {}}}, 60s, path}, warning,
       "not logged one by one in the last 60 s, because they are too many: 12 changes of bridges; the last "
       "of "
       "bridge b"},
      {"SessionStarted", SessionStarted{aes, false}, info,
       std::string("session with mpserver started, cipher ") + name_of(aes)},
      {"SessionResumed", SessionStarted{aes, true}, debug,
       std::string("session has new keys, cipher ") + name_of(aes)},
      {"SessionLost", SessionLost{}, warning, "no path answers any more; probing all of them until one does"},
      {"SessionLostForLong", SessionLost{31s}, warning,
       "no path has answered for 31 s: does mpserver run, do the bridges lead to its port, do firewalls let "
       "UDP through? Still probing all of them"},
      {"SessionLostToAHeldPath", SessionLost{{}, 1}, warning,
       "no path carries data: 1 path answers but is held, because it leads over a tunnel that may be the VPN "
       "that "
       "runs through this program, and no other path answers. Give the bridge dev=INTERFACE, or a route of "
       "its own, "
       "or set fwmark and a rule for it"},
      {"SessionLostToHeldPathsForLong", SessionLost{95s, 2}, warning,
       "no path carries data (for 2 min): 2 paths answer but are held, because they lead over a tunnel that "
       "may be "
       "the VPN that runs through this program, and no other path answers. Give the bridge dev=INTERFACE, or "
       "a route "
       "of its own, or set fwmark and a rule for it"},
      {"TrafficResumedOneWayEach", TrafficResumed{9s, 0}, info,
       "traffic flows again after 9 s, by paths that pass one way only"},
      {"PathOverloaded", PathOverloaded{path, 0.62, 934'000, false}, warning,
       "bridge b is given more than its line takes, about 934 kbit/s: 62 % of the copies of the last 5 s did "
       "not "
       "leave, because they would have waited here for too long. Send less through the tunnel, or make the "
       "bridge "
       "'backup' in mpclient.conf if the others are enough"},
      {"PathOverloadedNoMore", PathOverloaded{path, 0, 934'000, true}, info,
       "bridge b takes all that is sent on it again"},
      {"TrafficResumed", TrafficResumed{4200ms, 3}, info, "traffic flows again after 4 s, 3 paths up"},
      {"TrafficResumedSoon", TrafficResumed{400ms, 1}, info, "traffic flows again after 0.4 s, 1 path up"},
      {"SessionEnded", SessionEnded{CloseReason::shutdown}, info,
       std::string("mpserver ended the session: ") + name_of(CloseReason::shutdown) + "; reconnecting"},
      {"SessionRefusedVersion", SessionRefused{Refusal::version}, error,
       "mpserver refuses the session: the versions of mpclient and mpserver have no protocol in common: "
       "update the older one"},
      {"SessionRefusedCipher", SessionRefused{Refusal::cipher}, error,
       std::string("mpserver refuses the session: one end encrypts and the other does not; ") + kSetBothEnds},
      {"SessionRefusedNoRoom", SessionRefused{Refusal::no_room}, error,
       "mpserver refuses the session: it has no room for another client"},
      {"SessionRefusedByClose", SessionRefused{CloseReason::no_room}, error,
       std::string("mpserver refuses the session: ") + name_of(CloseReason::no_room)},
      {"NoAnswer", NoAnswer{}, warning,
       "no answer from mpserver by any bridge yet: does it run, do the bridges lead to its port, do "
       "firewalls "
       "let UDP through, is the key the same at both ends? Retrying"},
      {"NoAnswerForLong", NoAnswer{std::nullopt, false, 93s}, warning,
       "no answer from mpserver by any bridge yet (for 2 min): does it run, do the bridges lead to its port, "
       "do firewalls let UDP through, is the key the same at both ends? Retrying"},
      {"NoAnswerAfterASession", NoAnswer{std::nullopt, true}, warning,
       "no answer from mpserver since the session ended: does it run, do the bridges still lead to its port, "
       "do firewalls let UDP through? Retrying"},
      {"NoAnswerAfterKeyWithdrawn", NoAnswer{CloseReason::key_withdrawn}, warning,
       "mpserver does not accept this client's key any more; it is asked again each 5 s. Give this client "
       "its "
       "new key, or mpserver the old one"},
      {"NoAnswerAfterOtherEnd", NoAnswer{CloseReason::no_room}, warning,
       std::string("no answer from mpserver since it ended the session: ") + name_of(CloseReason::no_room) +
           "; it is asked again each 5 s"},
      {"PathUp", PathChanged{path, PathState::fresh, PathState::up, 12345us, 30ms, 1}, info,
       "bridge b is up: it answers, RTT 12.3 ms"},
      {"PathUpAfterSilence", PathChanged{path, PathState::down, PathState::up, 12ms, 3456ms, 9}, info,
       "bridge b is up: it answers again after 3456 ms, RTT 12.0 ms"},
      {"PathUpWithoutSilence", PathChanged{path, PathState::down, PathState::up, 12ms, 0ms, 0}, info,
       "bridge b is up: it answers, RTT 12.0 ms"},
      {"PathUpFromSuspect", PathChanged{path, PathState::suspect, PathState::up, 12ms, 230ms, 3}, debug,
       "bridge b is up: it answers again after 230 ms"},
      {"PathLossyOut", PathLossy{path, Direction::out, 0.63, false}, warning,
       "bridge b loses 63 % of what is sent on it, though it is up: check its link, and whether it is too "
       "slow "
       "for this rate"},
      {"PathLossyNoMore", PathLossy{path, Direction::in, 0.02, true}, info,
       "bridge b loses only 2 % of what comes back on it again"},
      {"PathSuspect", PathChanged{path, PathState::up, PathState::suspect, 12ms, 200ms, 2}, debug,
       "bridge b is suspect: 2 probes in 200 ms unanswered"},
      {"PathDown", PathChanged{path, PathState::suspect, PathState::down, 12ms, 1s, 30}, warning,
       "bridge b is down: 30 probes in 1000 ms unanswered; it is still probed"},
      {"PathPassesOut", PathOneWay{path, true}, warning,
       "bridge b passes one way only: mpserver hears what is sent on it, but nothing comes back; the other "
       "direction goes by the other bridges"},
      {"PathPassesIn", PathOneWay{path, false}, warning,
       "bridge b passes one way only: what mpserver sends on it arrives, but mpserver hears nothing on it; "
       "the "
       "other direction goes by the other bridges"},
      {"PathStandsBy", PathStandby{path, true}, info, "bridge b is in reserve: enough other paths are up"},
      {"PathIsInUse", PathStandby{path, false}, info, "bridge b is in use: too few other paths are up"},
      {"PathLooped", PathLooped{path}, error,
       "bridge b is shut: what is sent on it comes back in from the application; the tunnel would carry "
       "itself. The VPN that runs through this program must not get the route to its bridges: give the "
       "bridge "
       "dev=INTERFACE, or a route of its own, or set fwmark and a rule for it"},
      {"PathProved", PathProved{path}, debug,
       "bridge b: its answers show that it does not lead through this program"},
      {"PathReturns", PathReturns{path}, error,
       "bridge b is held: what is sent on it comes back in from the application, by its size; the VPN that "
       "runs through this program has taken the route to it. Give the bridge dev=INTERFACE, or a route of "
       "its "
       "own, or set fwmark and a rule for it"},
      {"Fragmenting", Fragmenting{path, 0.5, 1226}, warning,
       "50 % of the datagrams are larger than 1226 bytes and need two or more packets on bridge b, which "
       "doubles what is sent and what is lost: set 'mssfix 1226' in OpenVPN, or an MTU of 1184 in WireGuard"},
      {"ClientSessionStarted", ClientSessionStarted{kClient, aes, route(4000)}, info,
       std::string("client ab01ff20 from 192.0.2.1:4000: session started, cipher ") + name_of(aes)},
      {"ClientTakenOver", ClientTakenOver{kClient, aes, route(4000)}, info,
       std::string("client ab01ff20 from 192.0.2.1:4000: restarted, its flows continue, cipher ") +
           name_of(aes)},
      {"ClientSessionEnded", ClientSessionEnded{kClient, CloseReason::shutdown, {1234, 5678, 2h + 13min}},
       info,
       "client ab01ff20: session ended: the program ended; 1234 datagrams from it, 5678 to it, in 2 h 13 "
       "min"},
      {"ClientSessionSilent", ClientSessionSilent{kWord, {1, 0, 45s}}, info,
       "client garage: session ended: silent for too long; 1 datagram from it, 0 to it, in 45 s"},
      {"NamedSessionStarted", ClientSessionStarted{kWord, aes, route(4000)}, info,
       std::string("client garage from 192.0.2.1:4000: session started, cipher ") + name_of(aes)},
      {"NamelessSessionStarted", ClientSessionStarted{kAddress, aes, route(4000)}, info,
       std::string("client 192.0.2.1:4000: session started, cipher ") + name_of(aes)},
      {"NamedPathUp",
       ClientPathChanged{kWord, path, PathState::fresh, PathState::up, 0ms, 0ms, false, route(4001)}, info,
       "client garage: path fibre from 192.0.2.1:4001 is up"},
      {"NamedPathMoved", ClientPathMoved{kWord, path, route(4001), route(5001)}, info,
       "client garage: path fibre moved from 192.0.2.1:4001 to 192.0.2.1:5001"},
      {"PathMark", PathMark{path, 46, false}, warning,
       "bridge b loses all packets marked EF (DSCP 46) and passes others: they leave there unmarked, and the "
       "mark "
       "is tried again each 3 min. Have the network pass it, or set 'dscp none'"},
      {"PathMarkPasses", PathMark{path, 34, true}, info,
       "bridge b passes packets marked AF41 (DSCP 34) again: they keep it there"},
      {"ClientPathMark", ClientPathMark{kWord, {path, 8, false}, route(4001)}, warning,
       "client garage: path fibre from 192.0.2.1:4001 loses all packets marked CS1 (DSCP 8) and passes "
       "others: "
       "they leave there unmarked, and the mark is tried again each 3 min. Have the network pass it, or set "
       "'dscp "
       "none'"},
      {"NamedFragmenting", ClientFragmenting{kWord, {path, 1, 1226}}, warning,
       "100 % of the datagrams are larger than 1226 bytes and need two or more packets on path fibre of "
       "client "
       "garage, which doubles what is sent and what is lost: set 'mssfix 1226' in OpenVPN, or an MTU of 1184 "
       "in "
       "WireGuard"},
      {"IdentitiesClash", IdentitiesClash{kClient, route(4000)}, warning,
       "client ab01ff20: two running programs have this identity, 192.0.2.1:4000 is one of them; they are "
       "separate clients from now on. Give each a client-id of its own"},
      {"HandshakeRefusedCipher", HandshakeRefused{Refusal::cipher, route(4000)}, error,
       std::string("a client from 192.0.2.1:4000 is refused: one end encrypts and the other does not; ") +
           kSetBothEnds},
      {"HandshakeRefusedNoRoom", HandshakeRefused{Refusal::no_room, route(4000)}, error,
       "a client from 192.0.2.1:4000 is refused: it has no room for another client"},
      {"HandshakeDisabled", HandshakeDisabled{"bob", route(4000)}, warning,
       "client bob from 192.0.2.1:4000 is disabled in the keyring: it gets no answer (logged once a minute "
       "for "
       "each network)"},
      {"ClientOverRate", ClientQuotaReached{kNamed, Drop::key_rate}, warning,
       "client alice/ab01ff20 sends or gets more than its max-rate: what is beyond it is dropped (logged "
       "once a "
       "minute)"},
      {"ClientOverFlows", ClientQuotaReached{kNamed, Drop::key_flows}, warning,
       "client alice/ab01ff20 has as many flows as its max-flows allows: new ones are refused"},
      {"ClientWantsATarget", ClientQuotaReached{kNamed, Drop::no_target}, warning,
       "client alice/ab01ff20 sends datagrams, and there is no target for them here: write 'target "
       "HOST:PORT', or nothing but IP packets passes"},
      {"ClientOverSessions", ClientQuotaReached{kNamed, Drop::key_sessions}, warning,
       "client alice/ab01ff20 has as many sessions as its max-sessions allows: new ones are refused"},
      {"HandshakeOtherKey", HandshakeOtherKey{route(4000)}, warning,
       "a client from 192.0.2.1:4000 has another key, or one end has none: it gets no answer (logged once a "
       "minute for each network)"},
      {"ClientPathProved",
       ClientPathChanged{kClient, path, PathState::fresh, PathState::up, 0ms, 0ms, false, route(4001)}, info,
       "client ab01ff20: path 2 from 192.0.2.1:4001 is up"},
      {"ClientPathUp",
       ClientPathChanged{kClient, path, PathState::down, PathState::up, 12ms, 0ms, false, route(4001)}, info,
       "client ab01ff20: path 2 from 192.0.2.1:4001 is up, RTT 12.0 ms"},
      {"ClientPathUpFromSuspect",
       ClientPathChanged{kClient, path, PathState::suspect, PathState::up, 12ms, 0ms, false, route(4001)},
       debug, "client ab01ff20: path 2 from 192.0.2.1:4001 is up"},
      {"ClientPathSuspect",
       ClientPathChanged{kClient, path, PathState::up, PathState::suspect, 12ms, 1500ms, false, route(4001)},
       debug, "client ab01ff20: path 2 from 192.0.2.1:4001 is suspect: no probe for 1.5 s"},
      {"ClientPathDown",
       ClientPathChanged{kClient, path, PathState::suspect, PathState::down, 12ms, 3s, false, route(4001)},
       warning, "client ab01ff20: path 2 from 192.0.2.1:4001 is down: no probe for 3.0 s"},
      {"ClientPathLossy", ClientPathLossy{kClient, {path, Direction::in, 0.63, false}, route(4001)}, warning,
       "client ab01ff20: path 2 from 192.0.2.1:4001 loses 63 % of what comes by it, though it is up: check "
       "its "
       "link, and whether it is too slow for this rate"},
      {"ClientPathLossyNoMore", ClientPathLossy{kClient, {path, Direction::out, 0.1, true}, route(4001)},
       info, "client ab01ff20: path 2 from 192.0.2.1:4001 loses only 10 % of what is sent on it again"},
      {"ClientPathOverloaded", ClientPathOverloaded{kClient, {path, 0.5, 1'000'000, false}, route(4001)},
       warning,
       "client ab01ff20: path 2 from 192.0.2.1:4001 is given more than its line takes, about 1.0 Mbit/s: 50 "
       "% of the "
       "copies of the last 5 s did not leave, because they would have waited here for too long. Send less "
       "through "
       "the tunnel, or make the bridge 'backup' in mpclient.conf if the others are enough"},
      {"ClientPathUnheard",
       ClientPathChanged{kClient, path, PathState::up, PathState::down, 12ms, 10ms, true, route(4001)},
       warning, "client ab01ff20: path 2 from 192.0.2.1:4001 is down: the client hears nothing on it"},
      {"ClientPathMoved", ClientPathMoved{kClient, path, route(4001), route(5001)}, info,
       "client ab01ff20: path 2 moved from 192.0.2.1:4001 to 192.0.2.1:5001"},
      {"ClientPathStayed", ClientPathStayed{kClient, path, route(4001)}, info,
       "client ab01ff20: path 2 stays at 192.0.2.1:4001: it still answers there"},
      {"InnerAddresses", InnerAddresses{{kAddress4, kNetwork, kOfServer}}, info,
       "inner addresses: this client has 10.42.42.7/24, network 192.168.7.0/24"},
      {"InnerAddressesRefused",
       InnerAddresses{{kAddress4, refused(kNetwork, InnerVerdict::not_allowed),
                       refused(kAutomatic6, InnerVerdict::no_device), kOfServer}},
       warning,
       "inner addresses: this client has 10.42.42.7/24; refused: network 192.168.7.0/24 (not allowed), an "
       "IPv6 "
       "address (mpserver has no device for it)"},
      {"InnerAddressesAllRefused", InnerAddresses{{refused(kAddress4, InnerVerdict::taken), kOfServer}},
       warning, "inner addresses: this client has nothing; refused: 10.42.42.7/24 (taken by another client)"},
      {"InnerUnsupported", InnerUnsupported{}, warning,
       "the TUN device has no address: mpserver is older and carries no inner packets; update it"},
      {"InnerUnsupportedInTheClear", InnerUnsupported{true}, warning,
       std::string("the TUN device has no address: inner packets are carried encrypted alone; ") +
           kSetBothEnds},
      {"ClientInnerAddresses", ClientInnerAddresses{kNamed, {kAddress4}}, info,
       "inner addresses: client alice/ab01ff20 has 10.42.42.7/24"},
      {"ClientFragmenting", ClientFragmenting{kClient, {path, 1, 20}}, warning,
       "100 % of the datagrams are larger than 20 bytes and need two or more packets on path 2 of client "
       "ab01ff20, which doubles what is sent and what is lost: set 'mssfix 20' in OpenVPN, or an MTU of 0 in "
       "WireGuard"},
  };
}

class EventLog : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(All, EventLog, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(EventLog, SaysIt) {
  const auto line = line_of(GetParam().event, "b");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->level, GetParam().level);
  EXPECT_EQ(line->text, GetParam().text);
}

TEST(EventLines, HasARowForEachEvent) {
  std::vector<bool> seen(std::variant_size_v<Event>);
  for (const Row& row : rows()) seen[row.event.index()] = true;
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << "event " << i << " has no row";
}

TEST(EventLines, PathThatIsNewAgainIsNotWorthALine) {
  EXPECT_FALSE(line_of(PathChanged{PathId{2}, PathState::up, PathState::fresh, 0ms, 0ms, 0}, "b"));
}

TEST(EventLines, WritesTheLine) {
  testing::internal::CaptureStderr();
  log_event(PathStandby{PathId{2}, true}, "127.0.0.1:4001");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("bridge 127.0.0.1:4001 is in reserve"),
            std::string::npos);
}

TEST(PathOf, IsThePathThatAnEventIsAbout) {
  EXPECT_EQ(path_of(PathStandby{PathId{2}, true}), PathId{2});
  EXPECT_EQ(path_of(Fragmenting{PathId{1}, 0.5, 1200}), PathId{1});
  EXPECT_EQ(path_of(ClientPathStayed{kClient, PathId{3}, route(1)}), PathId{3});
  // What a client cannot cause as often as it likes is not limited as its paths' lines are.
  EXPECT_FALSE(path_of(ClientFragmenting{kClient, {PathId{1}, 0.5, 1200}}));
  EXPECT_FALSE(path_of(SessionLost{}));
}

}  // namespace
}  // namespace mptunnel
