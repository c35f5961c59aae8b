// What handshakes may cost the server: room in its table, and how many a second.

#include <gtest/gtest.h>

#include <set>

#include "handshake_support.h"

namespace mptunnel {
namespace {

using test::kHandshakeStart;
using test::Packet;

class PendingLimits : public testing::Test {
 protected:
  [[nodiscard]] Packet message() { return test::message1(HandshakeSettings{}, random_); }
  /// A message 1 that costs the server a handshake and turns out to be none; other bytes each time.
  [[nodiscard]] Packet rubbish() {
    Packet packet = template_;
    random_.fill(Bytes(packet).subspan(kHandshakePrefixBytes));
    return packet;
  }
  /// How many of these the server looks at from this address, until it refuses one.
  [[nodiscard]] int allowed(const Endpoint& from, TimePoint now, int at_most = 5000) {
    for (int i = 0; i < at_most; ++i) {
      const auto response = test::answer(server_, rubbish(), now, from);
      EXPECT_FALSE(response);
      if (response.error() == Drop::handshake_rate) return i;
    }
    return at_most;
  }

  test::TestRandom random_{3};
  Packet template_ = message();
  PendingHandshakes server_{{}, random_};
};

TEST_F(PendingLimits, TableIsBoundedAndItsVictimsAreRandom) {
  std::vector<Packet> messages;
  for (std::uint32_t i = 0; i < kMaxPendingHandshakes + 200; ++i) {
    messages.push_back(message());
    // 500 a second: within every budget, and all within their ten seconds.
    ASSERT_TRUE(test::answer(server_, messages.back(), kHandshakeStart + 2ms * i, test::host(i % 100)));
    ASSERT_LE(server_.size(), kMaxPendingHandshakes);
  }
  EXPECT_EQ(server_.size(), kMaxPendingHandshakes);
  std::vector<std::size_t> gone;
  const TimePoint now = kHandshakeStart + 4s;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    // A row that is still there repeats its answer; asking again would evict others, so that is not done.
    if (gone.size() < 100 && test::answer(server_, messages[i], now, test::host(900))->is_new)
      gone.push_back(i);
  }
  // Some 18 in 100 of the old ones had to go, wherever they stood: not the oldest, nor the newest.
  ASSERT_GE(gone.size(), 50U);
  EXPECT_GT(gone[20], 20U);
  EXPECT_LT(gone[20], 600U);
  EXPECT_EQ(server_.size(), kMaxPendingHandshakes);
}

TEST_F(PendingLimits, EvictedEpochIsForgotten) {
  std::vector<SessionIndex> indices;
  for (std::uint32_t i = 0; i < kMaxPendingHandshakes + 100; ++i) {
    ClientHandshake client({}, random_);
    const auto response =
        test::answer(server_, test::message1(client), kHandshakeStart + 2ms * i, test::host(i % 100));
    ASSERT_TRUE(response);
    const auto epoch = client.read(response->packet, kHandshakeStart);
    ASSERT_TRUE(epoch);
    indices.push_back((*epoch)->remote_index());
  }
  std::size_t found = 0;
  for (const SessionIndex index : indices) found += server_.find(index) != nullptr ? 1 : 0;
  EXPECT_EQ(found, kMaxPendingHandshakes);
}

TEST_F(PendingLimits, ExpiryEmptiesAFullTable) {
  for (std::uint32_t i = 0; i < kMaxPendingHandshakes; ++i) {
    ASSERT_TRUE(test::answer(server_, message(), kHandshakeStart + 2ms * i, test::host(i % 100)));
  }
  server_.expire(kHandshakeStart + 11s);
  EXPECT_LT(server_.size(), kMaxPendingHandshakes - 400);
  EXPECT_GT(server_.size(), 400U);
  server_.expire(kHandshakeStart + 13s);
  EXPECT_TRUE(server_.empty());
}

TEST_F(PendingLimits, OneNetworkMayAskTwoHundredTimesAndThenAHundredASecond) {
  EXPECT_EQ(allowed(test::host(1), kHandshakeStart), 200);
  EXPECT_EQ(allowed(test::host(1), kHandshakeStart + 1s), 100);
  EXPECT_EQ(allowed(test::host(1), kHandshakeStart + 1s + 500ms), 50);
}

TEST_F(PendingLimits, OtherNetworksAreNotConcerned) {
  EXPECT_EQ(allowed(test::host(1), kHandshakeStart), 200);
  EXPECT_EQ(allowed(test::host(2), kHandshakeStart), 200);
  EXPECT_TRUE(test::answer(server_, message(), kHandshakeStart, test::host(3)));
}

TEST_F(PendingLimits, NetworkIsA24OfIpv4AndA56OfIpv6) {
  const auto v6 = [](const char* address) { return *parse_numeric_endpoint(address, 1); };
  EXPECT_EQ(allowed(*parse_numeric_endpoint("192.0.2.1", 1), kHandshakeStart), 200);
  EXPECT_EQ(allowed(*parse_numeric_endpoint("192.0.2.254", 9), kHandshakeStart), 0);
  EXPECT_EQ(allowed(v6("2001:db8:0:1200::1"), kHandshakeStart), 200);
  EXPECT_EQ(allowed(v6("2001:db8:0:12ff:ffff::9"), kHandshakeStart), 0);
  EXPECT_EQ(allowed(v6("2001:db8:0:1300::1"), kHandshakeStart), 200);
}

TEST_F(PendingLimits, AllNetworksTogetherMayAskAThousandTimes) {
  int total = 0;
  for (std::uint32_t network = 0; network < 50; ++network) {
    total += allowed(test::host(network), kHandshakeStart, 30);
  }
  EXPECT_EQ(total, 1000);
  EXPECT_EQ(allowed(test::host(60), kHandshakeStart), 0);
  EXPECT_EQ(allowed(test::host(61), kHandshakeStart + 100ms, 150), 100);
}

TEST_F(PendingLimits, RepeatsCostNoBudget) {
  const Packet first = message();
  ASSERT_TRUE(test::answer(server_, first, kHandshakeStart, test::host(1)));
  EXPECT_EQ(allowed(test::host(1), kHandshakeStart), 199);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(test::answer(server_, first, kHandshakeStart, test::host(1)));
  }
}

