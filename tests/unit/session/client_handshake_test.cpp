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
  PendingHandshakes server_{settings(), random_};
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

TEST_P(ClientHandshakeTest, PrefixNamesTheKeyUnderItsSaltAndNothingElse) {
  const auto prefix = decode_handshake_prefix(test::message1(client_));
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->index, test::kClientIndex);
  EXPECT_EQ(prefix->cookie, decltype(prefix->cookie){});
  EXPECT_EQ(prefix->key_id, GetParam() ? derive_key_id(test::make_key(9), prefix->salt) : KeyId{});
  // Another attempt can't be linked to it.
  const auto second = decode_handshake_prefix(test::message1(client_));
  EXPECT_NE(second->salt, prefix->salt);
  EXPECT_EQ(second->key_id == prefix->key_id, !GetParam());
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
    if (byte == 32) byte = 48;  // the cookie is no part of what is vouched for
    Packet altered = genuine;
    altered[byte] ^= static_cast<std::uint8_t>(1U << byte % 8);
    ASSERT_NE(read(altered), std::nullopt) << byte;
  }
  EXPECT_EQ(read(genuine), std::nullopt);
}

TEST_P(ClientHandshakeTest, TruncatedAnswersAreRefusedAndDoNotHarmTheGenuineOne) {
  const Packet genuine = answer_to(test::message1(client_));
  for (std::size_t size = 0; size < genuine.size(); ++size) {
    ASSERT_EQ(read(Packet(genuine.begin(), genuine.begin() + static_cast<std::ptrdiff_t>(size))),
              Drop::handshake_invalid)
        << size;
  }
  EXPECT_EQ(read(genuine), std::nullopt);
}

TEST_P(ClientHandshakeTest, ForgedAnswersAreReadWithinABudget) {
  const Packet genuine = answer_to(test::message1(client_));
  Packet forged = genuine;
  forged.back() ^= 1U;
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
  for (std::size_t byte = 0; byte < genuine.size(); byte += 3) {
    if (byte >= 32 && byte < 48) continue;
    Packet altered = genuine;
    altered[byte] ^= 2U;
    const auto response =
        test::answer(server_, altered, kHandshakeStart, test::host(static_cast<std::uint32_t>(byte)));
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
    ASSERT_TRUE(noise.read_message(ConstBytes(message).subspan(kHandshakePrefixBytes)));
    prefix.type = PacketType::handshake2;
    const auto head = encode_handshake_prefix(prefix);
    Packet response(head.begin(), head.end());
    const auto body = noise.write_message(encode_handshake_payload(row.payload));
    response.insert(response.end(), body->begin(), body->end());
    EXPECT_EQ(read(response), Drop::handshake_invalid) << row.name;
    EXPECT_FALSE(client_.has_attempt()) << row.name;
  }
}

}  // namespace
}  // namespace mptunnel
