// ServerEngine with a keyring: whose a session is, what its key allows, and what becomes of it when the keys
// change.

#include <gtest/gtest.h>

#include "raw_client.h"

namespace mptunnel {
namespace {

using test::make_key;
using test::Packet;
using test::raw_route;
using test::RawClient;

class ServerKeyring : public testing::Test {
 protected:
  static NamedKey named(std::string name, std::uint8_t key) {
    return {std::move(name), make_key(key), {}, false};
  }
  void make_server(const std::vector<NamedKey>& keys, ServerSettings settings = {}) {
    settings.named_keys = keys;
    server_ = std::make_unique<ServerEngine>(settings, random_);
  }
  RawClient client(std::uint8_t key, const Route& route) {
    HandshakeSettings settings;
    settings.key = make_key(key);
    return {*server_, client_random_, route, settings};
  }
  /// The client has a session that proved its address.
  RawClient joined(std::uint8_t key, const Route& route, std::uint8_t identity = 1, ProcessId process = 1) {
    RawClient made = client(key, route);
    EXPECT_TRUE(made.join(identity, process, now_));
    return made;
  }
  Output set_keys(std::vector<NamedKey> keys) {
    Output out;
    server_->set_keys({{}, std::move(keys)}, out, now_);
    return out;
  }
  std::size_t open(RawClient& from, std::uint16_t id) {
    return from.send(from.data({FlowOpenFrame{FlowId{id}, id}}, now_), now_).flow_changes.size();
  }
  [[nodiscard]] std::size_t sessions() const { return server_->state().table.all().size(); }
  [[nodiscard]] std::uint64_t drops(Drop drop) const { return server_->drops()[drop]; }

