#include "mptunnel/engine/session_table.h"

#include <gtest/gtest.h>

#include "link_support.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kEpochStart;
using Claim = SessionTable::Claim;

Route from(const char* address) {
  return {*parse_numeric_endpoint(address, 4000), *parse_numeric_endpoint("198.51.100.1", 2000)};
}
const Route kHere = from("192.0.2.1");

ClientHelloFrame hello(std::uint8_t client, ProcessId process) {
  ClientHelloFrame frame;
  frame.identity.fill(client);
  frame.process = process;
  return frame;
}

class SessionTableTest : public testing::Test {
 protected:
  void limit(const SessionLimits& limits) { table_.emplace(limits, 1, context_); }
  tl::expected<Claim, Drop> claim(std::uint8_t client, ProcessId process, const Route& route = kHere) {
    return table_->claim({hello(client, process), account_, source_network(route.remote)}, route, out_, now_);
  }
  std::unique_ptr<KeyEpoch> make_keys() {
    const SessionIndex index{next_index_++};
    return test::make_epoch(index, SessionIndex{index.value + 1000}, Role::server, Cipher::chacha20_poly1305,
                            kKnownFrames, now_);
  }
  /// Claims a session, and confirms a key for it as its first packet does.
  ServerSession& admit(std::uint8_t client, ProcessId process, const Route& route = kHere) {
    const auto claimed = claim(client, process, route);
    EXPECT_TRUE(claimed);
    table_->add_epoch(*claimed->session, make_keys(), now_);
    return *claimed->session;
  }
  /// And its address is proved.
  ServerSession& settle(std::uint8_t client, ProcessId process, const Route& route = kHere) {
    ServerSession& session = admit(client, process, route);
    EXPECT_TRUE(table_->settle(session, source_network(route.remote), out_));
    return session;
  }
  tl::expected<ServerFlow*, Drop> open(ServerSession& session, std::uint16_t id, std::uint64_t hash) {
    return table_->open_flow(session, {FlowId{id}, hash}, out_, now_);
  }
  /// Of the flow changes: "+handle" opened, "-handle" ended.
  [[nodiscard]] std::vector<std::string> changes() const {
    std::vector<std::string> all;
    for (const FlowChange& change : out_.flow_changes)
      all.push_back((change.opened ? "+" : "-") + std::to_string(change.flow.value));
    return all;
  }

  using Changes = std::vector<std::string>;
  test::TestRandom random_{1};
  LinkContext context_{random_};
  KeyAccount account_{nullptr};
  std::optional<SessionTable> table_{std::in_place, SessionLimits{}, 1, context_};
  Output out_;
  TimePoint now_ = kEpochStart;
  std::uint32_t next_index_ = 1;
};

TEST_F(SessionTableTest, NewClientGetsASessionOfItsOwn) {
  const auto claimed = claim(1, 10);
  ASSERT_TRUE(claimed);
  EXPECT_TRUE(claimed->is_new);
  EXPECT_FALSE(claimed->resumed);
  EXPECT_FALSE(claimed->took_over);
  EXPECT_EQ(claimed->session->process, 10U);
  EXPECT_EQ(claimed->session->first_route, kHere);
  table_->add_epoch(*claimed->session, make_keys(), now_);
  EXPECT_NE(&admit(2, 10), claimed->session) << "the process number alone says nothing";
  EXPECT_EQ(table_->all().size(), 2U);
  EXPECT_EQ(table_->find(claimed->session->handle), claimed->session);
}

