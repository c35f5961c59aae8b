// ServerEngine: what peers may cost it, and what it tells of that.

#include <gtest/gtest.h>

#include "raw_client.h"

namespace mptunnel {
namespace {

using test::Packet;
using test::raw_route;
using test::RawClient;

class ServerLimits : public testing::Test {
 protected:
  void make_server(const ServerSettings& settings) {
    server_ = std::make_unique<ServerEngine>(settings, random_);
  }
  RawClient client(const Route& route) { return {*server_, client_random_, route}; }
  bool connect(std::uint8_t identity, const Route& route) {
    RawClient made = client(route);
    const bool connected = made.join(identity, identity, now_);
    events_.insert(events_.end(), made.events.begin(), made.events.end());
    return connected;
  }
  /// One that has shaken hands, from a network of which all places are taken.
  RawClient second_of_a_full_network() {
    ServerSettings settings;
    settings.max_sessions_of_network = 1;
    make_server(settings);
    EXPECT_TRUE(connect(1, raw_route(1)));
    RawClient second = client(raw_route(1, 2));
    EXPECT_TRUE(second.shake(now_));
    return second;
  }
  template <typename Kind>
  [[nodiscard]] std::size_t count() const {
    return test::Tunnel::count<Kind>(events_);
  }
  /// Calls the server's timers each second until then.
  void advance(Duration span) {
    for (const TimePoint end = now_ + span; now_ < end;) {
      now_ += 1s;
      Output out;
      server_->on_deadline(out, now_);
      events_.insert(events_.end(), out.events.begin(), out.events.end());
    }
  }