  TimePoint now_{1000s};
  test::TestRandom random_{1};
  test::TestRandom client_random_{2};
  std::unique_ptr<ServerEngine> server_;
};

TEST_F(ServerKeyring, SessionCarriesTheNameOfItsKey) {
  make_server({named("alice", 1), named("bob", 2)});
  const RawClient bob = joined(2, raw_route(1));
  ASSERT_FALSE(bob.events.empty());
  EXPECT_EQ(std::get<ClientSessionStarted>(bob.events[0]).session.key_name, "bob");
  EXPECT_EQ(server_->snapshot(now_).peers.at(0).key_name, "bob");
}

TEST_F(ServerKeyring, NobodyElseGetsAnAnswer) {
  make_server({named("alice", 1)});
  RawClient stranger = client(9, raw_route(1));
  EXPECT_FALSE(stranger.shake(now_));
  RawClient keyless(*server_, client_random_, raw_route(2));
  EXPECT_FALSE(keyless.shake(now_));
  EXPECT_EQ(drops(Drop::handshake_key), 2U);
}

TEST_F(ServerKeyring, SharedKeyServesBesideIt) {
  ServerSettings settings;
  settings.handshake.key = make_key(7);
  make_server({named("alice", 1)}, settings);
  joined(7, raw_route(1));
  joined(1, raw_route(2));
  EXPECT_EQ(sessions(), 2U);
  EXPECT_EQ(server_->snapshot(now_).peers.at(0).key_name, "");
}

TEST_F(ServerKeyring, IdentityIsWorthNothingUnderAnotherKey) {
  make_server({named("alice", 1), named("mallory", 2)});
  RawClient alice = joined(1, raw_route(1), 5, 10);
  ASSERT_EQ(open(alice, 1), 1U);
  // The very identity: with the same process, as for new keys, and with another, as after a restart.
  for (const ProcessId process : {10U, 11U}) {
    RawClient mallory = joined(2, raw_route(2), 5, process);
    EXPECT_EQ(open(mallory, 1), process == 10 ? 1U : 0U) << "a flow of its own, then taken over from itself";
  }
  ASSERT_EQ(sessions(), 3U);
  const ServerSession& hers = *server_->state().table.all().begin()->second;
  EXPECT_EQ(hers.account.name(), "alice");
  EXPECT_EQ(hers.flows.size(), 1U);
  EXPECT_FALSE(hers.superseded);
  EXPECT_FALSE(alice.send(alice.data({DatagramFrame{FlowId{1}, {}}}, now_), now_).deliveries.empty());
}

TEST_F(ServerKeyring, KeysInsideASessionAreOfTheSameAccount) {
  make_server({named("alice", 1), named("mallory", 2)});
  RawClient mallory = joined(2, raw_route(2));
  HandshakeSettings hers;
  hers.key = make_key(1);
  ClientHandshake other(hers, client_random_);
  other.begin(SessionIndex{77}, now_);
  mallory.send(mallory.control({PingFrame{}, HandshakeFrame{other.message()}}, now_), now_);
  EXPECT_EQ(drops(Drop::handshake_key), 1U);
  hers.key = make_key(2);
  ClientHandshake own(hers, client_random_);
  own.begin(SessionIndex{78}, now_);
  mallory.send(mallory.control({PingFrame{}, HandshakeFrame{own.message()}}, now_), now_);
  EXPECT_EQ(drops(Drop::handshake_key), 1U);
  EXPECT_EQ(server_->state().pending.size(), 2U) << "its first, and this";
}

TEST_F(ServerKeyring, AddressOfAnotherKeyEndsTheSessionAtOnce) {
  ServerSettings settings;
  settings.inner = InnerSettings{{parse_address_prefix("10.42.42.1/24").value()}, {}, false};
  make_server({named("alice", 1), named("bob", 2)}, settings);
  RawClient alice = joined(1, raw_route(1));
  RawClient bob = joined(2, raw_route(2));
  const IpAddress seven = parse_ip_address("10.42.42.7").value();
  const std::vector<InnerEntry> wanted{{InnerKind::address, inner_prefix(seven, 32), {}}};
  const Packet bytes = inner_entry_bytes(wanted, false);
  bob.send(bob.control({PingFrame{}, AddressesWantedFrame{1, 1, bytes}}, now_), now_);
  ASSERT_EQ(server_->state().inner->find(seven).place, InnerRoutes::Place::client);
  NamedKey hers = named("alice", 1);
  hers.quota.inner = {parse_prefix("10.42.42.7").value()};
  const Output out = set_keys({hers, named("bob", 2)});
  EXPECT_EQ(sessions(), 1U);
  ASSERT_EQ(out.direct.size(), 1U);
  const auto told = bob.read(out.bytes_of(out.direct[0]), now_);
  EXPECT_EQ(std::get<CloseFrame>(told.at(0)).reason, CloseReason::key_addresses);
  EXPECT_EQ(server_->state().inner->size(), 0U);
  alice.send(alice.control({PingFrame{}, AddressesWantedFrame{1, 1, bytes}}, now_), now_);
  EXPECT_EQ(server_->state().inner->find(seven).place, InnerRoutes::Place::client);
}

TEST_F(ServerKeyring, WithdrawnKeyEndsItsSessionsAtOnce) {
  make_server({named("alice", 1), named("bob", 2)});
  RawClient alice = joined(1, raw_route(1));
  RawClient bob = joined(2, raw_route(2));
  ASSERT_EQ(open(alice, 1) + open(bob, 1), 2U);
  RawClient late = client(2, raw_route(2));
  ASSERT_TRUE(late.shake(now_));
  const Output out = set_keys({named("alice", 1)});
  EXPECT_EQ(sessions(), 1U);
  ASSERT_EQ(out.flow_changes.size(), 1U);
  EXPECT_FALSE(out.flow_changes[0].opened);
  ASSERT_EQ(out.direct.size(), 1U);
  EXPECT_EQ(out.direct[0].route, raw_route(2));
  const auto told = bob.read(out.bytes_of(out.direct[0]), now_);
  EXPECT_EQ(std::get<CloseFrame>(told.at(0)).reason, CloseReason::key_withdrawn);
  const auto& ended = std::get<ClientSessionEnded>(out.events.at(0));
  EXPECT_EQ(ended.session.key_name, "bob");
  // A handshake that was under way is worth nothing any more, nor is a new one.
  EXPECT_TRUE(late.send(late.hello(1, 1, now_), now_).runs.empty());
  EXPECT_EQ(drops(Drop::unknown_index), 1U);
  EXPECT_FALSE(bob.shake(now_));
  // The other client notices nothing.
  EXPECT_FALSE(alice.send(alice.ping(now_), now_).runs.empty());
  EXPECT_FALSE(alice.send(alice.data({DatagramFrame{FlowId{1}, {}}}, now_), now_).deliveries.empty());
  set_keys({named("alice", 1), named("bob", 2)});
  EXPECT_TRUE(bob.join(1, 1, now_)) << "and back";
}

TEST_F(ServerKeyring, DisabledKeyGetsNoAnswerAndTheLogSaysSo) {
  NamedKey bob = named("bob", 2);
  make_server({bob});
  const RawClient before = joined(2, raw_route(2));
  bob.is_disabled = true;
  EXPECT_EQ(set_keys({bob}).direct.size(), 1U);
  EXPECT_EQ(sessions(), 0U);
  RawClient again = client(2, raw_route(2));
  EXPECT_FALSE(again.shake(now_));
  EXPECT_EQ(drops(Drop::handshake_disabled), 1U);
  ASSERT_EQ(again.events.size(), 1U);
  EXPECT_EQ(std::get<HandshakeDisabled>(again.events[0]).key_name, "bob");
}

TEST_F(ServerKeyring, ChangedQuotaHoldsForSessionsThatRun) {
  NamedKey bob = named("bob", 2);
  make_server({bob});
  RawClient running = joined(2, raw_route(2));
  ASSERT_EQ(open(running, 1) + open(running, 2), 2U);
  bob.quota.max_flows = 2;
  EXPECT_TRUE(set_keys({bob}).direct.empty());
  EXPECT_EQ(open(running, 3), 0U);
  EXPECT_EQ(drops(Drop::key_flows), 1U);
}

TEST_F(ServerKeyring, SessionsOfAKeyHaveAQuotaOfTheirOwn) {
  ServerSettings settings;
  settings.max_sessions_of_network = 1;
  NamedKey bob = named("bob", 2);
  bob.quota.max_sessions = 2;
  make_server({named("alice", 1), bob}, settings);
  joined(2, raw_route(1), 1, 1);
  joined(2, raw_route(1), 2, 2);
  RawClient third = client(2, raw_route(1));
  ASSERT_TRUE(third.shake(now_));
  const Output answer = third.send(third.hello(3, 3, now_), now_);
  const EchoFrame echo{
      std::get<ChallengeFrame>(third.read(answer.bytes_of(answer.runs.at(0)), now_).back()).token};
  const Output out = third.send(third.control({PingFrame{}, echo}, now_), now_);
  const auto told = third.read(out.bytes_of(out.direct.at(0)), now_);
  EXPECT_EQ(std::get<CloseFrame>(told.at(0)).reason, CloseReason::key_sessions);
  EXPECT_EQ(drops(Drop::key_sessions), 1U);
  EXPECT_EQ(std::get<ClientQuotaReached>(third.events.back()).session.key_name, "bob");
  joined(1, raw_route(1));
  EXPECT_EQ(sessions(), 3U) << "the network is not charged for keys of clients";
}

TEST_F(ServerKeyring, FlowsOfAKeyAreCountedOverItsSessions) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_flows = 3;
  make_server({named("alice", 1), bob});
  RawClient one = joined(2, raw_route(1), 1, 1);
  RawClient two = joined(2, raw_route(2), 2, 2);
  RawClient alice = joined(1, raw_route(3), 3, 3);
  EXPECT_EQ(open(one, 1) + open(one, 2) + open(two, 1), 3U);
  EXPECT_EQ(open(one, 3) + open(two, 2), 0U);
  EXPECT_EQ(drops(Drop::key_flows), 2U);
  EXPECT_EQ(open(alice, 1), 1U);
  // One that is closed makes room, and so does an idle one of the same session.
  one.send(one.control({PingFrame{}, FlowCloseFrame{FlowId{1}}}, now_), now_);
  EXPECT_EQ(open(two, 2), 1U);
  now_ += kFlowEvictableAfter;
  EXPECT_EQ(open(two, 3), 2U) << "one closed, one opened";
  // And what a session had is free when it ends.
  two.send(two.control({PingFrame{}, CloseFrame{}}, now_), now_);
  EXPECT_EQ(open(one, 5) + open(one, 6), 2U);
}

TEST_F(ServerKeyring, DatagramsBeyondTheRateAreDroppedEachWay) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_rate = 1000;
  make_server({bob});
  RawClient raw = joined(2, raw_route(1));
  const Output opened = raw.send(raw.data({FlowOpenFrame{FlowId{1}, 1}}, now_), now_);
  const FlowHandle flow = opened.flow_changes.at(0).flow;
  Packet payload(1000);
  const auto send = [&] {
    return raw.send(raw.data({DatagramFrame{FlowId{1}, payload}}, now_), now_).deliveries.size();
  };
  for (int i = 0; i < 65; ++i) EXPECT_EQ(send(), 1U);
  EXPECT_EQ(send(), 0U);
  EXPECT_EQ(drops(Drop::key_rate), 1U);
  EXPECT_EQ(send(), 0U);
  EXPECT_EQ(test::Tunnel::count<ClientQuotaReached>(raw.events), 0U) << "not once a packet";
  Packet small(40000);
  Output out;
  server_->on_deadline(out, now_ + 1s);
  ASSERT_EQ(test::Tunnel::count<ClientQuotaReached>(out.events), 1U);
  for (const Event& event : out.events) {
    if (const auto* reached = std::get_if<ClientQuotaReached>(&event)) {
      EXPECT_EQ(reached->drop, Drop::key_rate);
    }
  }
  out.clear();
  server_->on_deadline(out, now_ + 2s);
  EXPECT_EQ(test::Tunnel::count<ClientQuotaReached>(out.events), 0U) << "nothing was dropped since";
  out.clear();
  server_->on_target(flow, {small, small.size()}, out, now_);
  EXPECT_FALSE(out.runs.empty());
  out.clear();
  server_->on_target(flow, {small, small.size()}, out, now_);
  EXPECT_TRUE(out.runs.empty());
  EXPECT_EQ(drops(Drop::key_rate), 3U);
}

