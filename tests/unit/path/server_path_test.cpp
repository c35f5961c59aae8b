#include "mptunnel/path/server_path.h"

#include <gtest/gtest.h>

#include <vector>

#include "mptunnel/wire/limits.h"
#include "support/start_time.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kStart;

constexpr std::size_t kPingBytes = 56;
constexpr std::size_t kChallengeBytes = 33;

Route route(std::uint16_t port) {
  return {*parse_numeric_endpoint("192.0.2.1", port), *parse_numeric_endpoint("198.51.100.1", 2000)};
}
const Route kOld = route(1);
const Route kNew = route(2);
const Route kOther = route(3);

class ServerPathTest : public testing::Test {
 protected:
  ServerPath::PingVerdict ping(ServerPath& path, const Route& from, std::uint64_t order,
                               Duration after = {}) {
    return path.on_ping({from, order, kPingBytes}, kChallengeBytes, random_, kStart + after);
  }
  /// The same packet came before.
  ServerPath::PingVerdict copy(ServerPath& path, const Route& from, std::uint64_t order,
                               Duration after = {}) {
    return path.on_ping({from, order, kPingBytes, true}, kChallengeBytes, random_, kStart + after);
  }
  ServerPath fresh() { return {kOld, random_, kStart}; }
  /// A path at kOld that has proved itself, with a round trip of 40 ms. Orders up to 10 are used.
  ServerPath validated() {
    ServerPath path = fresh();
    const auto verdict = ping(path, kOld, 10);
    EXPECT_EQ(path.on_echo(*verdict.challenge, kOld, kStart + 40ms), ServerPath::EchoVerdict::validated);
    return path;
  }

  test::TestRandom random_{1};
};

TEST_F(ServerPathTest, EchoFromThereValidates) {
  ServerPath path = fresh();
  EXPECT_FALSE(path.carries_data(kStart));
  const auto verdict = ping(path, kOld, 0);
  EXPECT_TRUE(verdict.answer);
  ASSERT_TRUE(verdict.challenge);
  EXPECT_FALSE(verdict.challenge_new);
  EXPECT_FALSE(verdict.challenge_old);
  EXPECT_EQ(path.on_echo(*verdict.challenge, kOld, kStart + 40ms), ServerPath::EchoVerdict::validated);
  EXPECT_TRUE(path.is_validated());
  EXPECT_TRUE(path.carries_data(kStart + 40ms));
  EXPECT_EQ(path.rtt().smoothed(), 40ms);
  EXPECT_EQ(path.on_echo(*verdict.challenge, kOld, kStart + 41ms), ServerPath::EchoVerdict::none);
}

