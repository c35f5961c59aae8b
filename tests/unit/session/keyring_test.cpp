#include "mptunnel/session/keyring.h"

#include <gtest/gtest.h>

#include <set>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

SecretKey key_of(std::uint16_t number) {
  SecretKey key;
  key.bytes[0] = static_cast<std::uint8_t>(number);
  key.bytes[1] = static_cast<std::uint8_t>(number >> 8U);
  return key;
}
KeyName name_of(const SecretKey& key) {
  return derive_handshake_key(&key).name;
}
NamedKey named(std::string name, std::uint16_t number) {
  return {std::move(name), key_of(number), {}, false};
}

TEST(Keyring, WithoutAnyKeyEverybodyMayCome) {
  Keyring keys{{}};
  KeyAccount* account = keys.find(KeyName{});
  ASSERT_NE(account, nullptr);
  EXPECT_EQ(account->key(), nullptr);
  EXPECT_FALSE(account->is_named());
  EXPECT_EQ(keys.find(name_of(key_of(1))), nullptr);
}

TEST(Keyring, WithAKeyNobodyComesWithout) {
  Keyring shared({key_of(1), {}});
  EXPECT_EQ(shared.find(KeyName{}), nullptr);
  ASSERT_NE(shared.find(name_of(key_of(1))), nullptr);
  EXPECT_FALSE(shared.find(name_of(key_of(1)))->is_named());
  Keyring empty({{}, std::vector<NamedKey>{}});
  EXPECT_EQ(empty.find(KeyName{}), nullptr) << "an empty keyring lets nobody in";
  EXPECT_EQ(empty.size(), 0U);
}

TEST(Keyring, FindsEachOfAThousandAndTheSharedKey) {
  std::vector<NamedKey> list;
  for (std::uint16_t i = 1; i <= 1000; ++i) list.push_back(named("client" + std::to_string(i), i));
  Keyring keys({key_of(2000), list});
  EXPECT_EQ(keys.size(), 1001U);
  for (std::uint16_t i = 1; i <= 1000; ++i) {
    const KeyAccount* account = keys.find(name_of(key_of(i)));
    ASSERT_NE(account, nullptr);
    EXPECT_EQ(account->name(), "client" + std::to_string(i));
    EXPECT_EQ(account->key()->bytes, key_of(i).bytes);
    EXPECT_EQ(account->handshake_key().mac, derive_handshake_key(account->key()).mac);
  }
  EXPECT_EQ(keys.find(name_of(key_of(2000)))->name(), "");
  EXPECT_EQ(keys.find(name_of(key_of(1001))), nullptr);
}

TEST(Keyring, ReplacingKeepsTheAccountsThatStay) {
  Keyring keys({{}, {{named("a", 1), named("b", 2), named("c", 3)}}});
  KeyAccount* a = keys.find(name_of(key_of(1)));
  KeyAccount* b = keys.find(name_of(key_of(2)));
  KeyAccount* c = keys.find(name_of(key_of(3)));
  for (int i = 0; i < kHandshakeBurstOfKey; ++i) {
    ASSERT_TRUE(a->may_handshake(TimePoint{1s}));
    a->count_handshake(TimePoint{1s});
  }
  ASSERT_FALSE(a->may_handshake(TimePoint{1s}));
  a->count_flows(3);
  NamedKey disabled = named("b", 2);
  disabled.is_disabled = true;
  NamedKey renamed = named("alpha", 1);
  renamed.quota.max_flows = 3;
  const auto over = keys.replace({{}, {{renamed, disabled, named("d", 4)}}});
  EXPECT_EQ(std::set<const KeyAccount*>(over.begin(), over.end()), (std::set<const KeyAccount*>{b, c}));
  EXPECT_EQ(keys.find(name_of(key_of(1))), a);
  EXPECT_EQ(a->name(), "alpha");
  EXPECT_FALSE(a->may_handshake(TimePoint{1s})) << "a reload fills no budget";
  EXPECT_FALSE(a->may_open_flow());
  EXPECT_TRUE(keys.find(name_of(key_of(2)))->is_disabled());
  EXPECT_EQ(keys.find(name_of(key_of(3))), nullptr);
  EXPECT_EQ(c->name(), "c") << "it stays until it is erased";
  EXPECT_EQ(keys.size(), 4U);
  keys.erase_withdrawn();
  EXPECT_EQ(keys.size(), 3U);
  ASSERT_TRUE(keys.clients());
  EXPECT_EQ(keys.clients()->named, 3U);
  EXPECT_EQ(keys.clients()->disabled, 1U);
}

TEST(Keyring, SharedKeyCanBeReplaced) {
  Keyring keys({key_of(1), {}});
  KeyAccount* old = keys.find(name_of(key_of(1)));
  EXPECT_EQ(keys.replace({key_of(2), {}}), std::vector{old});
  EXPECT_EQ(keys.find(name_of(key_of(1))), nullptr);
  EXPECT_NE(keys.find(name_of(key_of(2))), nullptr);
}

TEST(KeyAccount, RateHoldsEachWayByItself) {
  KeyAccount account(nullptr);
  KeyQuota quota;
  quota.max_rate = 8'000'000;  // a million bytes a second: 200,000 at once
  EXPECT_TRUE(account.take_rate(Way::to_target, 1U << 30U, TimePoint{1s}));
  account.set("a", quota, false);
  const auto passed = [&](Way way, TimePoint now) {
    std::size_t bytes = 0;
    while (account.take_rate(way, 1000, now)) bytes += 1000;
    return bytes;
  };
  EXPECT_EQ(passed(Way::to_target, TimePoint{1s}), 200'000U);
  EXPECT_EQ(passed(Way::to_client, TimePoint{1s}), 200'000U);
  EXPECT_EQ(passed(Way::to_target, TimePoint{1100ms}), 100'000U);
  account.set("a", quota, false);
  EXPECT_EQ(passed(Way::to_target, TimePoint{1100ms}), 0U) << "the same rate once more fills nothing";
  quota.max_rate = 1000;
  account.set("a", quota, false);
  EXPECT_TRUE(account.take_rate(Way::to_target, 65507, TimePoint{2s})) << "a datagram of any size passes";
  EXPECT_FALSE(account.take_rate(Way::to_target, 1, TimePoint{2s}));
  EXPECT_FALSE(account.take_rate(Way::to_target, 200, TimePoint{3s}));
  EXPECT_TRUE(account.take_rate(Way::to_target, 120, TimePoint{3s}));
  account.set("a", {}, false);
  EXPECT_TRUE(account.take_rate(Way::to_target, 1U << 30U, TimePoint{4s}));
}

}  // namespace
}  // namespace mptunnel