TEST_F(ServerKeyring, HolderWhoFloodsHandshakesFromEverywhereKeepsNobodyOut) {
  make_server({named("mallory", 1), named("bob", 2)});
  // From 60 networks with cookies, which hold, and from 90 more without.
  std::vector<RawClient> proved;
  for (std::uint8_t n = 0; n < 60; ++n) proved.push_back(client(1, raw_route(10 + n)));
  int in = 0;
  int tries = 0;
  for (int step = 0; step < 800; ++step) {
    now_ += 5ms;
    for (RawClient& mallory : proved) mallory.shake(now_);
    for (int k = 0; k < 2; ++k) client(1, raw_route(static_cast<std::uint8_t>(100 + step % 90))).shake(now_);
    if (step % 37 != 36) continue;
    ++tries;
    in += client(2, raw_route(200)).shake(now_) ? 1 : 0;
  }
  EXPECT_EQ(in, tries);
  EXPECT_GE(tries, 20);
}

TEST_F(ServerKeyring, NewKeysInsideASessionMakeNoOther) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_sessions = 1;
  make_server({bob});
  RawClient raw = joined(2, raw_route(1), 1, 1);
  auto keys = raw.renew(now_);
  ASSERT_NE(keys, nullptr);
  raw.use(std::move(keys));
  EXPECT_TRUE(raw.send(raw.hello(9, 9, now_), now_).runs.empty());
  EXPECT_TRUE(raw.send(raw.hello(1, 9, now_), now_).runs.empty()) << "nor for another process";
  EXPECT_EQ(drops(Drop::unexpected_frame), 2U);
  EXPECT_EQ(sessions(), 1U);
  EXPECT_FALSE(raw.send(raw.hello(1, 1, now_), now_).runs.empty()) << "but for itself";
  EXPECT_EQ(sessions(), 1U);
  // And one without a place gets none.
  RawClient unsettled = client(2, raw_route(2));
  ASSERT_TRUE(unsettled.connect(3, 3, now_));
  EXPECT_EQ(unsettled.renew(now_), nullptr);
  EXPECT_EQ(drops(Drop::handshake_rate), 1U);
}

