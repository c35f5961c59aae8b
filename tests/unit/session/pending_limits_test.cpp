// What handshakes may cost the server: room in its table, and how many a second.

#include <gtest/gtest.h>

#include "handshake_support.h"

namespace mptunnel {
namespace {

using test::kHandshakeStart;
using test::Packet;

/// With and without a pre-shared key.
class PendingLimits : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static HandshakeSettings settings() {
    HandshakeSettings settings;
    if (GetParam()) settings.key = test::make_key(1);
    return settings;
  }
  [[nodiscard]] Packet message() { return test::message1(settings(), random_); }
  /// A handshake of another client, which shows a cookie if it is asked to.
  tl::expected<test::Response, Drop> shake(const Endpoint& from, TimePoint now) {
    return test::answer(server_, test::proved_message1(server_, settings(), random_, now, from), now, from);
  }
  /// A handshake inside a session.
  tl::expected<PendingHandshakes::Answer, Drop> renew(const Packet& packet, TokenBucket& budget,
                                                      TimePoint now = kHandshakeStart) {
    const KeyAccount& account = *keyring_.find(decode_handshake_prefix(packet)->key_name);
    return server_.renew(packet, {SessionHandle{1}, account, budget}, test::any_index, now);
  }
  /// Uses up what is done without a proof of the address.
  void load(TimePoint now = kHandshakeStart) {
    for (int i = 0; i < 1000; ++i) {
      const auto given = test::answer(server_, message(), now, test::host(200));
      if (given && given->is_cookie) return;
    }
    ADD_FAILURE() << "the server asks for no proof";
  }
  /// How many handshakes with a proof the server does for this address, until it refuses one.
  [[nodiscard]] int proved(const Endpoint& from, TimePoint now, int at_most = 1000) {
    for (int i = 0; i < at_most; ++i) {
      const auto given = shake(from, now);
      if (!given || !given->is_new) return i;
    }
    return at_most;
  }

  test::TestRandom random_{3};
  Keyring keyring_{{settings().key, {}}};
  PendingHandshakes server_{settings(), keyring_, random_};
};
INSTANTIATE_TEST_SUITE_P(Keys, PendingLimits, testing::Bool(),
                         [](const auto& row) { return std::string(row.param ? "Keyed" : "Keyless"); });

TEST_P(PendingLimits, TableIsBoundedAndItsVictimsAreRandom) {
  std::vector<Packet> messages;
  for (std::uint32_t i = 0; i < kMaxPendingHandshakes + 200; ++i) {
    const TimePoint now = kHandshakeStart + 4ms * i;
    const Endpoint from = test::host(i % 100);
    messages.push_back(test::proved_message1(server_, settings(), random_, now, from));
    ASSERT_TRUE(test::answer(server_, messages.back(), now, from));
    ASSERT_LE(server_.size(), kMaxPendingHandshakes);
  }
  EXPECT_EQ(server_.size(), kMaxPendingHandshakes);
  // Without a proof what is gone is not made again: it is replayed, or asks for a cookie.
  std::vector<std::size_t> gone;
  load(kHandshakeStart + 6s);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto given = test::answer(server_, messages[i], kHandshakeStart + 6s, test::host(900));
    if (!given || given->is_cookie) gone.push_back(i);
  }
  // Some 16 in 100 of the old ones had to go, wherever they stood: not the oldest, nor the newest.
  ASSERT_GE(gone.size(), 150U);
  EXPECT_GT(gone[30], 30U);
  EXPECT_LT(gone[30], 900U);
}

TEST_P(PendingLimits, ExpiryEmptiesAFullTable) {
  for (std::uint32_t i = 0; i < kMaxPendingHandshakes; ++i)
    ASSERT_TRUE(shake(test::host(i % 100), kHandshakeStart + 4ms * i));
  server_.expire(kHandshakeStart + 12s);
  EXPECT_LT(server_.size(), kMaxPendingHandshakes - 400);
  EXPECT_GT(server_.size(), 400U);
  server_.expire(kHandshakeStart + 15s);
  EXPECT_TRUE(server_.empty());
}

TEST_P(PendingLimits, FewAreDoneWithoutAProofAndThenOneIsAskedFor) {
  int done = 0;
  while (!test::answer(server_, message(), kHandshakeStart, test::host(1))->is_cookie) ++done;
  EXPECT_EQ(done, 32);
  EXPECT_EQ(server_.size(), 32U) << "what asks for a proof keeps nothing";
  done = 0;
  while (!test::answer(server_, message(), kHandshakeStart + 500ms, test::host(1))->is_cookie) ++done;
  EXPECT_EQ(done, 24);
}

TEST_P(PendingLimits, CookieIsNoLongerThanWhatAskedForIt) {
  load();
  const auto given = test::answer(server_, message());
  ASSERT_TRUE(given && given->is_cookie);
  EXPECT_EQ(given->packet.size(), kHandshakeAroundBytes);
  EXPECT_EQ(given->packet.front(), static_cast<std::uint8_t>(PacketType::cookie));
}

TEST_P(PendingLimits, CookieHoldsForItsAddressAlone) {
  load();
  const Packet shown = test::proved_message1(server_, settings(), random_, kHandshakeStart, test::host(1, 5));
  EXPECT_TRUE(test::answer(server_, shown, kHandshakeStart, test::host(1, 6))->is_cookie);
  EXPECT_TRUE(test::answer(server_, shown, kHandshakeStart, test::host(2, 5))->is_cookie);
  EXPECT_TRUE(test::answer(server_, shown, kHandshakeStart, test::host(1, 5))->is_new);
}

