// ClientEngine: how it comes to a session, and what it says and does until then.

#include <gtest/gtest.h>

#include <set>

#include "tunnel.h"

namespace mptunnel {
namespace {

using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

bool is_handshake1(const Wire& wire) {
  return wire.type() == PacketType::handshake1;
}
bool nothing(const Wire& /*wire*/) {
  return false;
}

class ClientHandshaking : public testing::Test {
 protected:
  /// When HANDSHAKE 1 left by path 0, from the start of the test; each 10 ms are looked at.
  std::vector<Duration> handshake_times(Tunnel& tunnel, Duration span, Duration application_interval = {}) {
    std::vector<Duration> times;
    const TimePoint start = tunnel.now;
    std::size_t seen = 0;
    for (Duration at{}; at < span; at += 10ms) {
      tunnel.advance(10ms);
      if (application_interval > 0ms && at % application_interval == 0ms) tunnel.application_sends(1, "x");
      for (; seen < tunnel.wires.size(); ++seen) {
        const Wire& wire = tunnel.wires[seen];
        if (is_handshake1(wire) && wire.path == PathId{0}) times.push_back(tunnel.now - start);
      }
    }
    return times;
  }
  /// The different messages that left.
  static std::set<std::string> messages(const Tunnel& tunnel) {
    std::set<std::string> found;
    for (const Wire& wire : tunnel.wires) {
      if (is_handshake1(wire)) found.emplace(wire.bytes.begin(), wire.bytes.end());
    }
    return found;
  }
};

TEST_F(ClientHandshaking, AsksForNothingWithoutAPath) {
  Tunnel tunnel;
  EXPECT_EQ(tunnel.client->deadline(), kNever);
  tunnel.advance(1min);
  EXPECT_TRUE(tunnel.wires.empty());
  tunnel.application_sends(1, "x");
  tunnel.advance(1min);
  EXPECT_TRUE(tunnel.wires.empty());
}

TEST_F(ClientHandshaking, MessageIsTheSameOnAllPathsAndForFiveSeconds) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  ASSERT_EQ(tunnel.wires.size(), 3U);
  const TimePoint start = tunnel.now;
  while (tunnel.now < start + 4900ms) {
    tunnel.application_sends(1, "x");
    tunnel.advance(100ms);
  }
  EXPECT_GE(tunnel.wires.size(), 3 * 20U);
  EXPECT_EQ(messages(tunnel).size(), 1U);
  EXPECT_EQ(messages(tunnel).begin()->size(), kHandshake1Bytes);
  while (tunnel.now < start + 9s) {
    tunnel.application_sends(1, "x");
    tunnel.advance(100ms);
  }
  EXPECT_EQ(messages(tunnel).size(), 2U);
}

TEST_F(ClientHandshaking, RepeatsEach200MillisecondsWhileTheApplicationSends) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.application_sends(1, "x");
  tunnel.start();
  const auto times = handshake_times(tunnel, 10s, 100ms);
  ASSERT_GE(times.size(), 50U);
  for (std::size_t i = 1; i < times.size(); ++i) {
    // An eighth of jitter, and the 10 ms that the test looks at.
    EXPECT_LE(times[i] - times[i - 1], 210ms);
    EXPECT_GE(times[i] - times[i - 1], 165ms);
  }
}

TEST_F(ClientHandshaking, BacksOffToFiveSecondsWhileItIsQuiet) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  const auto times = handshake_times(tunnel, 60s);
  ASSERT_GE(times.size(), 10U);
  EXPECT_LE(times.size(), 20U);
  for (std::size_t i = 1; i < times.size(); ++i) EXPECT_LE(times[i] - times[i - 1], 5010ms);
  EXPECT_GE(times.back() - times[times.size() - 2], 4370ms);
}

TEST_F(ClientHandshaking, JitterKeepsTwoClientsApart) {
  Tunnel one;
  Tunnel two;
  two.client_random.u64();
  for (Tunnel* tunnel : {&one, &two}) {
    tunnel->arrives = nothing;
    tunnel->start();
  }
  EXPECT_NE(handshake_times(one, 30s), handshake_times(two, 30s));
}

