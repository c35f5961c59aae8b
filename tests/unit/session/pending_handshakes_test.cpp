#include <gtest/gtest.h>

#include <set>

#include "handshake_support.h"

namespace mptunnel {
namespace {

using test::kHandshakeStart;
using test::Packet;

HandshakeSettings keyed(std::uint8_t fill) {
  HandshakeSettings settings;
  settings.key = test::make_key(fill);
  return settings;
}

class PendingHandshakesTest : public testing::Test {
 protected:
  [[nodiscard]] Packet message() { return test::message1(HandshakeSettings{}, random_); }

  test::TestRandom random_{1};
  ClientHandshake client_{{}, random_};
  Keyring keyring_{{}};
  PendingHandshakes server_{{}, keyring_, random_};
};

TEST_F(PendingHandshakesTest, SameMessageGetsTheSameAnswer) {
  const Packet first = message();
  const auto response = test::answer(server_, first);
  ASSERT_TRUE(response && response->is_new);
  for (int i = 0; i < 3; ++i) {
    // Whichever path a repeat comes by.
    const auto again =
        test::answer(server_, first, kHandshakeStart + std::chrono::seconds(i), test::host(50));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->is_new);
    EXPECT_EQ(again->packet, response->packet);
  }
  EXPECT_EQ(server_.size(), 1U);
}

TEST_F(PendingHandshakesTest, CookieMakesNoNewEntry) {
  const Packet first = message();
  const auto response = test::answer(server_, first);
  Packet with_cookie = first;
  for (std::size_t byte = 24; byte < 40; ++byte) {
    with_cookie[byte] ^= 0x5aU;
    const auto again = test::answer(server_, test::with_mac(with_cookie));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->is_new);
    EXPECT_EQ(again->packet, response->packet);
  }
  EXPECT_EQ(server_.size(), 1U);
}

TEST_F(PendingHandshakesTest, CookieOnTheFirstCopyDoesNotMatterEither) {
  const Packet first = test::message1(client_);
  Packet with_cookie = first;
  with_cookie[30] = 1;
  const auto response = test::answer(server_, test::with_mac(with_cookie));
  ASSERT_TRUE(response);
  EXPECT_EQ(test::answer(server_, first)->packet, response->packet);
  EXPECT_TRUE(client_.read(response->packet, kHandshakeStart));
}

TEST_F(PendingHandshakesTest, OtherMessagesGetOtherAnswers) {
  const auto first = test::answer(server_, message());
  const auto second = test::answer(server_, message());
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->packet, second->packet);
  EXPECT_EQ(server_.size(), 2U);
}

struct SizeRow {
  std::size_t size;
  bool allowed;
};

TEST_F(PendingHandshakesTest, MessageMustHaveItsSize) {
  for (const SizeRow& row : {SizeRow{48, false}, SizeRow{255, false}, SizeRow{256, true}, SizeRow{257, true},
                             SizeRow{1200, true}, SizeRow{1201, false}, SizeRow{65507, false}}) {
    Packet packet = message();
    if (row.size != packet.size()) packet.resize(row.size);
    const auto response = test::answer(server_, test::with_mac(packet));
    // The longer ones end in zeros, which no payload of ours does: read, and then refused.
    if (row.size == kHandshake1Bytes) {
      EXPECT_TRUE(response);
    } else {
      ASSERT_FALSE(response) << row.size;
      EXPECT_EQ(response.error() != Drop::handshake_size, row.allowed) << row.size;
    }
  }
  EXPECT_EQ(server_.size(), 1U);
}

TEST_F(PendingHandshakesTest, TruncationsAreRefusedSilently) {
  const Packet packet = message();
  for (std::size_t size = 0; size < packet.size(); ++size) {
    EXPECT_EQ(server_.answer(ConstBytes(packet).first(size), test::host(1), test::any_index, kHandshakeStart)
                  .error(),
              Drop::handshake_size);
  }
  EXPECT_TRUE(server_.empty());
}

TEST_F(PendingHandshakesTest, OnlyMessageOneIsAnswered) {
  for (const PacketType type :
       {PacketType::handshake2, PacketType::cookie, PacketType::data, PacketType::control}) {
    Packet packet = message();
    packet[0] = static_cast<std::uint8_t>(type);
    EXPECT_EQ(test::answer(server_, packet).error(), Drop::handshake_invalid);
  }
  Packet packet = message();
  packet[5] = 1;  // one of the zero bytes
  EXPECT_EQ(test::answer(server_, packet).error(), Drop::handshake_invalid);
  EXPECT_TRUE(server_.empty());
}

