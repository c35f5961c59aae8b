#include "mptunnel/crypto/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace mptunnel {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kWanted = "a key is 32 bytes in base64, 44 characters, as --genkey prints it";

/// A key as base64; wiped when it goes.
struct KeyText {
  std::array<char, 45> text{};  ///< 44 characters, and the 0 that OpenSSL puts behind them

  explicit KeyText(const SecretKey& key) {
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), key.bytes.data(), kKeyBytes);
  }
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;
  ~KeyText() { OPENSSL_cleanse(text.data(), text.size()); }

  [[nodiscard]] std::string_view view() const { return {text.data(), text.size() - 1}; }
};

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

tl::expected<SecretKey, std::string> parse_key(std::string_view text) {
  const std::string_view word = trim(text);
  constexpr std::size_t kBase64Bytes = 44;
  if (word.size() != kBase64Bytes) {
    return tl::unexpected("the key has " + std::to_string(word.size()) +
                          " characters: " + std::string(kWanted));
  }
  std::array<std::uint8_t, kKeyBytes + 1> decoded{};
  const int size = EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(word.data()),
                                   static_cast<int>(word.size()));
  SecretKey key;
  std::copy_n(decoded.begin(), key.bytes.size(), key.bytes.begin());
  OPENSSL_cleanse(decoded.data(), decoded.size());
  // The decoder is lax about padding and trailing bits: only what encodes to the very same text is a key.
  if (size != static_cast<int>(decoded.size()) || KeyText(key).view() != word) {
    return tl::unexpected("the key is not base64 of 32 bytes: " + std::string(kWanted));
  }
  return key;
}

SecretText generate_key(RandomSource& random) {
  SecretKey key;
  random.fill(key.bytes);
  return std::string(KeyText(key).view());
}

}  // namespace mptunnel
