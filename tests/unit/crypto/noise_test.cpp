#include "mptunnel/crypto/noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "low_order.h"
#include "mptunnel/base/bytes.h"
#include "noise_support.h"
#include "noise_vectors.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::flip_bit;
using test::from_hex;
using test::Octets;
using test::prefix_of;
using test::to_hex;
using HandshakeRole = NoiseHandshake::Role;

constexpr std::size_t kPublicKeyBytes = 32;
const Octets kPayload1{'a', 'n', 's', 'w', 'e', 'r', ' ', 'm', 'e'};
const Octets kPayload2{'h', 'e', 'r', 'e', ' ', 'I', ' ', 'a', 'm'};
constexpr std::string_view kPrologue = "the prologue";

SecretKey psk_of(std::uint8_t value) {
  SecretKey psk;
  psk.bytes.fill(value);
  return psk;
}

/// Both ends of one handshake, each with what it believes about key and prologue.
struct Ends {
  std::unique_ptr<test::TestRandom> random = std::make_unique<test::TestRandom>(1);
  NoiseHandshake initiator;
  NoiseHandshake responder;

  explicit Ends(bool keyed) : Ends(keyed, keyed) {}
  Ends(bool initiator_keyed, bool responder_keyed, std::uint8_t responder_psk = 7,
       std::string_view responder_prologue = kPrologue)
      : initiator(make(HandshakeRole::initiator, initiator_keyed, 7, kPrologue)),
        responder(make(HandshakeRole::responder, responder_keyed, responder_psk, responder_prologue)) {}

 private:
  NoiseHandshake make(HandshakeRole role, bool keyed, std::uint8_t psk, std::string_view prologue) const {
    const SecretKey key = psk_of(psk);
    return {role, bytes_of(prologue), keyed ? &key : nullptr, *random};
  }
};

class NoiseWithAndWithoutKey : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(NoiseHandshake, NoiseWithAndWithoutKey, testing::Values(false, true),
                         [](const auto& param) { return param.param ? "NnPsk0" : "Nn"; });

TEST(NoiseHandshake, GivesWhatAnIndependentImplementationGives) {
  for (const test::NoiseVector& vector : test::kNoiseVectors) {
    SCOPED_TRACE(vector.name);
    const bool keyed = !vector.psk.empty();
    const SecretKey psk = keyed ? SecretKey(test::array_from_hex<kKeyBytes>(vector.psk)) : SecretKey();
    test::FixedRandom initiator_random(vector.initiator_ephemeral);
    test::FixedRandom responder_random(vector.responder_ephemeral);
    const auto prologue = from_hex(vector.prologue);
    NoiseHandshake initiator(HandshakeRole::initiator, prologue, keyed ? &psk : nullptr, initiator_random);
    NoiseHandshake responder(HandshakeRole::responder, prologue, keyed ? &psk : nullptr, responder_random);

    const auto message1 = initiator.write_message(from_hex(vector.payload1));
    ASSERT_TRUE(message1);
    EXPECT_EQ(to_hex(*message1), vector.message1);
    const auto read1 = responder.read_message(*message1);
    ASSERT_TRUE(read1);
    EXPECT_EQ(to_hex(*read1), vector.payload1);
    const auto message2 = responder.write_message(from_hex(vector.payload2));
    ASSERT_TRUE(message2);
    EXPECT_EQ(to_hex(*message2), vector.message2);
    const auto read2 = initiator.read_message(*message2);
    ASSERT_TRUE(read2);
    EXPECT_EQ(to_hex(*read2), vector.payload2);

    for (const NoiseSplit& split : {initiator.split(), responder.split()}) {
      EXPECT_EQ(to_hex(split.handshake_hash), vector.handshake_hash);
      EXPECT_EQ(to_hex(split.initiator_to_responder.bytes), vector.initiator_to_responder);
      EXPECT_EQ(to_hex(split.responder_to_initiator.bytes), vector.responder_to_initiator);
    }
  }
}

TEST_P(NoiseWithAndWithoutKey, MessagesAreAsLongAsDeclared) {
  Ends ends(GetParam());
  const auto message1 = ends.initiator.write_message(kPayload1);
  ASSERT_TRUE(message1);
  EXPECT_EQ(message1->size(), noise_message1_overhead(GetParam()) + kPayload1.size());
  ASSERT_TRUE(ends.responder.read_message(*message1));
  const auto message2 = ends.responder.write_message(kPayload2);
  ASSERT_TRUE(message2);
  EXPECT_EQ(message2->size(), kPublicKeyBytes + kPayload2.size() + kTagBytes);
}