TEST_F(ClientHandshaking, DatagramAfterQuietTriggersOneAtOnce) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  tunnel.advance(60s);
  tunnel.advance(1s);
  const std::size_t before = tunnel.wires.size();
  tunnel.application_sends(1, "x");
  tunnel.advance(1ms);
  EXPECT_GT(tunnel.wires.size(), before);
}

TEST_F(ClientHandshaking, NoAnswerIsSaidAfterThreeSecondsAndThenEverMoreSeldom) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  tunnel.advance(2900ms);
  EXPECT_TRUE(tunnel.client_events.empty());
  EXPECT_FALSE(tunnel.client->snapshot(tunnel.now).no_answer);
  tunnel.advance(5s);
  ASSERT_EQ(tunnel.client_events.size(), 1U);
  EXPECT_EQ(std::get<NoAnswer>(tunnel.client_events[0]).lasts, Duration{});
  ASSERT_TRUE(tunnel.client->snapshot(tunnel.now).no_answer);
  EXPECT_GE(tunnel.client->snapshot(tunnel.now).no_answer->lasts, 7s);
  // Some 3, 33, 93, 213 and 453 s after the start.
  tunnel.advance(10min - 8s);
  ASSERT_EQ(tunnel.client_events.size(), 5U);
  EXPECT_GE(std::get<NoAnswer>(tunnel.client_events[4]).lasts, 450s);
  // A session, and it may be said again.
  tunnel.arrives = nullptr;
  tunnel.advance(10s);
  ASSERT_TRUE(tunnel.client->state().link.current() != nullptr);
  EXPECT_FALSE(tunnel.client->snapshot(tunnel.now).no_answer);
}

TEST_F(ClientHandshaking, QueueIsFlushedInOrderWhenTheSessionStarts) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  for (int i = 0; i < 100; ++i)
    tunnel.application_sends(static_cast<std::uint16_t>(1 + i % 3), std::to_string(i));
  EXPECT_TRUE(tunnel.at_target.empty());
  tunnel.arrives = nullptr;
  tunnel.advance(300ms);
  ASSERT_EQ(tunnel.at_target.size(), 100U);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(tunnel.at_target[static_cast<std::size_t>(i)].payload, std::to_string(i));
}

TEST_F(ClientHandshaking, DatagramSentBeforeAnyPathArrivesIfOneComesInTime) {
  Tunnel tunnel;
  tunnel.application_sends(1, "early");
  tunnel.advance(499ms);
  tunnel.start();
  ASSERT_EQ(tunnel.at_target.size(), 1U);
  EXPECT_EQ(tunnel.at_target[0].payload, "early");
}

TEST_F(ClientHandshaking, QueuedDatagramExpiresAfterHalfASecond) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  tunnel.application_sends(1, "old");
  tunnel.advance(300ms);
  tunnel.application_sends(1, "young");
  tunnel.advance(199ms);
  EXPECT_EQ(tunnel.client_drops(Drop::queue_expired), 0U);
  tunnel.advance(1ms);
  EXPECT_EQ(tunnel.client_drops(Drop::queue_expired), 1U);
  tunnel.arrives = nullptr;
  tunnel.advance(250ms);
  ASSERT_EQ(tunnel.at_target.size(), 1U);
  EXPECT_EQ(tunnel.at_target[0].payload, "young");
}

TEST_F(ClientHandshaking, FullQueueIsCounted) {
  Tunnel tunnel;
  tunnel.arrives = nothing;
  tunnel.start();
  for (std::size_t i = 0; i < kQueueDatagrams + 3; ++i) tunnel.application_sends(1, "");
  EXPECT_EQ(tunnel.client_drops(Drop::queue_full), 3U);
  tunnel.arrives = nullptr;
  tunnel.advance(250ms);
  EXPECT_EQ(tunnel.at_target.size(), kQueueDatagrams);
}

struct RefusalRow {
  const char* name;
  bool client_encrypts;
  bool server_encrypts;
};

