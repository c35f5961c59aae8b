#include "mptunnel/ports/target_addresses.h"

#include <gtest/gtest.h>

#include <string>

#include "support/start_time.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kStart;
using Why = TargetAddresses::Why;

class TargetAddressesTest : public testing::Test {
 protected:
  void assign(const std::vector<std::string>& hosts) {
    std::vector<Endpoint> addresses;
    for (const std::string& host : hosts) addresses.push_back(parse_numeric_endpoint(host, 1194).value());
    note(addresses_.assign(addresses, now_));
  }
  void note(const std::optional<TargetAddresses::Move>& move) {
    if (!move) return;
    const char* why = move->why == Why::resolved ? "" : move->why == Why::refused ? " refused" : " silent";
    moves_.push_back(in_use() + why);
  }
  [[nodiscard]] std::string in_use() const { return addresses_.current().address_string(); }
  /// A second at a time: a datagram goes in, `answers` and `refuses` come from there or not.
  void run(Duration span, const std::string& answers = "", const std::string& refuses = "") {
    for (const TimePoint end = now_ + span; now_ < end; now_ += 100ms) {
      if ((now_ - kStart) % 1s == Duration{}) {
        addresses_.note_sent(now_);
        if (in_use() == answers) addresses_.note_answer();
        if (refuses.find(in_use() + ' ') != std::string::npos) addresses_.note_refused(now_);
      }
      if (addresses_.take_lookup(now_)) lookups_.push_back(now_ - kStart);
      note(addresses_.take_move(now_));
    }
  }

  TargetAddresses addresses_;
  TimePoint now_ = kStart;
  std::vector<std::string> moves_;
  std::vector<Duration> lookups_;
};

using Moves = std::vector<std::string>;
using Times = std::vector<Duration>;

TEST_F(TargetAddressesTest, RefusalMovesToTheNextAndTheOneThatAnswersIsKept) {
  assign({"::1", "127.0.0.1"});
  run(60s, "127.0.0.1", "::1 ");
  EXPECT_EQ(moves_, (Moves{"::1", "127.0.0.1 refused"}));
  EXPECT_TRUE(lookups_.empty());
}