  TimePoint now_{1000s};
  test::TestRandom random_{1};
  test::TestRandom client_random_{2};
  std::unique_ptr<ServerEngine> server_;
  std::vector<Event> events_;
};

TEST_F(ServerLimits, FullSessionTableTellsTheNewcomer) {
  ServerSettings settings;
  settings.max_sessions = 2;
  make_server(settings);
  ASSERT_TRUE(connect(1, raw_route(1)));
  ASSERT_TRUE(connect(2, raw_route(2)));
  RawClient third = client(raw_route(3));
  ASSERT_TRUE(third.shake(now_));
  const Packet hello = third.hello(3, 3, now_);
  const Output out = third.send(hello, now_);
  EXPECT_TRUE(out.runs.empty());
  ASSERT_EQ(out.direct.size(), 1U);
  EXPECT_EQ(out.direct[0].route, raw_route(3));
  EXPECT_LE(out.direct[0].size, hello.size());
  const auto frames = third.read(out.bytes_of(out.direct[0]), now_);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(std::get<CloseFrame>(frames[0]).reason, CloseReason::no_room);
  EXPECT_EQ(server_->drops()[Drop::session_limit], 1U);
  EXPECT_EQ(server_->state().table.all().size(), 2U);
  ASSERT_EQ(third.events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<TablesFull>(third.events[0]));
  EXPECT_EQ(std::get<TablesFull>(third.events[0]).drop, Drop::session_limit);
}

TEST_F(ServerLimits, FullTableIsSaidOnceAMinute) {
  ServerSettings settings;
  settings.max_sessions = 1;
  make_server(settings);
  RawClient first = client(raw_route(1));
  ASSERT_TRUE(first.join(1, 1, now_));
  for (int i = 0; i < 70; ++i) {
    EXPECT_FALSE(connect(2, raw_route(2)));
    first.send(first.ping(now_), now_);
    advance(1s);
  }
  EXPECT_EQ(count<TablesFull>(), 2U);
  EXPECT_EQ(server_->drops()[Drop::session_limit], 70U);
}

TEST_F(ServerLimits, DormantSessionMakesRoomAndALiveOneDoesNot) {
  ServerSettings settings;
  settings.max_sessions = 2;
  make_server(settings);
  RawClient live = client(raw_route(1));
  ASSERT_TRUE(live.join(1, 1, now_));
  ASSERT_TRUE(connect(2, raw_route(2)));
  for (int i = 0; i < 61; ++i) {
    EXPECT_FALSE(connect(3, raw_route(3)));
    live.send(live.ping(now_), now_);
    if (i < 59) {
      EXPECT_EQ(server_->state().table.all().size(), 2U);
    }
    advance(1s);
    if (server_->state().table.all().rbegin()->second->dormant) break;
  }
  EXPECT_TRUE(connect(3, raw_route(3)));
  EXPECT_EQ(server_->state().table.all().size(), 2U);
  EXPECT_EQ(count<ClientSessionSilent>(), 1U);
  // The one that was heard all the time is there still.
  EXPECT_FALSE(live.send(live.ping(now_), now_).runs.empty());
}

TEST_F(ServerLimits, SourceNetworkHasAQuota) {
  ServerSettings settings;
  settings.max_sessions_of_network = 2;
  make_server(settings);
  EXPECT_TRUE(connect(1, raw_route(1, 1)));
  EXPECT_TRUE(connect(2, raw_route(1, 2)));
  EXPECT_FALSE(connect(3, raw_route(1, 3)));
  EXPECT_TRUE(connect(4, raw_route(2, 1)));
  EXPECT_EQ(server_->state().table.all().size(), 3U);
  EXPECT_EQ(server_->drops()[Drop::network_limit], 1U);
}

TEST_F(ServerLimits, SilentClientOfAFullNetworkYieldsAfterAMinute) {
  ServerSettings settings;
  settings.max_sessions_of_network = 2;
  make_server(settings);
  RawClient live = client(raw_route(1, 1));
  ASSERT_TRUE(live.join(1, 1, now_));
  ASSERT_TRUE(connect(2, raw_route(1, 2)));
  RawClient third = client(raw_route(1, 3));
  EXPECT_FALSE(third.join(3, 3, now_));
  ASSERT_EQ(third.events.size(), 1U);
  const auto& told = std::get<NetworkFull>(third.events[0]);
  EXPECT_EQ(told.limit, 2U);
  EXPECT_EQ(told.route, raw_route(1, 3));
  for (int i = 0; i < 61; ++i) {
    advance(1s);
    live.send(live.ping(now_), now_);
    if (i == 58) {
      EXPECT_FALSE(connect(3, raw_route(1, 3)));
    }
  }
  EXPECT_TRUE(connect(3, raw_route(1, 3)));
  EXPECT_EQ(count<ClientSessionSilent>(), 1U);
  EXPECT_FALSE(live.send(live.ping(now_), now_).runs.empty()) << "it was heard all the time";
}

TEST_F(ServerLimits, AddressesThatNobodyProvedCountAgainstNoNetwork) {
  ServerSettings settings;
  settings.max_sessions = 20;
  settings.max_sessions_of_network = 5;
  make_server(settings);
  // Whoever completes handshakes and forges the source of what follows.
  for (std::uint8_t i = 0; i < 200; ++i) {
    RawClient forger = client(raw_route(9, 1000 + i));
    ASSERT_TRUE(forger.shake(now_));
    forger.set_route(raw_route(i % 20 == 0 ? 7 : i, 2000));
    EXPECT_TRUE(!forger.send(forger.hello(i, 1, now_), now_).runs.empty());
    EXPECT_TRUE(forger.events.empty()) << "no line for an address that nobody proved";
    EXPECT_LE(server_->state().table.all().size(), kMaxUnsettledSessions);
    now_ += 20ms;  // as fast as handshakes are answered
  }
  for (std::uint8_t i = 201; i < 206; ++i) EXPECT_TRUE(connect(i, raw_route(7, i)));
  EXPECT_FALSE(connect(206, raw_route(7, 206))) << "those that are proved count";
  EXPECT_EQ(server_->drops()[Drop::network_limit], 1U);
  advance(10s);
  EXPECT_EQ(server_->state().table.all().size(), 5U);
  EXPECT_EQ(count<ClientSessionSilent>(), 0U);
  EXPECT_EQ(count<ClientSessionStarted>(), 5U);
}

TEST_F(ServerLimits, NetworkWithoutRoomIsToldWhenTheAddressIsProved) {
  ServerSettings settings;
  settings.max_sessions_of_network = 1;
  make_server(settings);
  ASSERT_TRUE(connect(1, raw_route(1, 1)));
  RawClient second = client(raw_route(1, 2));
  ASSERT_TRUE(second.shake(now_));
  const Output answer = second.send(second.hello(2, 2, now_), now_);
  const auto frames = second.read(answer.bytes_of(answer.runs[0]), now_);
  ASSERT_EQ(frames.size(), 2U) << "PONG and CHALLENGE: the session is not confirmed";
  const EchoFrame echo{std::get<ChallengeFrame>(frames.back()).token};
  // What follows the echo in its packet meets no session any more.
  const Output out =
      second.send(second.control({PingFrame{}, echo, FlowOpenFrame{FlowId{0}, 1}}, now_), now_);
  ASSERT_EQ(out.direct.size(), 1U);
  EXPECT_TRUE(out.runs.empty() && out.flow_changes.empty());
  EXPECT_EQ(out.direct[0].route, raw_route(1, 2));
  const auto told = second.read(out.bytes_of(out.direct[0]), now_);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<CloseFrame>(told[0]).reason, CloseReason::no_room);
  EXPECT_EQ(server_->state().table.all().size(), 1U);
}

TEST_F(ServerLimits, CopyOfAHelloConfirmsNoSessionWithoutRoom) {
  RawClient second = second_of_a_full_network();
  const Packet hello = second.hello(2, 2, now_);
  for (int i = 0; i < 2; ++i) {
    const Output out = second.send(hello, now_);
    for (const Frame& frame : second.read(out.bytes_of(out.runs.at(0)), now_))
      EXPECT_FALSE(std::holds_alternative<ServerHelloFrame>(frame)) << i;
  }
}

TEST_F(ServerLimits, HelloFromAFullNetworkThatProvesAnotherAddressGetsItsPlace) {
  RawClient second = second_of_a_full_network();
  second.send(second.hello(2, 2, now_), now_);
  second.set_route(raw_route(2));
  EXPECT_TRUE(second.echo(second.send(second.ping(now_), now_), now_));
  ClientHelloFrame hello;
  const auto frames = [&] {
    const Output out = second.send(second.control({hello, PingFrame{}}, now_), now_);
    return second.read(out.bytes_of(out.runs[0]), now_);
  }();
  EXPECT_TRUE(std::holds_alternative<ServerHelloFrame>(frames[0]));
  EXPECT_EQ(server_->state().table.all().size(), 2U);
}

TEST_F(ServerLimits, SessionThatProvesNothingEndsAfterTenSeconds) {
  make_server({});
  RawClient raw = client(raw_route(1));
  ASSERT_TRUE(raw.connect(1, 1, now_));
  for (int i = 0; i < 9; ++i) {
    raw.send(raw.control({PingFrame{}}, now_), now_);
    advance(1s);
  }
  EXPECT_EQ(server_->state().table.all().size(), 1U);
  advance(1s);
  EXPECT_TRUE(server_->state().table.all().empty());
  EXPECT_EQ(count<ClientSessionSilent>(), 0U);
}

TEST_F(ServerLimits, TakenOverPlaceHasToBeProvedAsWell) {
  make_server({});
  ASSERT_TRUE(connect(1, raw_route(1)));
  RawClient claims = client(raw_route(2));
  ASSERT_TRUE(claims.connect(1, 99, now_));
  advance(10s);
  EXPECT_TRUE(server_->state().table.all().empty());
}

TEST_F(ServerLimits, SessionOpensFlowsAtALimitedRate) {
  make_server({});
  RawClient raw = client(raw_route(1));
  ASSERT_TRUE(raw.join(1, 1, now_));
  // One that ends at once: its place is no limit here.
  const auto open = [&](std::uint32_t id) {
    const auto changes = raw.send(raw.data({FlowOpenFrame{FlowId{id}, id}}, now_), now_).flow_changes.size();
    if (id > 0) raw.send(raw.control({FlowCloseFrame{FlowId{id}}}, now_), now_);
    return changes;
  };
  std::size_t opened = 0;
  for (std::uint32_t id = 0; id < 6000; ++id) opened += open(id);
  EXPECT_EQ(opened, 4096U);
  EXPECT_EQ(server_->drops()[Drop::flow_rate], 6000U - 4096U);
  EXPECT_EQ(open(0), 0U);
  EXPECT_EQ(server_->drops()[Drop::flow_rate], 6000U - 4096U) << "one that is known costs nothing";
  now_ += 1s;
  for (std::uint32_t id = 6000; id < 9000; ++id) opened += open(id);
  EXPECT_EQ(opened, 4096U + 2000U);
}

TEST_F(ServerLimits, OtherKeysOfOneNetworkHideNoneOfAnother) {
  ServerSettings settings;
  settings.handshake.key.emplace();
  settings.handshake.key->bytes.fill(1);
  make_server(settings);
  for (int i = 0; i < 500; ++i) {
    RawClient junk = client(raw_route(1));
    junk.shake(now_);
    events_.insert(events_.end(), junk.events.begin(), junk.events.end());
  }
  EXPECT_EQ(count<HandshakeOtherKey>(), 1U);
  RawClient mistaken = client(raw_route(2));
  mistaken.shake(now_);
  ASSERT_EQ(mistaken.events.size(), 1U);
  EXPECT_EQ(std::get<HandshakeOtherKey>(mistaken.events[0]).route, raw_route(2));
  EXPECT_EQ(server_->deadline(), now_ + kLeftOutAfter) << "wakes up to tell";
  advance(60s);
  ASSERT_EQ(count<EventsLeftOut>(), 1U);
  const auto& told = std::get<EventsLeftOut>(events_.back());
  ASSERT_EQ(told.kinds.size(), 1U);
  EXPECT_EQ(told.kinds[0].count, 499U);
  EXPECT_EQ(told.kinds[0].last_from, raw_route(1).remote);
  EXPECT_EQ(told.span, 60s);
}

TEST_F(ServerLimits, RestartedClientIsLetIntoAFullTable) {
  ServerSettings settings;
  settings.max_sessions = 1;
  settings.max_sessions_of_network = 1;
  make_server(settings);
  ASSERT_TRUE(connect(1, raw_route(1)));
  RawClient restarted = client(raw_route(1, 4001));
  EXPECT_TRUE(restarted.join(1, 99, now_));
  EXPECT_EQ(test::Tunnel::count<ClientTakenOver>(restarted.events), 1U);
}

TEST_F(ServerLimits, RestartsInARowLeaveTheOthersTheirPlaces) {
  ServerSettings settings;
  settings.max_sessions = 3;
  make_server(settings);
  for (std::uint8_t identity = 1; identity <= 3; ++identity)
    ASSERT_TRUE(connect(identity, raw_route(identity)));
  for (ProcessId process = 100; process < 300; ++process) {
    RawClient restarted = client(raw_route(1));
    EXPECT_TRUE(restarted.join(1, process, now_));
    EXPECT_LE(server_->state().table.all().size(), 3 + kMaxUnsettledSessions);
    if (process % 20 == 0) advance(1s);
  }
  advance(11s);
  EXPECT_EQ(server_->state().table.all().size(), 3U);
}

TEST_F(ServerLimits, FlowsOfAllSessionsTogetherHaveALimit) {
  ServerSettings settings;
  settings.max_flows = 3;
  make_server(settings);
  RawClient one = client(raw_route(1));
  RawClient two = client(raw_route(2));
  ASSERT_TRUE(one.join(1, 1, now_));
  ASSERT_TRUE(two.join(2, 2, now_));
  for (std::uint16_t id = 0; id < 2; ++id) {
    EXPECT_EQ(one.send(one.data({FlowOpenFrame{FlowId{id}, id}}, now_), now_).flow_changes.size(), 1U);
    two.send(two.data({FlowOpenFrame{FlowId{id}, id}}, now_), now_);
  }
  EXPECT_EQ(server_->state().table.flows(), 3U);
  EXPECT_EQ(server_->drops()[Drop::flow_limit], 1U);
  ASSERT_EQ(test::Tunnel::count<TablesFull>(two.events), 1U);
  // A flow that is open already is not refused.
  EXPECT_TRUE(one.send(one.data({FlowOpenFrame{FlowId{0}, 0}}, now_), now_).events.empty());
  EXPECT_EQ(server_->drops()[Drop::flow_limit], 1U);
  // Room again, once one has gone.
  one.send(one.control({FlowCloseFrame{FlowId{0}}}, now_), now_);
  EXPECT_EQ(two.send(two.data({FlowOpenFrame{FlowId{1}, 1}}, now_), now_).flow_changes.size(), 1U);
}

TEST_F(ServerLimits, SameHashOfTwoClientsIsTwoFlows) {
  make_server({});
  RawClient one = client(raw_route(1));
  RawClient two = client(raw_route(2));
  ASSERT_TRUE(one.join(1, 1, now_));
  ASSERT_TRUE(two.join(2, 2, now_));
  const Output first = one.send(one.data({FlowOpenFrame{FlowId{0}, 7}}, now_), now_);
  const Output second = two.send(two.data({FlowOpenFrame{FlowId{0}, 7}}, now_), now_);
  ASSERT_TRUE(first.flow_changes.size() == 1 && second.flow_changes.size() == 1);
  EXPECT_NE(first.flow_changes[0].flow, second.flow_changes[0].flow);
}

TEST_F(ServerLimits, HandshakesBeyondTheBudgetAreCountedAndNotAnswered) {
  make_server({});
  RawClient raw = client(raw_route(1));
  int answered = 0;
  for (int i = 0; i < 500; ++i) answered += raw.shake(now_) ? 1 : 0;
  // 32 without a proof of the address, then as many as an address may begin with one.
  EXPECT_EQ(answered, 32 + 32);
  EXPECT_EQ(server_->drops()[Drop::handshake_unproved], 1U);
  EXPECT_EQ(server_->drops()[Drop::handshake_rate], 500U - 32 - 32);
}

TEST_F(ServerLimits, EpochsOfOneSessionAreBounded) {
  make_server({});
  RawClient raw = client(raw_route(1));
  std::vector<SessionIndex> indices;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(raw.connect(1, 1, now_));
    EXPECT_LE(server_->state().table.all().begin()->second->link.indices().size(), 4U);
    now_ += 100ms;
  }
  EXPECT_EQ(server_->state().table.all().size(), 1U);
}