TEST_F(ClientHandshaking, RefusalIsSaidOnceByTheClientAndOnceAMinuteByTheServer) {
  for (const RefusalRow& row :
       {RefusalRow{"client in the clear", false, true}, RefusalRow{"server in the clear", true, false}}) {
    TunnelSettings settings;
    settings.client.encrypt = row.client_encrypts;
    settings.server.encrypt = row.server_encrypts;
    Tunnel tunnel(settings);
    tunnel.start();
    tunnel.advance(30s);
    ASSERT_EQ(tunnel.client_events.size(), 1U) << row.name;
    EXPECT_TRUE(std::holds_alternative<SessionRefused>(tunnel.client_events[0]));
    EXPECT_EQ(std::get<Refusal>(std::get<SessionRefused>(tunnel.client_events[0]).why), Refusal::cipher);
    ASSERT_EQ(tunnel.server_events.size(), 1U) << row.name;
    EXPECT_TRUE(std::holds_alternative<HandshakeRefused>(tunnel.server_events[0]));
    EXPECT_EQ(std::get<HandshakeRefused>(tunnel.server_events[0]).refusal, Refusal::cipher);
    tunnel.advance(90s);
    EXPECT_EQ(tunnel.client_events.size(), 1U);
    EXPECT_GE(Tunnel::count<HandshakeRefused>(tunnel.server_events), 2U);
    EXPECT_LE(Tunnel::count<HandshakeRefused>(tunnel.server_events), 3U);
    EXPECT_FALSE(tunnel.client->state().link.current() != nullptr);
  }
}

TEST_F(ClientHandshaking, FullServerIsSaidOnceAndAskedEachFiveSeconds) {
  TunnelSettings settings;
  settings.limits.max_sessions = 0;
  Tunnel tunnel(settings);
  tunnel.start();
  const auto times = handshake_times(tunnel, 60s, 10ms);
  EXPECT_GE(times.size(), 11U);
  EXPECT_LE(times.size(), 14U);
  ASSERT_EQ(tunnel.client_events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SessionRefused>(tunnel.client_events[0]));
  EXPECT_EQ(std::get<CloseReason>(std::get<SessionRefused>(tunnel.client_events[0]).why),
            CloseReason::no_room);
}

TEST_F(ClientHandshaking, RefusedClientAsksEachFiveSecondsHoweverMuchIsSent) {
  TunnelSettings settings;
  settings.client.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  const auto times = handshake_times(tunnel, 60s, 10ms);
  EXPECT_GE(times.size(), 11U);
  EXPECT_LE(times.size(), 14U);
}

TEST_F(ClientHandshaking, RefusedClientConnectsOnceTheSettingIsChanged) {
  TunnelSettings settings;
  settings.server.encrypt = false;
  Tunnel tunnel(settings);
  tunnel.start();
  tunnel.settings.server.encrypt = true;
  tunnel.restart_server();
  tunnel.advance(6s);
  EXPECT_TRUE(tunnel.client->state().link.current() != nullptr);
}

TEST_F(ClientHandshaking, KeyThatWasWithdrawnIsTriedEachFiveSecondsAndThatIsSaidSeldom) {
  for (const Duration interval : {10ms, 0ms}) {  // of an application, or of none
    TunnelSettings settings;
    settings.client.key = test::make_key(1);
    settings.limits.named_keys = {NamedKey{"alice", test::make_key(1), {}, false}};
    Tunnel tunnel(settings);
    tunnel.start();
    ASSERT_NE(tunnel.client->state().link.current(), nullptr);
    tunnel.application_sends(1, "x");
    tunnel.client_events.clear();
    tunnel.wires.clear();
    tunnel.server->set_keys({{}, std::vector<NamedKey>{}}, tunnel.server_out, tunnel.now);
    tunnel.carry_server();
    const auto times = handshake_times(tunnel, 60s, interval);
    ASSERT_GE(times.size(), 11U);
    EXPECT_LE(times.size(), 14U);
    EXPECT_GE(times.front(), 4900ms);
    // After 3 s and 33 s.
    ASSERT_EQ(tunnel.client_events.size(), 3U) << interval.count();
    EXPECT_EQ(std::get<SessionEnded>(tunnel.client_events[0]).reason, CloseReason::key_withdrawn);
    EXPECT_EQ(std::get<NoAnswer>(tunnel.client_events[1]).closed_for, CloseReason::key_withdrawn);
    // The key is back, and later mpserver is gone: that is another matter.
    tunnel.server->set_keys({{}, settings.limits.named_keys}, tunnel.server_out, tunnel.now);
    tunnel.advance(6s);
    ASSERT_NE(tunnel.client->state().link.current(), nullptr);
    tunnel.client_events.clear();
    tunnel.server->close(tunnel.server_out, tunnel.now);
    tunnel.arrives = [](const Wire& wire) { return !wire.to_server; };
    tunnel.carry_server();
    tunnel.wires.clear();
    EXPECT_GE(handshake_times(tunnel, 6s, 10ms).size(), 25U);
    EXPECT_FALSE(std::get<NoAnswer>(tunnel.client_events.at(1)).closed_for);
  }
}

