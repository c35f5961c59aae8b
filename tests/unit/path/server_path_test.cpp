#include "mptunnel/path/server_path.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/limits.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

constexpr TimePoint kStart{100s};
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
    return path.on_ping(from, order, kPingBytes, kChallengeBytes, random_, kStart + after);
  }
  ServerPath fresh() { return {kOld, false, random_, kStart}; }
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

TEST_F(ServerPathTest, UnvalidatedPathFollowsItsNewestPing) {
  ServerPath path = fresh();
  const auto first = ping(path, kOld, 5);
  const auto second = ping(path, kNew, 6);
  EXPECT_TRUE(second.answer);
  EXPECT_EQ(path.route(), kNew);
  EXPECT_NE(first.challenge, second.challenge);
  EXPECT_EQ(path.on_echo(*first.challenge, kNew, kStart), ServerPath::EchoVerdict::none);
  // A delayed PING from the former address does not bring it back.
  EXPECT_FALSE(ping(path, kOld, 4).answer);
  EXPECT_EQ(path.route(), kNew);
}

TEST_F(ServerPathTest, ValidatedAtBirthNeedsNoChallenge) {
  ServerPath path(kOld, true, random_, kStart);
  EXPECT_TRUE(path.carries_data(kStart));
  const auto verdict = ping(path, kOld, 0);
  EXPECT_TRUE(verdict.answer);
  EXPECT_FALSE(verdict.challenge);
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

TEST_F(ServerPathTest, SendsNoMoreToANewAddressThanCameFromThere) {
  ServerPath path = validated();
  std::size_t from = 0;
  std::size_t to = 0;
  int challenges = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    // The smallest packet with a PING that anybody could make is smaller than a challenge.
    const std::size_t bytes = i % 3 == 0 ? 20 : 30;
    const auto verdict = path.on_ping(kNew, 11 + i, bytes, kChallengeBytes, random_, kStart);
    from += bytes;
    EXPECT_FALSE(verdict.challenge);
    EXPECT_EQ(verdict.challenge_old.has_value(), i == 0);
    if (!verdict.challenge_new) continue;
    ++challenges;
    to += kChallengeBytes;
    EXPECT_LE(to, from);
  }
  EXPECT_GT(challenges, 70);
}

TEST_F(ServerPathTest, AnotherNewAddressStartsOverWithTokensOfItsOwn) {
  ServerPath path = validated();
  const auto first = ping(path, kNew, 11);
  const auto second = ping(path, kOther, 12);
  ASSERT_TRUE(second.challenge_new && second.challenge_old);
  EXPECT_NE(first.challenge_new, second.challenge_new);
  EXPECT_EQ(path.on_echo(*first.challenge_new, kNew, kStart), ServerPath::EchoVerdict::none);
  EXPECT_EQ(path.on_echo(*second.challenge_new, kOther, kStart), ServerPath::EchoVerdict::moved);
  EXPECT_EQ(path.route(), kOther);
}

TEST_F(ServerPathTest, SameRemoteAtAnotherLocalAddressIsAMove) {
  ServerPath path = validated();
  Route elsewhere = kOld;
  elsewhere.local = *parse_numeric_endpoint("198.51.100.2", 2000);
  const auto verdict = ping(path, elsewhere, 11);
  EXPECT_EQ(path.route(), kOld);
  EXPECT_TRUE(verdict.challenge_new);
}

}  // namespace
}  // namespace mptunnel