TEST_F(ServerKeyring, SessionsBeyondTheQuotaSendNothingToTheTarget) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_sessions = 1;
  make_server({bob});
  joined(2, raw_route(1));
  std::vector<RawClient> more;
  for (std::uint16_t i = 0; i < 20; ++i) {
    more.push_back(client(2, raw_route(2, 5000 + i)));
    ASSERT_TRUE(more.back().connect(static_cast<std::uint8_t>(10 + i), 10 + i, now_));
    EXPECT_EQ(open(more.back(), 1), 0U);
    now_ += 100ms;
  }
  EXPECT_EQ(drops(Drop::flow_limit), 20U);
  EXPECT_EQ(sessions(), 1 + kUnsettledSessionsOfKey);
}

TEST_F(ServerKeyring, IdleFlowOfAnotherSessionOfTheKeyMakesRoom) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_flows = 2;
  make_server({bob});
  RawClient one = joined(2, raw_route(1), 1, 1);
  ASSERT_EQ(open(one, 1) + open(one, 2), 2U);
  now_ += kFlowEvictableAfter;
  RawClient two = joined(2, raw_route(2), 2, 2);
  EXPECT_EQ(open(two, 1), 2U) << "one closed, one opened";
}

TEST_F(ServerKeyring, TwoProgramsWithOneIdentityAreToldOfAlthoughThereIsNoPlaceForBoth) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_sessions = 1;
  make_server({bob});
  RawClient one = joined(2, raw_route(1), 1, 1);
  now_ += 1s;
  RawClient two = joined(2, raw_route(2), 1, 2);
  for (int i = 0; i < 5; ++i) {
    now_ += 1s;
    one.send(one.ping(now_), now_);
    two.send(two.ping(now_), now_);
  }
  EXPECT_EQ(test::Tunnel::count<IdentitiesClash>(one.events), 1U);
}