struct SilenceRow {
  const char* name;
  std::optional<std::uint8_t> client;
  std::optional<std::uint8_t> server;
};

TEST_F(ClientHandshaking, OtherKeyOrNoneGetsNoAnswerAtAll) {
  for (const SilenceRow& row : {SilenceRow{"no key", std::nullopt, 1}, SilenceRow{"another key", 2, 1},
                                SilenceRow{"a key too many", 2, std::nullopt}}) {
    TunnelSettings settings;
    if (row.client) settings.client.key = test::make_key(*row.client);
    if (row.server) settings.server.key = test::make_key(*row.server);
    Tunnel tunnel(settings);
    tunnel.start();
    for (int i = 0; i < 600; ++i) {
      tunnel.application_sends(1, "x");
      tunnel.advance(100ms);
    }
    for (const Wire& wire : tunnel.wires) ASSERT_TRUE(wire.to_server) << row.name;
    EXPECT_TRUE(tunnel.server->state().table.all().empty());
    EXPECT_EQ(tunnel.server->state().pending.size(), 0U);
    EXPECT_GT(tunnel.server_drops(Drop::handshake_key), 600U);
    // The server says it once a minute, the client that nothing came.
    EXPECT_EQ(Tunnel::count<HandshakeOtherKey>(tunnel.server_events), 1U) << row.name;
    tunnel.advance(5s);
    EXPECT_EQ(Tunnel::count<HandshakeOtherKey>(tunnel.server_events), 2U) << row.name;
    EXPECT_EQ(Tunnel::count<NoAnswer>(tunnel.client_events), 2U) << "after 3 s and 33 s";
    EXPECT_EQ(Tunnel::count<EventsLeftOut>(tunnel.server_events), 1U);
    EXPECT_EQ(tunnel.server_events.size(), 3U);
  }
}

TEST_F(ClientHandshaking, HelloIsRepeatedOnAllPathsUntilItIsAnswered) {
  Tunnel tunnel;
  tunnel.arrives = [](const Wire& wire) { return wire.type() != PacketType::control || wire.to_server; };
  tunnel.start();
  EXPECT_FALSE(tunnel.client->state().link.current() != nullptr);
  EXPECT_EQ(tunnel.server->state().table.all().size(), 1U);
  tunnel.advance(450ms);
  std::size_t hellos = 0;
  for (const Wire& wire : tunnel.wires) {
    if (wire.to_server && wire.type() == PacketType::control) ++hellos;
  }
  EXPECT_EQ(hellos, 5 * 3U);
  tunnel.arrives = nullptr;
  tunnel.advance(100ms);
  EXPECT_TRUE(tunnel.client->state().link.current() != nullptr);
  EXPECT_EQ(tunnel.server->state().table.all().size(), 1U);
}

TEST_F(ClientHandshaking, UnconfirmedKeyIsGivenUpSoonAndThenLater) {
  Tunnel tunnel;
  tunnel.arrives = [](const Wire& wire) { return wire.type() != PacketType::control; };
  tunnel.start();
  tunnel.advance(250ms);
  EXPECT_EQ(messages(tunnel).size(), 1U);
  tunnel.advance(100ms);
  EXPECT_EQ(messages(tunnel).size(), 2U);
  tunnel.advance(20s);
  const std::size_t before = messages(tunnel).size();
  tunnel.advance(30s);
  EXPECT_GE(messages(tunnel).size() - before, 5U);
  EXPECT_LE(messages(tunnel).size() - before, 7U);
  tunnel.arrives = nullptr;
  tunnel.advance(6s);
  EXPECT_TRUE(tunnel.client->state().link.current() != nullptr);
}

}  // namespace
}  // namespace mptunnel
