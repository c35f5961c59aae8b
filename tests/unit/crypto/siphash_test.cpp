// SipHash-2-4 against the paper's example and against OpenSSL's implementation.
#include "mptunnel/crypto/siphash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>
#include <numeric>
#include <vector>

namespace mptunnel {
namespace {

/// 8 bytes, little-endian.
std::uint64_t read_word(ConstBytes bytes) {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8U | bytes[static_cast<std::size_t>(i)];
  return word;
}

std::uint64_t openssl_siphash(ConstBytes key, ConstBytes bytes) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr),
                                                              &EVP_MAC_free);
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(mac.get()),
                                                                          &EVP_MAC_CTX_free);
  std::size_t size = 8;
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_end()};
  std::uint8_t out[8] = {};
  std::size_t written = 0;
  EXPECT_TRUE(EVP_MAC_init(context.get(), key.data(), key.size(), parameters));
  EXPECT_TRUE(EVP_MAC_update(context.get(), bytes.data(), bytes.size()));
  EXPECT_TRUE(EVP_MAC_final(context.get(), out, &written, sizeof out));
  EXPECT_EQ(written, sizeof out);
  return read_word(out);
}

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

TEST(SipHash, GivesThePapersExample) {
  // Appendix A: the key is 00 to 0f, the message 00 to 0e.
  EXPECT_EQ(siphash(siphash_key(counting(16)), counting(15)), 0xa129ca6149be45e5U);
}

TEST(SipHash, EqualsOpenSslsAtEachLength) {
  std::vector<std::uint8_t> key = counting(16);
  for (std::size_t size = 0; size < 600; ++size) {
    key[size % 16] = static_cast<std::uint8_t>(key[size % 16] * 5 + size);
    std::vector<std::uint8_t> message = counting(size);
    if (size > 0) message[size / 2] ^= 0xa5;
    ASSERT_EQ(siphash(siphash_key(key), message), openssl_siphash(key, message)) << size;
  }
}

}  // namespace
}  // namespace mptunnel
