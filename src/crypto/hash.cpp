#include "hash.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace mptunnel {
namespace {

// RFC 2104, section 2.
constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

}  // namespace

Hash::Hash() : context_(EVP_MD_CTX_new()) {
  static EVP_MD* const digest = EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr);
  MPT_ASSERT(digest != nullptr && context_ != nullptr);
  openssl::require(EVP_DigestInit_ex2(context_.get(), digest, nullptr));
}

void Hash::update(ConstBytes bytes) {
  if (!bytes.empty()) openssl::require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

HashBytes Hash::finish() {
  HashBytes result{};
  finish(result);
  return result;
}

void Hash::finish(HashBytes& result) {
  openssl::require(EVP_DigestFinal_ex(context_.get(), result.data(), nullptr));
}

SecretKey hmac(ConstBytes key, std::initializer_list<ConstBytes> parts) {
  std::array<std::uint8_t, kHashBlockBytes> block{};
  if (key.size() > block.size()) {
    Hash shorten;
    shorten.update(key);
    SecretKey shortened;
    shorten.finish(shortened.bytes);
    std::copy(shortened.bytes.begin(), shortened.bytes.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (std::uint8_t& byte : block) byte ^= kInnerPad;
  Hash inner;
  inner.update(block);
  for (const ConstBytes part : parts) inner.update(part);
  SecretKey result;
  inner.finish(result.bytes);
  for (std::uint8_t& byte : block) byte ^= kInnerPad ^ kOuterPad;
  Hash outer;
  outer.update(block);
  outer.update(result.bytes);
  outer.finish(result.bytes);
  OPENSSL_cleanse(block.data(), block.size());
  return result;
}

}  // namespace mptunnel