TEST_P(NoiseWithAndWithoutKey, EachHandshakeHasKeysOfItsOwn) {
  const auto split_of = [](Ends& ends, std::size_t) {
    EXPECT_TRUE(ends.responder.read_message(*ends.initiator.write_message({})));
    EXPECT_TRUE(ends.initiator.read_message(*ends.responder.write_message({})));
    return ends.initiator.split();
  };
  Ends first(GetParam());
  Ends second(GetParam());
  second.random->u64();  // the same source, elsewhere
  const NoiseSplit one = split_of(first, 0);
  const NoiseSplit two = split_of(second, 0);
  EXPECT_NE(one.initiator_to_responder.bytes, two.initiator_to_responder.bytes);
  EXPECT_NE(one.responder_to_initiator.bytes, two.responder_to_initiator.bytes);
  EXPECT_NE(one.initiator_to_responder.bytes, one.responder_to_initiator.bytes);
  EXPECT_NE(one.handshake_hash, two.handshake_hash);
}

TEST_P(NoiseWithAndWithoutKey, MovesInTheMiddle) {
  Ends ends(GetParam());
  ASSERT_TRUE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
  NoiseHandshake responder = std::move(ends.responder);
  NoiseHandshake initiator = std::move(ends.initiator);
  ASSERT_TRUE(initiator.read_message(*responder.write_message(kPayload2)));
  EXPECT_EQ(initiator.split().handshake_hash, responder.split().handshake_hash);
}

TEST_P(NoiseWithAndWithoutKey, RefusesEveryTruncationOfMessage1) {
  const bool keyed = GetParam();
  const auto message1 = Ends(keyed).initiator.write_message(kPayload1);
  const std::size_t shortest = noise_message1_overhead(keyed);
  for (std::size_t size = 0; size < message1->size(); ++size) {
    SCOPED_TRACE(size);
    Ends ends(keyed);
    const auto read = ends.responder.read_message(prefix_of(*message1, size));
    if (size < shortest) {
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error(), NoiseError::truncated);
    } else if (keyed) {
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error(), NoiseError::authentication);
    } else {
      // Noise_NN does not seal message 1: a cut payload is read, and what was read decides message 2.
      ASSERT_TRUE(read);
      EXPECT_EQ(*read, prefix_of(kPayload1, size - shortest));
      ASSERT_TRUE(ends.initiator.write_message(kPayload1));
      const auto answer = ends.initiator.read_message(*ends.responder.write_message(kPayload2));
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error(), NoiseError::authentication);
    }
  }
}

TEST_P(NoiseWithAndWithoutKey, RefusesEveryFlippedBitOfMessage1OrItsAnswer) {
  const bool keyed = GetParam();
  // The top bit of a public key is not used by X25519, but it is hashed: no exception from the rule.
  const std::size_t bits = 8 * (noise_message1_overhead(keyed) + kPayload1.size());
  for (std::size_t bit = 0; bit < bits; ++bit) {
    SCOPED_TRACE(bit);
    Ends ends(keyed);
    const auto message1 = ends.initiator.write_message(kPayload1);
    const auto read = ends.responder.read_message(flip_bit(*message1, bit));
    if (keyed) {
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error(), NoiseError::authentication);
      EXPECT_TRUE(ends.responder.read_message(*message1)) << "the genuine message, after the altered one";
      continue;
    }
    ASSERT_TRUE(read);
    const auto message2 = ends.responder.write_message(kPayload2);
    ASSERT_TRUE(message2);
    const auto answer = ends.initiator.read_message(*message2);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), NoiseError::authentication);
  }
}