TEST_F(TargetAddressesTest, SilenceMovesToTheNextAndTheOneThatAnswersIsKept) {
  assign({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  run(60s, "192.0.2.3");
  EXPECT_EQ(moves_, (Moves{"192.0.2.1", "192.0.2.2 silent", "192.0.2.3 silent"}));
  EXPECT_EQ(lookups_, Times{3s});
}

TEST_F(TargetAddressesTest, FamiliesTakeTurns) {
  assign({"2001:db8::1", "2001:db8::2", "192.0.2.1"});
  run(60s, "192.0.2.1");
  EXPECT_EQ(moves_, (Moves{"2001:db8::1", "192.0.2.1 silent"}));
}

TEST_F(TargetAddressesTest, NothingHappensWhileNothingIsSent) {
  assign({"192.0.2.1", "192.0.2.2"});
  EXPECT_EQ(addresses_.deadline(), kNever);
  addresses_.note_sent(now_);
  EXPECT_EQ(addresses_.deadline(), now_ + 3s);
  addresses_.note_answer();
  EXPECT_EQ(addresses_.deadline(), kNever);
}

TEST_F(TargetAddressesTest, TargetThatNeverAnswersStaysWhereItBeganAfterTwoRounds) {
  assign({"192.0.2.1", "192.0.2.2"});
  run(600s);
  EXPECT_EQ(moves_, (Moves{"192.0.2.1", "192.0.2.2 silent", "192.0.2.1 silent", "192.0.2.2 silent",
                           "192.0.2.1 silent"}));
  addresses_.note_flow(now_);
  run(600s);
  EXPECT_EQ(moves_.size(), 9U) << "one that asks anew is worth another look";
  EXPECT_EQ(in_use(), "192.0.2.1");
}

TEST_F(TargetAddressesTest, TargetThatNeverAnswersStaysWithTheFirstThatDidNotRefuse) {
  assign({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  run(600s, "", "192.0.2.1 192.0.2.3 ");
  EXPECT_EQ(in_use(), "192.0.2.2");
  EXPECT_LE(moves_.size(), 14U);
  const std::size_t moves = moves_.size();
  run(600s, "", "192.0.2.1 192.0.2.3 ");
  EXPECT_EQ(moves_.size(), moves);
}

TEST_F(TargetAddressesTest, OneThatAnsweredBeforeIsGivenUpOnlyAfterALongSilence) {
  assign({"192.0.2.1", "192.0.2.2"});
  run(10s, "192.0.2.1");
  run(15s);
  EXPECT_EQ(moves_, Moves{"192.0.2.1"});
  run(10s, "192.0.2.2");
  EXPECT_EQ(moves_, (Moves{"192.0.2.1", "192.0.2.2 silent"}));
}

TEST_F(TargetAddressesTest, OneThatAnsweredBeforeIsReturnedToWhileAllAreSilent) {
  assign({"192.0.2.1", "192.0.2.2"});
  run(10s, "192.0.2.1");
  run(45s);
  EXPECT_EQ(in_use(), "192.0.2.1");
  const std::size_t moves = moves_.size();
  run(1s, "192.0.2.1");
  run(10s, "192.0.2.1");
  EXPECT_EQ(moves_.size(), moves);
}

TEST_F(TargetAddressesTest, RestartedServiceKeepsItsAddress) {
  assign({"127.0.0.1", "::1"});
  run(10s, "127.0.0.1");
  run(900ms, "", "127.0.0.1 ::1 ");
  run(5100ms, "127.0.0.1", "::1 ");
  EXPECT_EQ(moves_, Moves{"127.0.0.1"});
  run(30s, "", "127.0.0.1 ::1 ");
  const TimePoint back = now_;
  while (now_ < back + 60s && addresses_.is_waiting()) run(100ms, "127.0.0.1", "::1 ");
  EXPECT_LE(now_ - back, 3s);
  EXPECT_EQ(in_use(), "127.0.0.1");
}

TEST_F(TargetAddressesTest, AllThatRefuseAreTriedAgainSoonButNotWithoutEnd) {
  assign({"::1", "127.0.0.1"});
  run(60s, "", "127.0.0.1 ::1 ");
  EXPECT_GE(moves_.size(), 12U);
  EXPECT_LE(moves_.size(), 40U);
  const TimePoint there = now_;
  while (now_ < there + 60s && addresses_.is_waiting()) run(100ms, "127.0.0.1", "::1 ");
  EXPECT_LE(now_ - there, 6s);
}

TEST_F(TargetAddressesTest, SilentTargetIsLookedUpAfterThreeSecondsAndThenEachTen) {
  assign({"192.0.2.1"});
  run(5s, "192.0.2.1");
  run(30s);
  EXPECT_EQ(lookups_, (Times{8s, 18s, 28s}));
}

TEST_F(TargetAddressesTest, RefusingTargetIsLookedUpAfterASecondAndThenEachTen) {
  assign({"192.0.2.1"});
  run(25s, "", "192.0.2.1 ");
  EXPECT_EQ(lookups_, (Times{1s, 11s, 21s}));
}

TEST_F(TargetAddressesTest, AddressThatTheNameLostIsLeft) {
  assign({"192.0.2.1", "192.0.2.2"});
  run(5s, "192.0.2.1");
  assign({"192.0.2.2", "192.0.2.1"});
  EXPECT_EQ(moves_, Moves{"192.0.2.1"});
  assign({"192.0.2.2", "192.0.2.3"});
  EXPECT_EQ(moves_, (Moves{"192.0.2.1", "192.0.2.2"}));
}

TEST_F(TargetAddressesTest, NewAddressesOfASilentTargetAreTriedInTheirTurn) {
  assign({"192.0.2.1"});
  run(30s);
  assign({"192.0.2.1", "192.0.2.9"});
  run(10s, "192.0.2.9");
  EXPECT_EQ(moves_, (Moves{"192.0.2.1", "192.0.2.9 silent"}));
}

}  // namespace
}  // namespace mptunnel