TEST_F(ServerPathTest, EchoOfAnotherTokenOrFromElsewhereDoesNot) {
  ServerPath path = fresh();
  const auto verdict = ping(path, kOld, 0);
  EXPECT_EQ(path.on_echo(*verdict.challenge + 1, kOld, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.on_echo(*verdict.challenge, kNew, kStart), ServerPath::EchoVerdict::none);
  EXPECT_FALSE(path.is_validated());
}

TEST_F(ServerPathTest, EachPingBeforeValidationIsChallengedAgain) {
  ServerPath path = fresh();
  const auto first = ping(path, kOld, 0);
  const auto second = ping(path, kOld, 1, 10ms);
  EXPECT_EQ(first.challenge, second.challenge);
  EXPECT_EQ(path.on_echo(*second.challenge, kOld, kStart + 50ms), ServerPath::EchoVerdict::validated);
  // Which of the two was answered is not known: it says nothing about the round trip.
  EXPECT_FALSE(path.rtt().has_sample());
}

TEST_F(ServerPathTest, EachAddressOfAnUnvalidatedPathHasATokenOfItsOwn) {
  ServerPath path = fresh();
  const auto first = ping(path, kOld, 5);
  const auto second = copy(path, kNew, 5);
  const auto late = ping(path, kOther, 4);
  for (const auto& verdict : {first, second, late}) EXPECT_TRUE(verdict.answer && verdict.challenge);
  EXPECT_EQ(path.route(), kOld);
  EXPECT_TRUE(path.reads_copies());
  EXPECT_NE(first.challenge, second.challenge);
  EXPECT_EQ(path.on_echo(*second.challenge, kOld, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.on_echo(*first.challenge, kNew, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.on_echo(*second.challenge, kNew, kStart), ServerPath::EchoVerdict::validated);
  EXPECT_EQ(path.route(), kNew);
  EXPECT_FALSE(path.reads_copies());
  EXPECT_EQ(path.on_echo(*first.challenge, kOld, kStart), ServerPath::EchoVerdict::none);
}

TEST_F(ServerPathTest, NoNumberOfOtherAddressesDisplacesTheTrueOne) {
  ServerPath path = fresh();
  const auto own = copy(path, kNew, 1);
  for (std::uint16_t port = 100; port < 2000; ++port) ping(path, route(port), 1 + port);
  EXPECT_EQ(path.on_echo(*own.challenge, kNew, kStart), ServerPath::EchoVerdict::validated);
}

TEST_F(ServerPathTest, TokensOfTwoPathsDiffer) {
  ServerPath one = fresh();
  ServerPath other = fresh();
  EXPECT_NE(ping(one, kOld, 1).challenge, ping(other, kOld, 1).challenge);
}

TEST_F(ServerPathTest, CarriesDataForItsLifeAfterTheLastPing) {
  ServerPath path = validated();
  EXPECT_TRUE(ping(path, kOld, 11, 1s).answer);
  EXPECT_TRUE(path.is_usable(kStart + 1s + kServerPathLife));
  EXPECT_FALSE(path.is_usable(kStart + 1s + kServerPathLife + 1ns));
  // The PINGs of an idle path are ten seconds apart: three are missing then.
  EXPECT_TRUE(path.carries_data(kStart + 1s + 30s - 1ns));
  EXPECT_FALSE(path.carries_data(kStart + 1s + 30s));
  ping(path, kOld, 12, 60s);
  EXPECT_TRUE(path.carries_data(kStart + 60s));
}

TEST_F(ServerPathTest, MovesWhenTheNewAddressEchoes) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  ASSERT_TRUE(verdict.challenge_new);
  ASSERT_TRUE(verdict.challenge_old);
  EXPECT_NE(verdict.challenge_new, verdict.challenge_old);
  EXPECT_EQ(path.route(), kOld);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart + 100ms), ServerPath::EchoVerdict::moved);
  EXPECT_EQ(path.route(), kNew);
  EXPECT_TRUE(path.is_validated());
  EXPECT_TRUE(ping(path, kNew, 12).answer);
}

TEST_F(ServerPathTest, PingFromElsewhereIsAnsweredToThePathsOwnAddress) {
  // Whoever copies PINGs and is faster than the path must not silence it.
  ServerPath path = validated();
  EXPECT_TRUE(ping(path, kNew, 11).answer);
  EXPECT_EQ(path.route(), kOld);
  EXPECT_EQ(path.last_heard(), kStart + 40ms);
  EXPECT_FALSE(path.is_usable(kStart + 40ms + kServerPathLife + 1ns));
}

TEST_F(ServerPathTest, TokenOfTheNewAddressCountsOnlyFromThere) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kOld, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kOther, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.route(), kOld);
}

TEST_F(ServerPathTest, StaysWhenTheOldAddressEchoes) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  EXPECT_EQ(path.on_echo(*verdict.challenge_old, kOld, kStart + 100ms), ServerPath::EchoVerdict::stayed);
  EXPECT_EQ(path.route(), kOld);
  // The new address's echo comes too late then.
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart + 110ms), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.route(), kOld);
}