TEST_F(ServerKeyring, EachSessionThatAWithdrawalEndsIsTold) {
  std::vector<NamedKey> keys;
  std::vector<RawClient> clients;
  for (std::uint8_t i = 1; i <= 60; ++i) keys.push_back(named("c" + std::to_string(i), i));
  make_server(keys);
  for (std::uint8_t i = 1; i <= 60; ++i) {
    clients.push_back(joined(i, raw_route(1, 4000 + i)));
    now_ += 100ms;
  }
  EXPECT_EQ(sessions(), 60U);
  EXPECT_EQ(set_keys({}).events.size(), 60U);
}

TEST_F(ServerKeyring, WhyAClientEndsItsSessionIsNotInItsWords) {
  make_server({named("bob", 2)});
  RawClient bob = joined(2, raw_route(1));
  bob.send(bob.control({CloseFrame{CloseReason::key_withdrawn}}, now_), now_);
  EXPECT_EQ(std::get<ClientSessionEnded>(bob.events.back()).reason, CloseReason::shutdown);
}

/// It came, and what is behind it need not wait.
TEST_F(ServerKeyring, NobodyWaitsForADatagramBeyondTheRate) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_rate = 1000;
  ServerSettings settings;
  settings.order.mode = OrderSettings::Mode::always;
  make_server({bob}, settings);
  RawClient raw = joined(2, raw_route(1));
  ASSERT_EQ(open(raw, 1), 1U);
  const Packet large(1000);
  std::uint16_t number = 0;
  const auto send = [&](ConstBytes payload) {
    return raw.send(raw.data({DatagramFrame{FlowId{1}, payload, number++}}, now_), now_).deliveries.size();
  };
  while (drops(Drop::key_rate) == 0) ASSERT_LE(send(large), 1U);
  now_ += 100ms;
  EXPECT_EQ(send(Packet(1)), 1U);
}

TEST_F(ServerKeyring, FlowBeyondItsRateIsInUse) {
  NamedKey bob = named("bob", 2);
  bob.quota.max_rate = 1000;
  bob.quota.max_flows = 1;
  make_server({bob});
  RawClient raw = joined(2, raw_route(1));
  ASSERT_EQ(open(raw, 1), 1U);
  const Packet payload(1000);
  for (int i = 0; i < 1200; ++i) {
    now_ += 10ms;
    raw.send(raw.data({DatagramFrame{FlowId{1}, payload}}, now_), now_);
  }
  EXPECT_GT(drops(Drop::key_rate), 1000U);
  EXPECT_EQ(open(raw, 2), 0U);
  EXPECT_EQ(drops(Drop::key_flows), 1U);
}

}  // namespace
}  // namespace mptunnel
