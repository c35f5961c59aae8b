#include <gtest/gtest.h>

#include "handshake_support.h"

namespace mptunnel {
namespace {

using test::kHandshakeStart;
using test::Packet;

/// Whether the message has a pre-shared key in it: Noise_NNpsk0, else Noise_NN.
class ClientHandshakeTest : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static HandshakeSettings settings() {
    HandshakeSettings settings;
    if (GetParam()) settings.key = test::make_key(9);
    return settings;
  }
  [[nodiscard]] Packet answer_to(const Packet& message) { return test::answer(server_, message)->packet; }
  [[nodiscard]] std::optional<Drop> read(const Packet& packet) {
    auto epoch = client_.read(packet, kHandshakeStart);
    if (epoch) return std::nullopt;
    EXPECT_EQ(epoch.error().refusal, Refusal::none);
    return epoch.error().drop;
  }

  test::TestRandom random_{1};
  ClientHandshake client_{settings(), random_};
  Keyring keyring_{{settings().key, {}}};
  PendingHandshakes server_{settings(), keyring_, random_};
};
INSTANTIATE_TEST_SUITE_P(Keys, ClientHandshakeTest, testing::Bool(),
                         [](const auto& row) { return std::string(row.param ? "Keyed" : "Keyless"); });

TEST_P(ClientHandshakeTest, MessageStaysTheSameAndHasItsSize) {
  EXPECT_FALSE(client_.has_attempt());
  const Packet first = test::message1(client_);
  EXPECT_EQ(first.size(), 256U);
  EXPECT_EQ(test::copy_of(client_.message()), first);
  EXPECT_TRUE(client_.has_attempt());
  EXPECT_EQ(client_.begun(), kHandshakeStart);
}

TEST_P(ClientHandshakeTest, PrefixNamesTheKeyAndNothingElse) {
  const auto prefix = decode_handshake_prefix(test::message1(client_));
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->index, test::kClientIndex);
  EXPECT_EQ(prefix->cookie, Cookie{});
  const SecretKey key = test::make_key(9);
  EXPECT_EQ(prefix->key_name, derive_handshake_key(GetParam() ? &key : nullptr).name);
  EXPECT_EQ(prefix->key_name == KeyName{}, !GetParam());
  EXPECT_NE(decode_handshake_prefix(test::message1(client_))->salt, prefix->salt);
}

TEST_P(ClientHandshakeTest, TakesAnAnswerToThePresentAttempt) {
  EXPECT_EQ(read(answer_to(test::message1(client_))), std::nullopt);
}

TEST_P(ClientHandshakeTest, TakesAnAnswerToTheAttemptBefore) {
  const Packet response = answer_to(test::message1(client_, 1));
  test::message1(client_, 2);
  auto epoch = client_.read(response, kHandshakeStart);
  ASSERT_TRUE(epoch);
  EXPECT_EQ((*epoch)->local_index(), SessionIndex{1});
  EXPECT_TRUE(test::agree(**epoch, *test::epoch_at(server_, **epoch)));
}

TEST_P(ClientHandshakeTest, AnswerToAnOlderAttemptIsStale) {
  const Packet oldest = answer_to(test::message1(client_, 1));
  const Packet before = answer_to(test::message1(client_, 2));
  test::message1(client_, 3);
  EXPECT_EQ(read(oldest), Drop::handshake_stale);
  EXPECT_EQ(read(before), std::nullopt);
}

TEST_P(ClientHandshakeTest, OneAnswerEndsAllAttempts) {
  const Packet before = answer_to(test::message1(client_, 1));
  const Packet present = answer_to(test::message1(client_, 2));
  ASSERT_EQ(read(present), std::nullopt);
  EXPECT_FALSE(client_.has_attempt());
  EXPECT_EQ(read(present), Drop::handshake_stale);
  EXPECT_EQ(read(before), Drop::handshake_stale);
}

TEST_P(ClientHandshakeTest, AbandonForgetsAllAttempts) {
  const Packet response = answer_to(test::message1(client_));
  client_.abandon();
  EXPECT_FALSE(client_.has_attempt());
  EXPECT_EQ(read(response), Drop::handshake_stale);
}

TEST_P(ClientHandshakeTest, AlteredAnswersAreRefusedAndDoNotHarmTheGenuineOne) {
  const Packet genuine = answer_to(test::message1(client_));
  for (std::size_t byte = 0; byte < genuine.size(); ++byte) {
    Packet altered = genuine;
    altered[byte] ^= static_cast<std::uint8_t>(1U << byte % 8);
    ASSERT_NE(read(altered), std::nullopt) << byte;
  }
  EXPECT_EQ(read(genuine), std::nullopt);
}