TEST_F(SessionTableTest, SameProcessResumesItsSession) {
  ServerSession& session = admit(1, 10);
  const auto again = claim(1, 10, from("203.0.113.9"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->session, &session);
  EXPECT_TRUE(again->resumed);
  EXPECT_FALSE(again->is_new);
  EXPECT_FALSE(again->took_over);
  EXPECT_EQ(table_->all().size(), 1U);
}

TEST_F(SessionTableTest, RestartedClientTakesTheFlowsOver) {
  ServerSession& old = admit(1, 10);
  ServerFlow& flow = **open(old, 5, 0xabc);
  const FlowHandle handle = flow.handle;
  now_ += 1s;
  const auto claimed = claim(1, 11);
  ASSERT_TRUE(claimed);
  EXPECT_TRUE(claimed->took_over && claimed->is_new);
  EXPECT_FALSE(claimed->resumed) << "the client knows none of its flows";
  ServerSession& made = *claimed->session;
  EXPECT_EQ(old.superseded, now_);
  EXPECT_EQ(old.flows.size(), 0U);
  EXPECT_EQ(table_->owner_of(handle), &made);
  EXPECT_TRUE(made.flows.knows(0xabc));
  EXPECT_EQ(made.flows.find(FlowId{5}), nullptr) << "the ids are the old process's";
  EXPECT_EQ(changes(), Changes{"+1"}) << "the socket stays";
  EXPECT_EQ((*open(made, 9, 0xabc))->handle, handle);
}

TEST_F(SessionTableTest, SupersededProcessResumesNothing) {
  ServerSession& old = admit(1, 10);
  admit(1, 11);
  const auto again = claim(1, 10);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->session, &old);
  EXPECT_FALSE(again->resumed);
  EXPECT_FALSE(again->is_new);
}

TEST_F(SessionTableTest, ThirdProcessTakesOverFromTheSecond) {
  ServerSession& first = admit(1, 10);
  now_ += 1s;
  ServerSession& second = admit(1, 11);
  open(second, 5, 0xabc);
  now_ += 1s;
  ServerSession& third = admit(1, 12);
  EXPECT_EQ(first.superseded, kEpochStart + 1s);
  EXPECT_EQ(second.superseded, kEpochStart + 2s);
  EXPECT_FALSE(third.superseded);
  EXPECT_TRUE(third.flows.knows(0xabc));
}

TEST_F(SessionTableTest, KeyOlderThanTheClientsPresentOneIsLate) {
  const auto early = make_keys();
  now_ += 1s;
  admit(1, 10);
  const auto as_old = make_keys();
  now_ += 1s;
  const auto later = make_keys();
  for (const ProcessId process : {10U, 11U}) {
    EXPECT_TRUE(table_->is_late({hello(1, process), account_}, *early));
    EXPECT_FALSE(table_->is_late({hello(1, process), account_}, *as_old));
    EXPECT_FALSE(table_->is_late({hello(1, process), account_}, *later));
  }
  EXPECT_FALSE(table_->is_late({hello(2, 10), account_}, *early));
}

TEST_F(SessionTableTest, StrangerIsRefusedWhileAllSessionsAreInUse) {
  limit({.max_sessions = 2});
  settle(1, 10);
  settle(2, 10);
  EXPECT_EQ(claim(3, 10).error(), Drop::session_limit);
  EXPECT_EQ(table_->all().size(), 2U);
  EXPECT_TRUE(claim(2, 10)) << "who has a session keeps it";
  EXPECT_TRUE(out_.events.empty());
}

TEST_F(SessionTableTest, IdlestSessionGoesForOneThatIsProved) {
  limit({.max_sessions = 3});
  ServerSession& in_use = settle(1, 10);
  ServerSession& idlest = settle(2, 10);
  ServerSession& idle = settle(3, 10);
  const SessionHandle gone = idlest.handle;
  open(idlest, 5, 0xabc);
  idle.dormant = idlest.dormant = true;
  idle.last_heard += 1s;
  in_use.last_heard -= 1h;
  ServerSession& fresh = admit(4, 10);
  EXPECT_NE(table_->find(gone), nullptr) << "not before the address is proved";
  EXPECT_TRUE(table_->settle(fresh, fresh.network, out_));
  EXPECT_EQ(table_->find(gone), nullptr);
  EXPECT_EQ(table_->all().size(), 3U);
  ASSERT_EQ(out_.events.size(), 1U);
  EXPECT_EQ(std::get<ClientSessionSilent>(out_.events[0]).session.handle, gone);
  EXPECT_EQ(changes(), (Changes{"+1", "-1"}));
}

TEST_F(SessionTableTest, NetworkHasALimitOfItsOwn) {
  limit({.max_sessions = 100, .max_sessions_of_network = 2});
  settle(1, 10, from("192.0.2.1"));
  settle(2, 10, from("192.0.2.200"));
  settle(5, 10, from("198.51.100.1")).dormant = true;
  ServerSession& third = admit(3, 10, from("192.0.2.77"));
  EXPECT_EQ(table_->settle(third, third.network, out_).error(), Drop::network_limit)
      << "the dormant one is of another network";
  settle(4, 10, from("192.0.3.1"));
  EXPECT_TRUE(table_->settle(third, source_network(from("192.0.3.1").remote), out_))
      << "what counts is the address that is proved";
}