TEST_F(ServerPathTest, RefusedAddressIsTriedAgainOnlyAfterFiveSeconds) {
  ServerPath path = validated();
  auto verdict = ping(path, kNew, 11);
  path.on_echo(*verdict.challenge_old, kOld, kStart);
  verdict = ping(path, kNew, 12, 5s - 1ns);
  EXPECT_FALSE(verdict.challenge_new || verdict.challenge_old);
  // Another one is tried at once.
  EXPECT_TRUE(ping(path, kOther, 13, 5s - 1ns).challenge_new);
  EXPECT_TRUE(ping(path, kNew, 14, 5s).challenge_new);
}

TEST_F(ServerPathTest, MovesBackWhenTheOldAddressEchoesSoonAfter) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  path.on_echo(*verdict.challenge_new, kNew, kStart);
  EXPECT_EQ(path.on_echo(*verdict.challenge_old, kOld, kStart + 1s - 1ns), ServerPath::EchoVerdict::stayed);
  EXPECT_EQ(path.route(), kOld);
  const auto again = ping(path, kNew, 12, 2s);
  EXPECT_FALSE(again.challenge_new || again.challenge_old);
}

TEST_F(ServerPathTest, OldAddressComesTooLateAfterItsSecond) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  path.on_echo(*verdict.challenge_new, kNew, kStart);
  EXPECT_EQ(path.on_echo(*verdict.challenge_old, kOld, kStart + 1s), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.route(), kNew);
}

TEST_F(ServerPathTest, OnlyTheNewestPingMovesAPath) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 9);
  EXPECT_FALSE(verdict.challenge_new || verdict.challenge_old);
  // An old PING from the path's own address is answered: it was only late.
  EXPECT_TRUE(ping(path, kOld, 8).answer);
}

TEST_F(ServerPathTest, NewerPingFromThePathsAddressEndsTheAttempt) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  EXPECT_TRUE(ping(path, kOld, 12).answer);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.route(), kOld);
}

TEST_F(ServerPathTest, LatePingFromThePathsAddressDoesNot) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 12);
  EXPECT_TRUE(ping(path, kOld, 11).answer);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart), ServerPath::EchoVerdict::moved);
}

TEST_F(ServerPathTest, SendsNoMoreToANewAddressThanThePingHad) {
  ServerPath path = validated();
  for (const std::size_t bytes : {kChallengeBytes - 1, kChallengeBytes}) {
    const auto verdict = path.on_ping({kNew, 11, bytes}, kChallengeBytes, random_, kStart);
    EXPECT_FALSE(verdict.challenge);
    EXPECT_EQ(verdict.challenge_new.has_value(), bytes == kChallengeBytes);
    EXPECT_EQ(verdict.challenge_old.has_value(), bytes == kChallengeBytes);
  }
}

TEST_F(ServerPathTest, SeveralNewAddressesMayProveThemselves) {
  for (const bool is_second : {false, true}) {
    ServerPath path = validated();
    const auto first = ping(path, kNew, 11);
    const auto second = copy(path, kOther, 11);
    const auto third = ping(path, kNew, 12);
    ASSERT_TRUE(first.challenge_new && second.challenge_new);
    EXPECT_TRUE(first.challenge_old && !second.challenge_old) << "the old one is asked once";
    EXPECT_FALSE(second.answer) << "the packet was answered when it came first";
    EXPECT_NE(first.challenge_new, second.challenge_new);
    EXPECT_EQ(first.challenge_new, third.challenge_new);
    EXPECT_EQ(path.on_echo(*first.challenge_new, kOther, kStart), ServerPath::EchoVerdict::none);
    const Route& wins = is_second ? kOther : kNew;
    const auto& token = is_second ? second.challenge_new : first.challenge_new;
    EXPECT_EQ(path.on_echo(*token, wins, kStart), ServerPath::EchoVerdict::moved);
    EXPECT_EQ(path.route(), wins);
  }
}