TEST_P(ClientHandshakeTest, TruncatedAnswersAreRefusedAndDoNotHarmTheGenuineOne) {
  const Packet genuine = answer_to(test::message1(client_));
  for (std::size_t size = 0; size < genuine.size(); ++size) {
    const auto dropped = read(Packet(genuine.begin(), genuine.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_EQ(dropped, size < kHandshakeAroundBytes ? Drop::handshake_invalid : Drop::handshake_mac) << size;
  }
  EXPECT_EQ(read(genuine), std::nullopt);
}

TEST_P(ClientHandshakeTest, ForgedAnswersCostNoKeyAgreement) {
  const Packet genuine = answer_to(test::message1(client_));
  Packet forged = genuine;
  forged[60] ^= 1U;
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(read(forged), Drop::handshake_mac);
  EXPECT_EQ(read(genuine), std::nullopt);
}

TEST_P(ClientHandshakeTest, ForgedAnswersOfWhoeverHasTheKeyAreReadWithinABudget) {
  const Packet genuine = answer_to(test::message1(client_));
  Packet forged = genuine;
  forged[60] ^= 1U;
  forged = test::with_mac(forged, settings());
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(read(forged), Drop::handshake_invalid);
  EXPECT_EQ(read(forged), Drop::handshake_rate);
  EXPECT_EQ(read(genuine), Drop::handshake_rate) << "the server repeats it";
  EXPECT_TRUE(client_.read(genuine, kHandshakeStart + 200ms));
}

TEST_P(ClientHandshakeTest, AnswerThatIsTooLongIsNotLookedAt) {
  Packet long_answer = answer_to(test::message1(client_));
  long_answer.resize(kMaxHandshakeBytes + 1);
  EXPECT_EQ(read(long_answer), Drop::handshake_size);
}

TEST_P(ClientHandshakeTest, OwnMessageSentBackIsNoAnswer) {
  const Packet own = test::message1(client_);
  EXPECT_EQ(read(own), Drop::handshake_invalid);
  EXPECT_TRUE(client_.has_attempt());
}

TEST_P(ClientHandshakeTest, AnswerToSomebodyElseIsStale) {
  ClientHandshake other(settings(), random_);
  test::message1(client_);
  EXPECT_EQ(read(answer_to(test::message1(other))), Drop::handshake_stale);
}

/// Whoever sits between the two and can't make a genuine answer gains nothing from altering the question.
TEST_P(ClientHandshakeTest, AnswerToAnAlteredMessageIsRefused) {
  const Packet genuine = test::message1(client_);
  int answered = 0;
  for (std::size_t byte = 0; byte < genuine.size() - kHandshakeMacBytes; byte += 3) {
    if (byte >= 24 && byte < 40) continue;
    Packet altered = genuine;
    altered[byte] ^= 2U;
    EXPECT_FALSE(test::answer(server_, altered)) << byte;
    // Without a key anybody can make a mac.
    const auto response = test::answer(server_, test::with_mac(altered), kHandshakeStart + 1s * byte);
    if (!response) continue;
    ++answered;
    EXPECT_NE(read(response->packet), std::nullopt) << byte;
  }
  EXPECT_EQ(answered > 0, !GetParam());
  EXPECT_EQ(read(answer_to(genuine)), std::nullopt);
}

/// What a server says in an answer that verifies, and that no server of ours says.
struct StrangeAnswerRow {
  const char* name;
  HandshakePayload payload;
};

TEST_P(ClientHandshakeTest, AnswersThatMakeNoSenseAreRefused) {
  const SessionIndex index{7};
  const std::vector<std::uint8_t> ours{kProtocolVersion};
  const StrangeAnswerRow rows[] = {
      {"no version", {{}, {Cipher::aes_256_gcm}, 0, index, Refusal::none}},
      {"another version", {{99}, {Cipher::aes_256_gcm}, 0, index, Refusal::none}},
      {"two versions", {{kProtocolVersion, 99}, {Cipher::aes_256_gcm}, 0, index, Refusal::none}},
      {"no cipher", {ours, {}, 0, index, Refusal::none}},
      {"a cipher that was not offered", {ours, {Cipher::none}, 0, index, Refusal::none}},
      {"two ciphers", {ours, {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}, 0, index, Refusal::none}},
      {"no index", {ours, {Cipher::aes_256_gcm}, 0, std::nullopt, Refusal::none}},
  };
  for (const StrangeAnswerRow& row : rows) {
    const Packet message = test::message1(client_);
    HandshakePrefix prefix = *decode_handshake_prefix(message);
    const HandshakeSettings settings = ClientHandshakeTest::settings();
    NoiseHandshake noise(NoiseHandshake::Role::responder, handshake_prologue(prefix),
                         settings.key ? &*settings.key : nullptr, random_);
    ASSERT_TRUE(noise.read_message(noise_message_in(message)));
    prefix.type = PacketType::handshake2;
    const auto head = encode_handshake_prefix(prefix);
    Packet response(head.begin(), head.end());
    const auto body = noise.write_message(encode_handshake_payload(row.payload));
    response.insert(response.end(), body->begin(), body->end());
    response.resize(response.size() + kHandshakeMacBytes);
    EXPECT_EQ(read(test::with_mac(response, settings)), Drop::handshake_invalid) << row.name;
    EXPECT_FALSE(client_.has_attempt()) << row.name;
  }
}

/// COOKIE for the client's first message, as a server under load gives it.
class ClientCookies : public ClientHandshakeTest {
 protected:
  [[nodiscard]] Packet cookie_for(const Packet& message, TimePoint now = kHandshakeStart) {
    for (int i = 0; i < 100; ++i) test::answer(server_, test::message1(settings(), random_), now);
    const auto given = test::answer(server_, message, now);
    EXPECT_TRUE(given && given->is_cookie);
    return given ? given->packet : Packet();
  }
  tl::expected<void, Drop> read_cookie(const Packet& packet, TimePoint now = kHandshakeStart) {
    return client_.read_cookie(packet, PathId{3}, now);
  }
};
INSTANTIATE_TEST_SUITE_P(Keys, ClientCookies, testing::Bool(),
                         [](const auto& row) { return std::string(row.param ? "Keyed" : "Keyless"); });

TEST_P(ClientCookies, IsShownOnThePathThatItCameBy) {
  const Packet message = test::message1(client_);
  ASSERT_TRUE(read_cookie(cookie_for(message)));
  EXPECT_EQ(client_.paths_with_cookies(kHandshakeStart), PathSet::of(PathId{3}));
  EXPECT_EQ(client_.message_for(PathId{2}), message);
  const Packet shown = client_.message_for(PathId{3});
  EXPECT_NE(shown, message);
  const auto given = test::answer(server_, shown);
  ASSERT_TRUE(given && given->is_new);
  EXPECT_EQ(read(given->packet), std::nullopt);
}

TEST_P(ClientCookies, AlsoHoldsForTheNextAttemptUntilItIsOld) {
  ASSERT_TRUE(read_cookie(cookie_for(test::message1(client_))));
  test::message1(client_, 9, kHandshakeStart + 5s);
  EXPECT_EQ(decode_handshake_prefix(client_.message_for(PathId{3}))->index, SessionIndex{9});
  EXPECT_NE(decode_handshake_prefix(client_.message_for(PathId{3}))->cookie, Cookie{});
  EXPECT_EQ(client_.paths_with_cookies(kHandshakeStart + kCookieLife - 1ns).size(), 1U);
  EXPECT_TRUE(client_.paths_with_cookies(kHandshakeStart + kCookieLife).empty());
}

TEST_P(ClientCookies, IsRefusedAlteredStaleOrTooOften) {
  const Packet cookie = cookie_for(test::message1(client_));
  for (std::size_t byte = 0; byte < cookie.size(); ++byte) {
    Packet altered = cookie;
    altered[byte] ^= 1U;
    ASSERT_FALSE(read_cookie(altered)) << byte;
  }
  Packet longer = cookie;
  longer.push_back(0);
  EXPECT_EQ(read_cookie(longer), tl::unexpected(Drop::handshake_size));
  ASSERT_TRUE(read_cookie(cookie));
  EXPECT_EQ(read_cookie(cookie), tl::unexpected(Drop::handshake_rate));
  EXPECT_TRUE(read_cookie(cookie, kHandshakeStart + kCookieShownEach));
  client_.abandon();
  EXPECT_EQ(read_cookie(cookie, kHandshakeStart + 1s), tl::unexpected(Drop::handshake_stale));
}

}  // namespace
}  // namespace mptunnel