TEST_F(SessionTableTest, IdlestDormantSessionOfAFullNetworkYields) {
  limit({.max_sessions = 100, .max_sessions_of_network = 3});
  settle(9, 10, from("198.51.100.1")).dormant = true;
  settle(1, 10, from("192.0.2.1"));
  now_ += 1s;
  const SessionHandle idlest = settle(2, 10, from("192.0.2.2")).handle;
  now_ += 1s;
  const SessionHandle later = settle(3, 10, from("192.0.2.3")).handle;
  table_->find(idlest)->dormant = table_->find(later)->dormant = true;
  ServerSession& fourth = admit(4, 10, from("192.0.2.4"));
  EXPECT_TRUE(table_->has_room(account_, fourth.network));
  ASSERT_TRUE(table_->settle(fourth, fourth.network, out_));
  EXPECT_EQ(table_->find(idlest), nullptr);
  EXPECT_NE(table_->find(later), nullptr);
  EXPECT_EQ(table_->all().size(), 4U);
}

TEST_F(SessionTableTest, UnsettledSessionsAreFewAndTheOldestGoesUnsaid) {
  limit({.max_sessions = 2, .max_sessions_of_network = 1});
  settle(1, 10);
  const SessionHandle oldest = admit(2, 10).handle;
  for (ProcessId process = 0; process < kMaxUnsettledSessions - 1; ++process) {
    now_ += 1ms;
    admit(3, process);
    // Each takes over from the one before.
    EXPECT_LE(table_->all().size(), 1 + kMaxUnsettledSessions);
  }
  EXPECT_NE(table_->find(oldest), nullptr);
  admit(4, 10);
  EXPECT_EQ(table_->find(oldest), nullptr);
  EXPECT_EQ(table_->all().size(), 1 + kMaxUnsettledSessions);
  EXPECT_TRUE(out_.events.empty());
}

TEST_F(SessionTableTest, NetworkWithMostUnsettledSessionsGivesOneUp) {
  const Route neighbour = from("198.51.100.9");
  ServerSession& modest = admit(200, 1, neighbour);
  const SessionHandle handle = modest.handle;
  for (ProcessId process = 1; process <= 3 * kMaxUnsettledSessions; ++process) {
    now_ += 1ms;
    admit(static_cast<std::uint8_t>(process % 100), process, kHere);
  }
  EXPECT_NE(table_->find(handle), nullptr) << "the oldest of all, and alone in its network";
  EXPECT_EQ(table_->all().size(), kMaxUnsettledSessions);
}

TEST_F(SessionTableTest, RestartedClientGetsThePlaceOfItsFormerSession) {
  limit({.max_sessions = 2, .max_sessions_of_network = 2});
  settle(1, 10);
  settle(2, 10);
  for (ProcessId process = 11; process < 20; ++process) {
    ServerSession& made = admit(1, process, from("203.0.113.9"));
    EXPECT_TRUE(made.is_settled);
    EXPECT_EQ(made.network, source_network(kHere.remote));
  }
  EXPECT_EQ(claim(3, 10).error(), Drop::session_limit);
  EXPECT_EQ(table_->all().size(), 11U);
}

TEST_F(SessionTableTest, DormantSessionIsTakenOverAsWell) {
  limit({.max_sessions = 1});
  ServerSession& first = settle(1, 10);
  first.dormant = true;
  const auto second = claim(1, 11);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->took_over && second->is_new);
}

TEST_F(SessionTableTest, FlowIsOpenedOnceAndHasAnOwner) {
  ServerSession& session = admit(1, 10);
  ServerFlow* flow = *open(session, 5, 0xabc);
  EXPECT_EQ(*open(session, 5, 0xabc), flow);
  EXPECT_EQ(*open(session, 6, 0xabc), flow) << "by its hash, whatever the id";
  ASSERT_EQ(changes(), Changes{"+1"});
  EXPECT_EQ(out_.flow_changes[0].hash, 0xabcU);
  EXPECT_EQ(table_->owner_of(flow->handle), &session);
  EXPECT_EQ(table_->flows(), 1U);
  EXPECT_EQ(table_->owner_of(FlowHandle{99}), nullptr);
}