TEST_F(PendingLimits, GenuineHandshakesArePaidForToo) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(test::answer(server_, message(), kHandshakeStart, test::host(1)));
  }
  EXPECT_EQ(test::answer(server_, message(), kHandshakeStart, test::host(1)).error(), Drop::handshake_rate);
}

TEST_F(PendingLimits, MessagesWithAnotherKeyCostNone) {
  HandshakeSettings settings;
  settings.key = test::make_key(1);
  PendingHandshakes server(settings, random_);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(test::answer(server, rubbish()).error(), Drop::handshake_key);
  }
  EXPECT_TRUE(test::answer(server, test::message1(settings, random_)));
}

/// Messages with another key id each, at a server with a key: each costs it a derivation.
class KeyChecks : public PendingLimits {
 protected:
  /// How many of these are refused for their key, until one is refused unseen.
  [[nodiscard]] int checked(const Endpoint& from, TimePoint now, int at_most = 50000) {
    for (int i = 0; i < at_most; ++i) {
      Packet packet = genuine();
      packet[kHandshakePrefixBytes - 17] ^= 1U;  // the last byte of the key id
      const auto response = test::answer(keyed_, packet, now, from);
      EXPECT_FALSE(response);
      if (response.error() == Drop::handshake_rate) return i;
      EXPECT_EQ(response.error(), Drop::handshake_key);
    }
    return at_most;
  }
  /// A message that the server answers, if it looks at it.
  [[nodiscard]] Packet genuine() { return test::message1(settings_, random_); }

  HandshakeSettings settings_{test::make_key(1)};
  PendingHandshakes keyed_{settings_, random_};
};

TEST_F(KeyChecks, OfOneNetworkEndWithItsBudget) {
  EXPECT_EQ(checked(test::host(1), kHandshakeStart), 2000);
  EXPECT_EQ(checked(test::host(1), kHandshakeStart + 100ms), 200);
  // Even the right key is not looked at any more, and is again when there is budget.
  EXPECT_EQ(test::answer(keyed_, genuine(), kHandshakeStart + 100ms, test::host(1)).error(),
            Drop::handshake_rate);
  EXPECT_TRUE(test::answer(keyed_, genuine(), kHandshakeStart + 200ms, test::host(1)));
}

TEST_F(KeyChecks, LeaveTheHandshakesOfOthersTheirBudget) {
  EXPECT_EQ(checked(test::host(1), kHandshakeStart), 2000);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(test::answer(keyed_, genuine(), kHandshakeStart, test::host(2)));
}

TEST_F(KeyChecks, OfRepeatsAreNotMade) {
  const Packet first = genuine();
  ASSERT_TRUE(test::answer(keyed_, first, kHandshakeStart, test::host(1)));
  EXPECT_EQ(checked(test::host(1), kHandshakeStart), 1999);
  const auto repeated = test::answer(keyed_, first, kHandshakeStart, test::host(1));
  ASSERT_TRUE(repeated);
  EXPECT_FALSE(repeated->is_new);
}

TEST_F(KeyChecks, OfMessagesWithoutAKeyAreNotMade) {
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(test::answer(keyed_, rubbish(), kHandshakeStart, test::host(1)).error(), Drop::handshake_key);
  }
  EXPECT_EQ(checked(test::host(1), kHandshakeStart), 2000);
}

}  // namespace
}  // namespace mptunnel
