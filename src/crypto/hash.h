// BLAKE2s-256 (RFC 7693), and HMAC over it (RFC 2104), for this layer alone.
#pragma once

#include <array>
#include <initializer_list>

#include "mptunnel/base/bytes.h"
#include "mptunnel/crypto/aead.h"
#include "openssl.h"

namespace mptunnel {

inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kHashBlockBytes = 64;
using HashBytes = std::array<std::uint8_t, kHashBytes>;
static_assert(kHashBytes == kKeyBytes, "a result of HMAC is used as a key");

/// Takes bytes piece by piece; finish() ends it.
class Hash {
 public:
  Hash();
  void update(ConstBytes bytes);
  HashBytes finish();
  /// The same to where it shall stand: a secret leaves no copy behind.
  void finish(HashBytes& result);

 private:
  openssl::DigestContext context_;
};

/// HMAC-BLAKE2s over the parts, one after the other. By hand over the digest: OpenSSL's EVP_MAC gives the
/// same result, for a fetch, a context and a parameter list a call.
SecretKey hmac(ConstBytes key, std::initializer_list<ConstBytes> parts);

}  // namespace mptunnel