TEST_F(SessionTableTest, IdThatNamesAnotherFlowEndsTheFormer) {
  ServerSession& session = admit(1, 10);
  open(session, 5, 0xabc);
  open(session, 5, 0xdef);
  EXPECT_EQ(changes(), (Changes{"+1", "-1", "+2"}));
  EXPECT_EQ(table_->owner_of(FlowHandle{1}), nullptr);
  EXPECT_EQ(table_->flows(), 1U);
}

TEST_F(SessionTableTest, LimitOfFlowsIsThatOfAllSessions) {
  limit({.max_flows = 2});
  ServerSession& one = settle(1, 10);
  ServerSession& other = settle(2, 10);
  open(one, 5, 0xabc);
  open(other, 5, 0xabc);
  EXPECT_EQ(open(one, 6, 0xdef).error(), Drop::flow_limit);
  EXPECT_TRUE(open(one, 7, 0xabc)) << "one that is known needs no room";
  EXPECT_EQ(changes(), (Changes{"+1", "+2"}));
  table_->close_flows({*other.flows.close(FlowId{5})}, out_);
  EXPECT_TRUE(open(one, 6, 0xdef));
  EXPECT_EQ(table_->flows(), 2U);
}

class FlowShares : public SessionTableTest {
 protected:
  /// Opens flows with ids from `first` on; returns how many.
  std::size_t open_many(ServerSession& session, std::uint16_t first, std::uint16_t count) {
    std::size_t opened = 0;
    for (std::uint16_t i = 0; i < count; ++i) opened += open(session, first + i, 1000U + first + i) ? 1 : 0;
    return opened;
  }
};

TEST_F(FlowShares, IdleFlowOfTheLargestHolderYields) {
  limit({.max_sessions = 4, .max_flows = 40});
  ServerSession& largest = settle(1, 10);
  ServerSession& second = settle(2, 10);
  ServerSession& small = settle(3, 10);
  open_many(largest, 0, 25);
  open_many(second, 0, 15);
  now_ += kFlowEvictableAfter;
  largest.flows.find(FlowId{0})->last_used = now_;
  EXPECT_EQ(open_many(small, 0, 5), 5U);
  EXPECT_EQ(largest.flows.size(), 20U);
  EXPECT_NE(largest.flows.find(FlowId{0}), nullptr);
  EXPECT_EQ(second.flows.size(), 15U);
  EXPECT_EQ(open_many(largest, 100, 5), 5U) << "of its own";
  EXPECT_EQ(second.flows.size(), 15U);
}

TEST_F(FlowShares, FlowInUseIsTakenFromNobodyForABiggerHolder) {
  limit({.max_sessions = 4, .max_flows = 40});
  ServerSession& large = settle(1, 10);
  ServerSession& small = settle(2, 10);
  open_many(large, 0, 25);
  open_many(small, 0, 15);
  EXPECT_EQ(open_many(large, 100, 5), 0U);
  EXPECT_EQ(open_many(small, 100, 5), 0U) << "nor for one that has more than half as many";
  now_ += kFlowEvictableAfter;
  for (std::uint16_t id = 0; id < 25; ++id) large.flows.find(FlowId{id})->last_used = now_;
  EXPECT_EQ(open_many(large, 100, 5), 0U) << "idle ones of a smaller holder stay as well";
  EXPECT_EQ(small.flows.size(), 15U);
}

TEST_F(FlowShares, HolderOfAllFlowsYieldsEvenThoseInUse) {
  limit({.max_sessions = 4, .max_flows = 40});
  ServerSession& greedy = settle(1, 10);
  ServerSession& fresh = settle(2, 10);
  EXPECT_EQ(open_many(greedy, 0, 50), 40U);
  EXPECT_EQ(open_many(fresh, 0, 50), 13U);
  EXPECT_EQ(greedy.flows.size(), 27U);
  EXPECT_EQ(open_many(greedy, 100, 10), 0U) << "it gets none back";
  EXPECT_EQ(table_->flows(), 40U);
}

TEST_F(FlowShares, EachSessionGetsItsGuarantee) {
  limit({.max_sessions = 8, .max_flows = 80});
  for (std::uint8_t client = 1; client <= 7; ++client) open_many(settle(client, 10), 0, 40);
  EXPECT_EQ(open_many(settle(8, 10), 0, 5), 5U);
  for (const auto& [handle, session] : table_->all()) EXPECT_GE(session->flows.size(), 5U);
}

