// An all-zero result of X25519 is refused (RFC 7748, section 6.1), whoever computes it. OpenSSL's own code
// refuses it before it returns, some of its code for hardware does not. So in these tests EVP_PKEY_derive()
// is this program's, which may succeed with zeros.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "mptunnel/crypto/noise.h"
#include "noise_support.h"
#include "support/test_random.h"

namespace {
bool gives_zeros = false;
}

extern "C" int EVP_PKEY_derive(EVP_PKEY_CTX* context, unsigned char* key, std::size_t* size) {
  if (gives_zeros) {
    std::fill_n(key, *size, static_cast<unsigned char>(0));
    return 1;
  }
  using Derive = int (*)(EVP_PKEY_CTX*, unsigned char*, std::size_t*);
  static const auto genuine = reinterpret_cast<Derive>(dlsym(RTLD_NEXT, "EVP_PKEY_derive"));
  return genuine(context, key, size);
}

namespace mptunnel {
namespace {

using test::array_from_hex;
using test::from_hex;
using HandshakeRole = NoiseHandshake::Role;

class X25519Zero : public testing::TestWithParam<bool> {
 protected:
  ~X25519Zero() override { gives_zeros = false; }

  NoiseHandshake make(HandshakeRole role) {
    return {role, bytes_of("prologue"), GetParam() ? &psk_ : nullptr, random_};
  }

  test::TestRandom random_{1};
  SecretKey psk_{
      array_from_hex<kKeyBytes>("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")};
  NoiseHandshake initiator_ = make(HandshakeRole::initiator);
  NoiseHandshake responder_ = make(HandshakeRole::responder);
};

INSTANTIATE_TEST_SUITE_P(X25519Zero, X25519Zero, testing::Values(false, true),
                         [](const auto& param) { return param.param ? "NnPsk0" : "Nn"; });

TEST_P(X25519Zero, ResultIsRefusedAlthoughTheLibraryTakesIt) {
  const auto point = x25519_public(psk_);
  ASSERT_TRUE(x25519(psk_, point));
  gives_zeros = true;
  EXPECT_FALSE(x25519(psk_, point));
}

TEST_P(X25519Zero, ResponderAnswersNothing) {
  ASSERT_TRUE(responder_.read_message(*initiator_.write_message({})));
  gives_zeros = true;
  const auto message2 = responder_.write_message({});
  ASSERT_FALSE(message2);
  EXPECT_EQ(message2.error(), NoiseError::bad_point);
}

TEST_P(X25519Zero, InitiatorRefusesTheAnswerThenReadsAGoodOne) {
  ASSERT_TRUE(responder_.read_message(*initiator_.write_message({})));
  const auto message2 = responder_.write_message({});
  ASSERT_TRUE(message2);
  gives_zeros = true;
  const auto read = initiator_.read_message(*message2);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), NoiseError::bad_point);
  gives_zeros = false;
  EXPECT_TRUE(initiator_.read_message(*message2));
}

}  // namespace
}  // namespace mptunnel
