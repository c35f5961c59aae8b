// What a client and a server agree on, for each combination of their settings.

#include <gtest/gtest.h>

#include "handshake_support.h"

namespace mptunnel {
namespace {

constexpr Cipher kAes = Cipher::aes_256_gcm;
constexpr Cipher kChaCha = Cipher::chacha20_poly1305;

struct End {
  bool encrypt;
  bool fast_aes;
};
constexpr End kFast{true, true};
constexpr End kSlow{true, false};
constexpr End kClear{false, true};
constexpr End kClearSlow{false, false};

struct AgreementRow {
  const char* name;
  End client;
  End server;
  std::optional<Cipher> cipher;  ///< nothing: refused
};
class HandshakeAgreement : public testing::TestWithParam<std::tuple<AgreementRow, bool>> {
 protected:
  [[nodiscard]] static HandshakeSettings settings(End end) {
    HandshakeSettings settings{std::nullopt, end.encrypt, end.fast_aes};
    if (std::get<bool>(GetParam())) settings.key = test::make_key(9);
    return settings;
  }
  test::TestRandom random_{1};
};

TEST_P(HandshakeAgreement, IsWhatBothAreSetTo) {
  const AgreementRow& row = std::get<AgreementRow>(GetParam());
  ClientHandshake client(settings(row.client), random_);
  Keyring keyring({settings(row.server).key, {}});
  PendingHandshakes server(settings(row.server), keyring, random_);
  const test::Packet first = test::message1(client);
  const auto response = test::answer(server, first);
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->is_new);
  EXPECT_EQ(first.size(), kHandshake1Bytes);
  EXPECT_LE(response->packet.size(), first.size());
  auto epoch = client.read(response->packet, test::kHandshakeStart);
  EXPECT_FALSE(client.has_attempt());
  if (!row.cipher) {
    EXPECT_EQ(response->refusal, Refusal::cipher);
    ASSERT_FALSE(epoch);
    EXPECT_EQ(epoch.error().refusal, Refusal::cipher);
    return;
  }
  EXPECT_EQ(response->refusal, Refusal::none);
  ASSERT_TRUE(epoch);
  EXPECT_STREQ(name_of((*epoch)->cipher()), name_of(*row.cipher));
  EXPECT_EQ((*epoch)->local_index(), test::kClientIndex);
  EXPECT_EQ((*epoch)->created(), test::kHandshakeStart);
  KeyEpoch* theirs = test::epoch_at(server, **epoch);
  ASSERT_NE(theirs, nullptr);
  EXPECT_EQ(theirs->remote_index(), test::kClientIndex);
  EXPECT_STREQ(name_of(theirs->cipher()), name_of(*row.cipher));
  for (const KeyEpoch* own :
       {static_cast<const KeyEpoch*>(epoch->get()), static_cast<const KeyEpoch*>(theirs)}) {
    EXPECT_TRUE(own->peer_knows(FrameType::datagram) && own->peer_knows(FrameType::fragment));
    EXPECT_FALSE(own->peer_knows(FrameType{0x11}));
  }
  EXPECT_TRUE(test::agree(**epoch, *theirs));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, HandshakeAgreement,
    testing::Combine(testing::Values(AgreementRow{"FastFast", kFast, kFast, kAes},
                                     AgreementRow{"FastSlow", kFast, kSlow, kChaCha},
                                     AgreementRow{"SlowFast", kSlow, kFast, kChaCha},
                                     AgreementRow{"SlowSlow", kSlow, kSlow, kChaCha},
                                     AgreementRow{"ClearClear", kClear, kClear, Cipher::none},
                                     AgreementRow{"ClearClearSlow", kClear, kClearSlow, Cipher::none},
                                     AgreementRow{"ClearSlowClear", kClearSlow, kClear, Cipher::none},
                                     AgreementRow{"ClearSlowClearSlow", kClearSlow, kClearSlow, Cipher::none},
                                     AgreementRow{"ClearFast", kClear, kFast, std::nullopt},
                                     AgreementRow{"ClearSlow", kClear, kSlow, std::nullopt},
                                     AgreementRow{"ClearSlowFast", kClearSlow, kFast, std::nullopt},
                                     AgreementRow{"ClearSlowSlow", kClearSlow, kSlow, std::nullopt},
                                     AgreementRow{"FastClear", kFast, kClear, std::nullopt},
                                     AgreementRow{"FastClearSlow", kFast, kClearSlow, std::nullopt},
                                     AgreementRow{"SlowClear", kSlow, kClear, std::nullopt},
                                     AgreementRow{"SlowClearSlow", kSlow, kClearSlow, std::nullopt}),
                     testing::Bool()),
    [](const auto& row) {
      return std::string(std::get<AgreementRow>(row.param).name) +
             (std::get<bool>(row.param) ? "Keyed" : "Keyless");
    });

}  // namespace
}  // namespace mptunnel