TEST_P(NoiseWithAndWithoutKey, RefusesEveryTruncationOfMessage2ThenReadsTheGenuineOne) {
  Ends ends(GetParam());
  ASSERT_TRUE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
  const auto message2 = ends.responder.write_message(kPayload2);
  for (std::size_t size = 0; size < message2->size(); ++size) {
    const auto read = ends.initiator.read_message(prefix_of(*message2, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error(),
              size < kPublicKeyBytes + kTagBytes ? NoiseError::truncated : NoiseError::authentication)
        << size;
  }
  const auto genuine = ends.initiator.read_message(*message2);
  ASSERT_TRUE(genuine);
  EXPECT_EQ(*genuine, kPayload2);
  EXPECT_EQ(ends.initiator.split().initiator_to_responder.bytes,
            ends.responder.split().initiator_to_responder.bytes);
}

TEST_P(NoiseWithAndWithoutKey, RefusesEveryFlippedBitOfMessage2ThenReadsTheGenuineOne) {
  Ends ends(GetParam());
  ASSERT_TRUE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
  const auto message2 = ends.responder.write_message(kPayload2);
  for (std::size_t bit = 0; bit < 8 * message2->size(); ++bit) {
    const auto read = ends.initiator.read_message(flip_bit(*message2, bit));
    ASSERT_FALSE(read) << bit;
    EXPECT_EQ(read.error(), NoiseError::authentication) << bit;
  }
  Octets longer = *message2;
  longer.push_back(0);
  EXPECT_FALSE(ends.initiator.read_message(longer));
  const auto genuine = ends.initiator.read_message(*message2);
  ASSERT_TRUE(genuine);
  EXPECT_EQ(*genuine, kPayload2);
  EXPECT_EQ(ends.initiator.split().handshake_hash, ends.responder.split().handshake_hash);
}

TEST_P(NoiseWithAndWithoutKey, RefusesTheAnswerToAnotherMessage1) {
  Ends ends(GetParam());
  Ends others(GetParam());
  others.random->u64();
  ASSERT_TRUE(ends.initiator.write_message(kPayload1));
  ASSERT_TRUE(others.responder.read_message(*others.initiator.write_message(kPayload1)));
  const auto read = ends.initiator.read_message(*others.responder.write_message(kPayload2));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), NoiseError::authentication);
}

TEST_P(NoiseWithAndWithoutKey, RefusesAnotherPrologue) {
  const bool keyed = GetParam();
  Ends ends(keyed, keyed, 7, "another");
  const auto read = ends.responder.read_message(*ends.initiator.write_message(kPayload1));
  if (keyed) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), NoiseError::authentication);
    return;
  }
  ASSERT_TRUE(read);
  const auto answer = ends.initiator.read_message(*ends.responder.write_message(kPayload2));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), NoiseError::authentication);
}

TEST(NoiseHandshake, RefusesAnotherKey) {
  Ends ends(true, true, 8);
  const auto read = ends.responder.read_message(*ends.initiator.write_message(kPayload1));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), NoiseError::authentication);
}

TEST(NoiseHandshake, RefusesAKeylessClientWhereThereIsAKey) {
  Ends ends(false, true);
  EXPECT_FALSE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
}

TEST(NoiseHandshake, AKeylessServerCannotAnswerAClientWithAKey) {
  Ends ends(true, false);
  // Its message 1 reads as an unsealed payload, 16 bytes of tag included; the answer does not verify.
  ASSERT_TRUE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
  const auto read = ends.initiator.read_message(*ends.responder.write_message(kPayload2));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), NoiseError::authentication);
}

/// Each with its unused top bit cleared and set.
std::vector<Octets> low_order_points() {
  std::vector<Octets> points;
  for (const std::string_view digits : test::kLowOrder) {
    points.push_back(from_hex(digits));
    points.push_back(points.back());
    points.back().back() |= 0x80U;
  }
  return points;
}

TEST(NoiseHandshake, RefusesLowOrderPointOfTheInitiator) {
  for (const Octets& point : low_order_points()) {
    Ends ends(false);
    ASSERT_TRUE(ends.responder.read_message(point));
    const auto message2 = ends.responder.write_message(kPayload2);
    ASSERT_FALSE(message2) << to_hex(point);
    EXPECT_EQ(message2.error(), NoiseError::bad_point);
  }
}

TEST_P(NoiseWithAndWithoutKey, RefusesLowOrderPointOfTheResponderThenReadsTheGenuineMessage) {
  Ends ends(GetParam());
  ASSERT_TRUE(ends.responder.read_message(*ends.initiator.write_message(kPayload1)));
  const auto message2 = ends.responder.write_message(kPayload2);
  for (const Octets& point : low_order_points()) {
    Octets forged = *message2;
    std::copy(point.begin(), point.end(), forged.begin());
    const auto read = ends.initiator.read_message(forged);
    ASSERT_FALSE(read) << to_hex(point);
    EXPECT_EQ(read.error(), NoiseError::bad_point);
  }
  EXPECT_TRUE(ends.initiator.read_message(*message2));
}

TEST(NoiseHandshakeDeathTest, CallsInAnotherOrderAreABug) {
  Ends ends(false);
  EXPECT_DEATH((void)ends.responder.write_message({}), "assertion");
  EXPECT_DEATH((void)ends.initiator.read_message(Octets(kPublicKeyBytes)), "assertion");
  EXPECT_DEATH((void)ends.initiator.split(), "assertion");
  ASSERT_TRUE(ends.initiator.write_message({}));
  EXPECT_DEATH((void)ends.initiator.write_message({}), "assertion");
  EXPECT_DEATH((void)ends.initiator.split(), "assertion");
}

}  // namespace
}  // namespace mptunnel