TEST_F(ServerPathTest, CopiesMoveNothingWhileTheNewestPingIsFromThePathsAddress) {
  ServerPath path = validated();
  EXPECT_FALSE(path.reads_copies());
  ping(path, kOld, 11);
  auto verdict = copy(path, kNew, 11);
  EXPECT_FALSE(verdict.answer || verdict.challenge_new || verdict.challenge_old);
  ping(path, kNew, 12);
  EXPECT_TRUE(path.reads_copies());
  verdict = copy(path, kOther, 11);
  EXPECT_FALSE(verdict.challenge_new) << "older than what came from elsewhere";
  ping(path, kOld, 13);
  EXPECT_FALSE(path.reads_copies());
}

TEST_F(ServerPathTest, CopyMovesAPathAlthoughTheFirstToComeIsRefused) {
  // An observer that is always faster was refused a moment ago; then the client's address changes.
  ServerPath path = validated();
  const auto refused = ping(path, kOther, 11);
  path.on_echo(*refused.challenge_old, kOld, kStart);
  EXPECT_FALSE(ping(path, kOther, 12).challenge_new);
  const auto verdict = copy(path, kNew, 12);
  ASSERT_TRUE(verdict.challenge_new && verdict.challenge_old);
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart), ServerPath::EchoVerdict::moved);
}

TEST_F(ServerPathTest, CopyFromThePathsAddressKeepsItUsable) {
  ServerPath path = validated();
  ping(path, kNew, 11, 10s);
  const auto verdict = copy(path, kOld, 11, 10s);
  EXPECT_FALSE(verdict.answer || verdict.challenge_new);
  EXPECT_TRUE(path.is_usable(kStart + 10s + kServerPathLife));
}

TEST_F(ServerPathTest, TokenOfAnEarlierMoveIsWorthNothing) {
  ServerPath path = validated();
  const auto first = ping(path, kNew, 11);
  ping(path, kOld, 12);
  const auto second = ping(path, kNew, 13);
  EXPECT_NE(first.challenge_new, second.challenge_new);
  EXPECT_EQ(path.on_echo(*first.challenge_new, kNew, kStart), ServerPath::EchoVerdict::none);
}

TEST_F(ServerPathTest, RemembersSeveralRefusedAddresses) {
  ServerPath path = validated();
  std::uint64_t order = 11;
  for (std::uint16_t port = 100; port < 100 + kRefusedAddresses; ++port) {
    const auto verdict = ping(path, route(port), order++);
    ASSERT_TRUE(verdict.challenge_old);
    path.on_echo(*verdict.challenge_old, kOld, kStart);
  }
  for (std::uint16_t port = 100; port < 100 + kRefusedAddresses; ++port)
    EXPECT_FALSE(ping(path, route(port), order++).challenge_old) << port;
}

/// Tokens of this path that are worth nothing for a move to kNew, and ones that are no tokens.
std::vector<std::uint64_t> wrong_tokens(std::uint64_t right, const std::vector<std::uint64_t>& stale) {
  std::vector<std::uint64_t> tokens{0, ~std::uint64_t{0}, ~right};
  for (unsigned bit = 0; bit < 64; ++bit) tokens.push_back(right ^ std::uint64_t{1} << bit);
  tokens.insert(tokens.end(), stale.begin(), stale.end());
  return tokens;
}

TEST_F(ServerPathTest, NoTokenButTheOneForThatMoveAndThatAddressMovesIt) {
  ServerPath other_path = validated();
  const auto of_other_path = ping(other_path, kNew, 11);
  ServerPath path = fresh();
  const auto proof = ping(path, kOld, 10);
  const auto of_new_before = copy(path, kNew, 10);
  path.on_echo(*proof.challenge, kOld, kStart);
  const auto ended = ping(path, kNew, 11);
  ping(path, kOld, 12);
  const auto verdict = ping(path, kNew, 13);
  const auto elsewhere = copy(path, kOther, 13);
  const std::vector<std::uint64_t> stale{
      *proof.challenge,        *of_new_before.challenge,     *ended.challenge_new,
      *ended.challenge_old,    *of_other_path.challenge_new, *of_other_path.challenge_old,
      *elsewhere.challenge_new};
  for (const std::uint64_t token : wrong_tokens(*verdict.challenge_new, stale)) {
    for (const Route& from : {kNew, kOld}) {
      EXPECT_EQ(path.on_echo(token, from, kStart), ServerPath::EchoVerdict::none) << token;
      ASSERT_EQ(path.route(), kOld) << token;
    }
  }
  EXPECT_EQ(path.on_echo(*verdict.challenge_new, kNew, kStart), ServerPath::EchoVerdict::moved)
      << "and none ended the attempt";
}