/// Whoever forges a source address must not make the server a louder one.
class ServerAmplification : public ServerLimits {
 protected:
  struct Balance {
    std::size_t from = 0;
    std::size_t to = 0;
  };
  void exchange(RawClient& raw, Packet packet, const Route& route, Balance& balance) {
    const std::size_t size = packet.size();
    const std::size_t before = balance.to;
    balance.from += size;
    const Output out = raw.send(std::move(packet), now_);
    for (const DirectPacket& sent : out.direct) balance.to += sent.route == route ? sent.size : 0;
    for (const PacketRun& run : out.runs) {
      for (const PathId path : run.paths) {
        if (*server_->route_of(run.session, path) == route) balance.to += run.bytes();
      }
    }
    EXPECT_LE(balance.to - before, size);
    EXPECT_LE(balance.to, balance.from);
  }
};

TEST_F(ServerAmplification, UnvalidatedAddressNeverGetsMoreThanCameFromIt) {
  make_server({});
  const Route route = raw_route(1);
  RawClient raw = client(route);
  Balance balance;
  ClientHandshake handshake({}, client_random_);
  handshake.begin(SessionIndex{1}, now_);
  for (int i = 0; i < 20; ++i) {
    exchange(raw, Packet(handshake.message().begin(), handshake.message().end()), route, balance);
  }
  EXPECT_GT(balance.to, 0U);
  ASSERT_TRUE(raw.shake(now_));
  balance = {};
  // Frames as small as they can be, of many paths, with flows that are opened and targets that answer.
  exchange(raw, raw.hello(1, 1, now_), route, balance);
  for (std::uint8_t i = 0; i < 100; ++i) {
    PingFrame ping;
    ping.report.path = PathId{static_cast<std::uint8_t>(i % 32)};
    exchange(raw, raw.control({ping}, now_), route, balance);
    exchange(raw, raw.control({ClientHelloFrame{}}, now_), route, balance);
    exchange(raw, raw.control({ClientHelloFrame{}, ping, ping, ping}, now_), route, balance);
    exchange(raw, raw.data({FlowOpenFrame{FlowId{i}, i}, DatagramFrame{FlowId{i}, {}}}, now_), route,
             balance);
    exchange(raw, raw.data({DatagramFrame{FlowId{1000}, {}}}, now_), route, balance);
    Packet reply(1000);
    Output out;
    server_->on_target(FlowHandle{1U + i}, {reply, 1000}, out, now_);
    EXPECT_TRUE(out.runs.empty() && out.direct.empty());
    now_ += 20ms;
  }
  EXPECT_GT(balance.to, 0U);
}

TEST_F(ServerAmplification, NewAddressOfAPathNeverGetsMoreThanCameFromIt) {
  make_server({});
  RawClient raw = client(raw_route(1));
  ASSERT_TRUE(raw.connect(1, 1, now_));
  const Output out = raw.send(raw.ping(now_), now_);
  ASSERT_EQ(out.runs.size(), 1U);
  const auto frames = raw.read(out.bytes_of(out.runs[0]), now_);
  raw.send(raw.control({EchoFrame{std::get<ChallengeFrame>(frames.back()).token}}, now_), now_);
  ASSERT_FALSE(server_->state().table.all().begin()->second->carrying(now_).empty());
  const Route elsewhere = raw_route(9);
  raw.set_route(elsewhere);
  Balance balance;
  for (int i = 0; i < 100; ++i) exchange(raw, raw.control({PingFrame{}}, now_), elsewhere, balance);
  EXPECT_GT(balance.to, 0U);
  EXPECT_EQ(*server_->route_of(server_->state().table.all().begin()->first, PathId{0}), raw_route(1));
}

}  // namespace
}  // namespace mptunnel
