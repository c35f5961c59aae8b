#include <gtest/gtest.h>

#include <array>
#include <string_view>

#include "hex.h"
#include "low_order.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::from_hex;
using test::to_hex;

SecretKey key_of(std::string_view digits) {
  return SecretKey(array_from_hex<kKeyBytes>(digits));
}

TEST(X25519, GivesTheResultsOfRfc7748Section52) {
  struct Row {
    std::string_view scalar;
    std::string_view point;
    std::string_view result;
  };
  constexpr std::array<Row, 2> kRows{{
      {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
       "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
       "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
      {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
       "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
       "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
  }};
  for (const Row& row : kRows) {
    const auto shared = x25519(key_of(row.scalar), from_hex(row.point));
    ASSERT_TRUE(shared);
    EXPECT_EQ(to_hex(shared->bytes), row.result);
  }
}

TEST(X25519, GivesTheResultsOfRfc7748Section52Iterated) {
  SecretKey scalar;
  scalar.bytes[0] = 9;
  SecretKey point = scalar;
  for (int i = 1; i <= 1000; ++i) {
    const auto shared = x25519(scalar, point.bytes);
    ASSERT_TRUE(shared);
    point = scalar;
    scalar = *shared;
    if (i == 1) {
      EXPECT_EQ(to_hex(scalar.bytes), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(to_hex(scalar.bytes), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST(X25519, AgreesAsInRfc7748Section61) {
  const SecretKey alice = key_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const SecretKey bob = key_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(x25519_public(alice)), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(x25519_public(bob)), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  constexpr std::string_view kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  const auto at_alice = x25519(alice, x25519_public(bob));
  const auto at_bob = x25519(bob, x25519_public(alice));
  ASSERT_TRUE(at_alice && at_bob);
  EXPECT_EQ(to_hex(at_alice->bytes), kShared);
  EXPECT_EQ(to_hex(at_bob->bytes), kShared);
}

TEST(X25519, RefusesPointsOfLowOrder) {
  const SecretKey alice = key_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  for (const std::string_view point : test::kLowOrder) {
    auto bytes = from_hex(point);
    EXPECT_FALSE(x25519(alice, bytes)) << point;
    bytes.back() |= 0x80U;  // the unused top bit hides nothing
    EXPECT_FALSE(x25519(alice, bytes)) << point << " with its top bit";
  }
}

}  // namespace
}  // namespace mptunnel