struct KeyRow {
  const char* name;
  std::optional<std::uint8_t> server;
  std::optional<std::uint8_t> client;
};

TEST_F(PendingHandshakesTest, AnotherKeyOrNoneIsMetWithSilence) {
  for (const KeyRow& row :
       {KeyRow{"client without a key", 1, std::nullopt}, KeyRow{"client with another", 1, 2},
        KeyRow{"server without a key", std::nullopt, 1}}) {
    const HandshakeSettings settings = row.server ? keyed(*row.server) : HandshakeSettings{};
    Keyring keyring({settings.key, {}});
    PendingHandshakes server(settings, keyring, random_);
    const Packet packet = test::message1(row.client ? keyed(*row.client) : HandshakeSettings{}, random_);
    const auto response = test::answer(server, packet);
    ASSERT_FALSE(response) << row.name;
    EXPECT_EQ(response.error(), Drop::handshake_key) << row.name;
    EXPECT_TRUE(server.empty()) << row.name;
  }
}

TEST_F(PendingHandshakesTest, RightKeyNameDoesNotReplaceTheKey) {
  Keyring keyring({keyed(1).key, {}});
  PendingHandshakes server(keyed(1), keyring, random_);
  Packet packet = test::message1(keyed(2), random_);
  const SecretKey key = test::make_key(1);
  const KeyName name = derive_handshake_key(&key).name;
  std::copy(name.begin(), name.end(), packet.begin() + 16);
  EXPECT_EQ(test::answer(server, packet).error(), Drop::handshake_mac);
  EXPECT_EQ(test::answer(server, test::with_mac(packet, keyed(2))).error(), Drop::handshake_mac);
  EXPECT_EQ(test::answer(server, test::with_mac(packet, keyed(1))).error(), Drop::handshake_invalid);
  EXPECT_TRUE(server.empty());
}

TEST_F(PendingHandshakesTest, EveryAlteredByteOfAKeyedMessageIsMetWithSilence) {
  Keyring keyring({keyed(1).key, {}});
  PendingHandshakes server(keyed(1), keyring, random_);
  const Packet genuine = test::message1(keyed(1), random_);
  for (std::size_t byte = 0; byte < genuine.size(); ++byte) {
    Packet altered = genuine;
    altered[byte] ^= static_cast<std::uint8_t>(1U << byte % 8);
    ASSERT_FALSE(test::answer(server, altered)) << byte;
  }
  EXPECT_TRUE(server.empty());
  EXPECT_TRUE(test::answer(server, genuine));
}

TEST_F(PendingHandshakesTest, UnknownVersionIsRefusedInASealedAnswer) {
  HandshakePrefix prefix;
  prefix.index = test::kClientIndex;
  NoiseHandshake noise(NoiseHandshake::Role::initiator, handshake_prologue(prefix), nullptr, random_);
  HandshakePayload offer;
  offer.versions = {99, 200};
  offer.ciphers = {Cipher::aes_256_gcm};
  const auto body =
      noise.write_message(encode_handshake_payload(offer, kHandshake1Bytes - kHandshakeAroundBytes - 32));
  const auto head = encode_handshake_prefix(prefix);
  Packet packet(head.begin(), head.end());
  packet.insert(packet.end(), body->begin(), body->end());
  packet.resize(kHandshake1Bytes);
  packet = test::with_mac(packet);
  const auto response = test::answer(server_, packet);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->refusal, Refusal::version);
  const auto said = noise.read_message(noise_message_in(response->packet));
  ASSERT_TRUE(said);
  const auto payload = decode_handshake_payload(*said);
  EXPECT_EQ(payload->refusal, Refusal::version);
  EXPECT_EQ(payload->versions, std::vector{kProtocolVersion});
  EXPECT_EQ(server_.find(*payload->server_index).keys, nullptr);
  EXPECT_EQ(test::answer(server_, packet)->refusal, Refusal::version);
}

