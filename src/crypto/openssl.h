// What the sources of this layer share of OpenSSL. Included by them alone.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "mptunnel/base/assert.h"

namespace mptunnel::openssl {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PrivateKeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;

/// For calls that no input can make fail: only a broken library or the end of memory.
inline void require(int result) {
  MPT_ASSERT(result == 1);
}

}  // namespace mptunnel::openssl