TEST_P(PendingLimits, CookieIsForgottenAfterTwoMinutes) {
  load();
  const Packet shown = test::proved_message1(server_, settings(), random_, kHandshakeStart, test::host(1));
  load(kHandshakeStart + 70s);
  load(kHandshakeStart + 125s);
  EXPECT_TRUE(test::answer(server_, shown, kHandshakeStart + 125s, test::host(1))->is_cookie);
}

TEST_P(PendingLimits, UnprovedOnesTakeNothingFromTheProved) {
  load();
  for (int i = 0; i < 100'000; ++i) {
    // All from the network of the genuine client, with its prefix.
    Packet forged = message();
    const auto given = test::answer(server_, forged, kHandshakeStart, test::host(1, 9));
    ASSERT_TRUE(!given || given->is_cookie);
    if (i == 300) break;
  }
  EXPECT_TRUE(shake(test::host(1), kHandshakeStart + 10ms)->is_new);
}

TEST_P(PendingLimits, OneAddressMayBegin32AtOnceAndThenAHundredASecond) {
  load();
  EXPECT_EQ(proved(test::host(1), kHandshakeStart), 32);
  load(kHandshakeStart + 1s);
  EXPECT_EQ(proved(test::host(1), kHandshakeStart + 1s), 32);
  load(kHandshakeStart + 1s + 200ms);
  EXPECT_EQ(proved(test::host(1), kHandshakeStart + 1s + 200ms), 20);
}

TEST_P(PendingLimits, AddressThatAsksForAllKeepsItsNeighbourNotOut) {
  const Endpoint greedy = *parse_numeric_endpoint("192.0.2.1", 1);
  const Endpoint neighbour = *parse_numeric_endpoint("192.0.2.77", 1);
  int in = 0;
  for (int i = 0; i < 100; ++i) {
    const TimePoint now = kHandshakeStart + i * 100ms;
    load(now);
    EXPECT_LT(proved(greedy, now), 40);
    if (i % 10 == 9) in += proved(neighbour, now, 1);
  }
  EXPECT_EQ(in, 10);
}

TEST_P(PendingLimits, NetworkIsA24OfIpv4AndA56OfIpv6) {
  const auto v6 = [](const char* address) { return *parse_numeric_endpoint(address, 1); };
  TimePoint now = kHandshakeStart;
  const auto next = [&](const Endpoint& from) {
    now += 100ms;  // all together may begin 50 more
    load(now);
    return proved(from, now);
  };
  const auto v4 = [](const char* address) { return *parse_numeric_endpoint(address, 1); };
  EXPECT_EQ(next(v4("192.0.2.1")), 32);
  EXPECT_LE(next(v4("192.0.2.254")), 20) << "ten more, and an eighth of what is kept";
  EXPECT_EQ(next(v4("192.0.3.1")), 32);
  EXPECT_EQ(next(v6("2001:db8:0:1200::1")), 32);
  EXPECT_LE(next(v6("2001:db8:0:12ff:ffff::9")), 20);
  EXPECT_EQ(next(v6("2001:db8:0:1300::1")), 32);
}

TEST_P(PendingLimits, AllNetworksTogetherMayBegin64AtOnceAnd500ASecond) {
  load();
  int total = 0;
  for (std::uint32_t network = 1; network < 60; ++network)
    total += proved(test::host(network), kHandshakeStart, 10);
  EXPECT_EQ(total, 64);
  total = 0;
  for (std::uint32_t network = 100; network < 160; ++network)
    total += proved(test::host(network), kHandshakeStart + 20ms, 10);
  EXPECT_EQ(total, 10);
}

TEST_P(PendingLimits, RepeatsCostNoHandshake) {
  const Packet first = message();
  ASSERT_TRUE(test::answer(server_, first));
  load();
  EXPECT_FALSE(test::answer(server_, first)->is_cookie);
}

TEST_P(PendingLimits, ThoseOfASessionHaveABudgetOfTheirOwn) {
  load();
  TokenBucket budget{kRenewalsPerSecond, kRenewalBurst};
  std::vector<Packet> messages;
  for (int i = 0; i < kRenewalBurst; ++i) {
    messages.push_back(message());
    const auto given = renew(messages.back(), budget);
    ASSERT_TRUE(given && given->is_new);
    EXPECT_FALSE(renew(messages.back(), budget)->is_new);
  }
  EXPECT_EQ(renew(message(), budget).error(), Drop::handshake_rate);
  // Nor does a flood take their places.
  for (std::uint32_t i = 0; i < 2 * kMaxPendingHandshakes; ++i)
    ASSERT_TRUE(shake(test::host(i % 100), kHandshakeStart + 3ms * i));
  for (const Packet& known : messages) EXPECT_FALSE(renew(known, budget, kHandshakeStart + 7s)->is_new);
  server_.expire(kHandshakeStart + 30s);
  EXPECT_TRUE(server_.empty());
}

TEST(PendingLimitsOfAKey, ForgeriesWithASeenPrefixCostNothingOfItsOwner) {
  test::TestRandom random(3);
  HandshakeSettings settings;
  settings.key = test::make_key(1);
  Keyring keyring({settings.key, {}});
  PendingHandshakes server(settings, keyring, random);
  const Packet seen = test::message1(settings, random);
  ASSERT_TRUE(test::answer(server, seen));
  for (int i = 0; i < 50'000; ++i) {
    Packet forged = seen;
    random.fill(Bytes(forged).subspan(kHandshakePrefixBytes));
    ASSERT_EQ(test::answer(server, forged).error(), Drop::handshake_mac);
  }
  EXPECT_EQ(server.size(), 1U);
  EXPECT_TRUE(test::answer(server, test::message1(settings, random))->is_new);
}

}  // namespace
}  // namespace mptunnel