TEST_F(FlowShares, UnsettledSessionHasFewFlowsAndYieldsAll) {
  limit({.max_sessions = 4, .max_flows = 40});
  ServerSession& unproved = admit(1, 10);
  EXPECT_EQ(open_many(unproved, 0, 20), 5U);
  ServerSession& proved = settle(2, 10);
  EXPECT_EQ(open_many(proved, 0, 50), 40U);
  EXPECT_EQ(unproved.flows.size(), 0U);
  EXPECT_EQ(open_many(unproved, 0, 5), 0U);
}

TEST_F(SessionTableTest, EndedSessionLeavesNothingBehind) {
  for (const bool has_reason : {true, false}) {
    out_.clear();
    ServerSession& session = settle(1, 10);
    const SessionHandle handle = session.handle;
    const SessionIndex index = session.current().index();
    open(session, 5, 0xabc);
    const FlowHandle flow = out_.flow_changes[0].flow;
    session.sender.send({flow, FlowId{5}, std::nullopt}, bytes_of("waits for a path"), {}, {}, out_, now_);
    const std::uint64_t expired = context_.drops[Drop::queue_expired];
    ASSERT_NE(table_->epochs().find(index), nullptr);
    const auto reason = has_reason ? std::optional(CloseReason::shutdown) : std::nullopt;
    table_->end(handle, reason, out_);
    EXPECT_EQ(table_->find(handle), nullptr);
    EXPECT_EQ(table_->epochs().find(index), nullptr);
    EXPECT_EQ(table_->owner_of(flow), nullptr);
    EXPECT_EQ(table_->flows(), 0U);
    EXPECT_EQ(out_.flow_changes.size(), 2U);
    EXPECT_EQ(context_.drops[Drop::queue_expired], expired + 1);
    ASSERT_EQ(out_.events.size(), 1U);
    EXPECT_EQ(std::holds_alternative<ClientSessionEnded>(out_.events[0]), has_reason);
    EXPECT_EQ(std::holds_alternative<ClientSessionSilent>(out_.events[0]), !has_reason);
  }
}

TEST_F(SessionTableTest, FragmentsOfAnEndedSessionAreCounted) {
  ServerSession& session = admit(1, 10);
  const std::array<std::uint8_t, 4> bytes{};
  session.receiver.add_fragment(session.current(), {PacketType::data, PacketNumber{0}, 100, 0, bytes}, {},
                                out_, now_);
  table_->end(session.handle, std::nullopt, out_);
  EXPECT_EQ(context_.drops[Drop::fragment_expired], 1U);
}

TEST_F(SessionTableTest, KeysAreFoundByTheirIndexUntilTheyOpenNoMore) {
  ServerSession& session = admit(1, 10);
  const SessionIndex first = session.current().index();
  EXPECT_EQ(table_->epochs().find(first)->session, &session);
  EXPECT_EQ(table_->epochs().find(first)->epoch, &session.current());
  LinkEpoch& second = table_->add_epoch(session, make_keys(), now_);
  EXPECT_EQ(&second, &session.current());
  ASSERT_NE(table_->epochs().find(first), nullptr);
  EXPECT_EQ(table_->epochs().find(first)->epoch->index(), first);
  table_->expire_epochs(session, now_ + kOldKeyOpensFor - 1ns);
  EXPECT_NE(table_->epochs().find(first), nullptr);
  table_->expire_epochs(session, now_ + kOldKeyOpensFor);
  EXPECT_EQ(table_->epochs().find(first), nullptr);
  EXPECT_NE(table_->epochs().find(second.index()), nullptr);
}

TEST_F(SessionTableTest, SessionHasAtMostFourKeys) {
  ServerSession& session = admit(1, 10);
  for (std::size_t i = 1; i < kMaxEpochs; ++i) table_->add_epoch(session, make_keys(), now_);
  EXPECT_EQ(session.link.indices().size(), kMaxEpochs);
  EXPECT_NE(table_->epochs().find(SessionIndex{1}), nullptr);
  table_->add_epoch(session, make_keys(), now_);
  EXPECT_EQ(session.link.indices().size(), kMaxEpochs);
  EXPECT_EQ(table_->epochs().find(SessionIndex{1}), nullptr);
}

}  // namespace
}  // namespace mptunnel