TEST_F(ServerPathTest, NoTokenButThatOfTheFormerAddressMovesItBack) {
  ServerPath path = validated();
  const auto verdict = ping(path, kNew, 11);
  path.on_echo(*verdict.challenge_new, kNew, kStart);
  for (const std::uint64_t token : wrong_tokens(*verdict.challenge_old, {*verdict.challenge_new})) {
    for (const Route& from : {kNew, kOld}) {
      EXPECT_EQ(path.on_echo(token, from, kStart + 1ms), ServerPath::EchoVerdict::none) << token;
      ASSERT_EQ(path.route(), kNew) << token;
    }
  }
  EXPECT_EQ(path.on_echo(*verdict.challenge_old, kOld, kStart + 1ms), ServerPath::EchoVerdict::stayed);
}

TEST_F(ServerPathTest, SameRemoteAtAnotherLocalAddressIsAMove) {
  ServerPath path = validated();
  Route elsewhere = kOld;
  elsewhere.local = *parse_numeric_endpoint("198.51.100.2", 2000);
  const auto verdict = ping(path, elsewhere, 11);
  EXPECT_EQ(path.route(), kOld);
  EXPECT_TRUE(verdict.challenge_new);
}

PathReport proxied(std::uint8_t flags = 0, std::uint16_t interval = 100) {
  PathReport report;
  report.flags = PathReport::kByProxy | flags;
  report.interval = interval;
  return report;
}

TEST_F(ServerPathTest, WhatTheClientSaysByAnotherPathKeepsItInUse) {
  ServerPath path = validated();
  ASSERT_EQ(path.state(kStart + 40s), PathState::down);
  ASSERT_FALSE(path.is_usable(kStart + 40s));
  path.on_proxy_report(proxied(), 20, kStart + 40s);
  EXPECT_TRUE(path.is_out_alone());
  EXPECT_EQ(path.state(kStart + 40s), PathState::up);
  EXPECT_TRUE(path.carries_data(kStart + 40s));
  EXPECT_EQ(path.state(kStart + 42s), PathState::down);
  EXPECT_EQ(path.route(), kOld);
  ping(path, kOld, 21, 42s);
  EXPECT_FALSE(path.is_out_alone());
}

TEST_F(ServerPathTest, WhatTheClientSaysByAnotherPathIsNoProofOfAnAddress) {
  ServerPath path = fresh();
  ping(path, kOld, 0);
  path.on_proxy_report(proxied(), 1, kStart);
  EXPECT_FALSE(path.is_validated());
  EXPECT_FALSE(path.is_out_alone());
}

TEST_F(ServerPathTest, APathThatPassesNeitherWayIsNotInUse) {
  ServerPath path = validated();
  path.on_proxy_report(proxied(PathReport::kUnheard), 20, kStart + 40s);
  EXPECT_EQ(path.state(kStart + 40s), PathState::down);
  EXPECT_FALSE(path.is_usable(kStart + 40s));
}

TEST_F(ServerPathTest, AnOldReportByAnotherPathIsNoNews) {
  ServerPath path = validated();
  path.on_proxy_report(proxied(), 20, kStart + 40s);
  path.on_proxy_report(proxied(PathReport::kUnheard), 19, kStart + 40s);
  EXPECT_FALSE(path.is_unheard());
  path.on_proxy_report(proxied(PathReport::kUnheard), 9, kStart + 40s);
  EXPECT_FALSE(path.is_unheard()) << "nor is one that is older than a PING by the path";
}

}  // namespace
}  // namespace mptunnel