TEST_F(PendingHandshakesTest, AdoptedEpochIsGoneButItsAnswerStays) {
  const Packet first = test::message1(client_);
  const auto response = test::answer(server_, first);
  auto epoch = client_.read(response->packet, kHandshakeStart);
  ASSERT_TRUE(epoch);
  const SessionIndex index = (*epoch)->remote_index();
  auto theirs = server_.adopt(index);
  ASSERT_NE(theirs, nullptr);
  EXPECT_TRUE(test::agree(**epoch, *theirs));
  EXPECT_EQ(server_.find(index).keys, nullptr);
  EXPECT_EQ(test::answer(server_, first)->packet, response->packet);
}

TEST_F(PendingHandshakesTest, FindsNothingUnderAnUnknownIndex) {
  EXPECT_EQ(server_.find(SessionIndex{1}).keys, nullptr);
}

TEST_F(PendingHandshakesTest, ExpiresAfterTenSeconds) {
  const Packet first = test::message1(client_);
  const auto response = test::answer(server_, first);
  const auto epoch = client_.read(response->packet, kHandshakeStart);
  ASSERT_TRUE(epoch);
  server_.expire(kHandshakeStart + 10s - 1ns);
  EXPECT_NE(test::epoch_at(server_, **epoch), nullptr);
  server_.expire(kHandshakeStart + 10s);
  EXPECT_EQ(test::epoch_at(server_, **epoch), nullptr);
  EXPECT_TRUE(server_.empty());
  // A replay then begins from nothing, and its answer opens nothing.
  const auto again = test::answer(server_, first, kHandshakeStart + 10s);
  ASSERT_TRUE(again && again->is_new);
  EXPECT_NE(again->packet, response->packet);
}

TEST_F(PendingHandshakesTest, RecordedMessageIsWorthNothing) {
  Keyring keyring({keyed(1).key, {}});
  PendingHandshakes server(keyed(1), keyring, random_);
  const Packet recorded = test::message1(keyed(1), random_);
  ASSERT_TRUE(test::answer(server, recorded));
  server.expire(kHandshakeStart + 10s);
  ASSERT_TRUE(server.empty());
  for (const Duration later : {Duration{10s}, Duration{1min}, Duration{48h}}) {
    EXPECT_EQ(test::answer(server, recorded, kHandshakeStart + later).error(), Drop::handshake_replay);
  }
  EXPECT_TRUE(server.empty());
}

TEST_F(PendingHandshakesTest, RepeatsHaveABudget) {
  const Packet first = message();
  ASSERT_TRUE(test::answer(server_, first));
  int answered = 0;
  while (test::answer(server_, first)) ++answered;
  EXPECT_EQ(answered, 100);
  EXPECT_EQ(test::answer(server_, first).error(), Drop::handshake_rate);
  EXPECT_TRUE(test::answer(server_, first, kHandshakeStart + 5ms));
}

/// Draws indices of 3 random bits only.
class FewIndices final : public RandomSource {
 public:
  void fill(Bytes out) override {
    random_.fill(out);
    if (out.size() != 8) return;
    out[0] = 0;
    out[1] = 0;
    out[2] = out[2] % 8;
  }

 private:
  test::TestRandom random_{1};
};

TEST_F(PendingHandshakesTest, IndicesAreUniqueAmongPendingOnes) {
  FewIndices random;
  Keyring keyring{{}};
  PendingHandshakes server({}, keyring, random);
  std::set<SessionIndex> indices;
  for (int i = 0; i < 8; ++i) {
    ClientHandshake client({}, random_);
    const auto response = test::answer(server, test::message1(client));
    const auto epoch = client.read(response->packet, kHandshakeStart);
    ASSERT_TRUE(epoch);
    EXPECT_LT((*epoch)->remote_index().value, 8U);
    EXPECT_TRUE(indices.insert((*epoch)->remote_index()).second);
  }
}

TEST_F(PendingHandshakesTest, IndicesInUseAreAvoided) {
  FewIndices random;
  Keyring keyring{{}};
  PendingHandshakes server({}, keyring, random);
  const Packet packet = test::message1(client_);
  const auto given = server.answer(
      packet, test::host(1), [](SessionIndex index) { return index.value == 6; }, kHandshakeStart);
  ASSERT_TRUE(given);
  const auto epoch = client_.read(given->response, kHandshakeStart);
  ASSERT_TRUE(epoch);
  EXPECT_EQ((*epoch)->remote_index(), SessionIndex{6});
}

}  // namespace
}  // namespace mptunnel
