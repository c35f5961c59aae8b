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
    return table_->claim(hello(client, process), route, out_, now_);
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
    EXPECT_TRUE(table_->is_late(hello(1, process), *early));
    EXPECT_FALSE(table_->is_late(hello(1, process), *as_old));
    EXPECT_FALSE(table_->is_late(hello(1, process), *later));
  }
  EXPECT_FALSE(table_->is_late(hello(2, 10), *early));
}

TEST_F(SessionTableTest, StrangerIsRefusedWhileAllSessionsAreInUse) {
  limit({.max_sessions = 2});
  admit(1, 10);
  admit(2, 10);
  EXPECT_EQ(claim(3, 10).error(), Drop::session_limit);
  EXPECT_EQ(table_->all().size(), 2U);
  EXPECT_TRUE(claim(2, 10)) << "who has a session keeps it";
  EXPECT_TRUE(out_.events.empty());
}

TEST_F(SessionTableTest, IdlestSessionGoesForAStranger) {
  limit({.max_sessions = 3});
  ServerSession& in_use = admit(1, 10);
  ServerSession& idlest = admit(2, 10);
  ServerSession& idle = admit(3, 10);
  const SessionHandle gone = idlest.handle;
  open(idlest, 5, 0xabc);
  idle.dormant = idlest.dormant = true;
  idle.last_heard += 1s;
  in_use.last_heard -= 1h;
  ASSERT_TRUE(claim(4, 10));
  EXPECT_EQ(table_->find(gone), nullptr);
  EXPECT_EQ(table_->all().size(), 3U);
  ASSERT_EQ(out_.events.size(), 1U);
  EXPECT_EQ(std::get<ClientSessionSilent>(out_.events[0]).session.handle, gone);
  EXPECT_EQ(changes(), (Changes{"+1", "-1"}));
}

TEST_F(SessionTableTest, NetworkHasALimitOfItsOwn) {
  limit({.max_sessions = 100, .max_sessions_of_network = 2});
  admit(1, 10, from("192.0.2.1"));
  admit(2, 10, from("192.0.2.200")).dormant = true;
  EXPECT_EQ(claim(3, 10, from("192.0.2.77")).error(), Drop::session_limit) << "idle ones of it count";
  EXPECT_TRUE(claim(4, 10, from("192.0.3.1")));
}

TEST_F(SessionTableTest, RestartedClientIsLetInUpToTwiceTheLimit) {
  for (const bool of_network : {false, true}) {
    limit(of_network ? SessionLimits{.max_sessions_of_network = 2} : SessionLimits{.max_sessions = 2});
    admit(1, 10);
    admit(2, 10);
    EXPECT_TRUE(claim(3, 10).error() == Drop::session_limit);
    admit(1, 11);
    admit(2, 11);
    EXPECT_EQ(table_->all().size(), 4U);
  }
  // Twice the limit of a network is the end of it.
  EXPECT_EQ(claim(1, 12).error(), Drop::session_limit);
}

TEST_F(SessionTableTest, AtTwiceTheLimitASupersededSessionGoesUnsaid) {
  limit({.max_sessions = 1});
  const SessionHandle first = admit(1, 10).handle;
  admit(1, 11);
  const auto third = claim(1, 12);
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->took_over);
  EXPECT_EQ(table_->find(first), nullptr);
  EXPECT_TRUE(out_.events.empty()) << "its client is still there";
}

TEST_F(SessionTableTest, RoomMayBeMadeOfTheVerySessionThatWouldBeTakenOver) {
  limit({.max_sessions = 1});
  admit(1, 10);
  ServerSession& second = admit(1, 11);
  second.dormant = true;
  second.last_heard -= 1h;
  const SessionHandle gone = second.handle;
  const auto third = claim(1, 12);
  ASSERT_TRUE(third);
  EXPECT_FALSE(third->took_over);
  EXPECT_TRUE(third->is_new);
  EXPECT_EQ(table_->find(gone), nullptr);
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
  ServerSession& one = admit(1, 10);
  ServerSession& other = admit(2, 10);
  open(one, 5, 0xabc);
  open(other, 5, 0xabc);
  EXPECT_EQ(open(one, 6, 0xdef).error(), Drop::flow_limit);
  EXPECT_TRUE(open(one, 7, 0xabc)) << "one that is known needs no room";
  EXPECT_EQ(changes(), (Changes{"+1", "+2"}));
  table_->close_flows({*other.flows.close(FlowId{5})}, out_);
  EXPECT_TRUE(open(one, 6, 0xdef));
  EXPECT_EQ(table_->flows(), 2U);
}

TEST_F(SessionTableTest, EndedSessionLeavesNothingBehind) {
  for (const bool has_reason : {true, false}) {
    out_.clear();
    ServerSession& session = admit(1, 10);
    const SessionHandle handle = session.handle;
    const SessionIndex index = session.current().index();
    open(session, 5, 0xabc);
    const FlowHandle flow = out_.flow_changes[0].flow;
    session.sender.send({flow, FlowId{5}, std::nullopt}, bytes_of("waits for a path"), 0, {}, out_, now_);
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
  session.receiver.add_fragment(session.current(), {PacketType::data, PacketNumber{0}, 100, 0, bytes}, out_,
                                now_);
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
