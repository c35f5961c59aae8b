// AEAD by Intel's ipsec-mb: one call a packet, and the wide instructions of newer processors. What it is not:
// always there; then OpenSSL does the work.
//
// 1,400 bytes and 8 associated ones, one core of an AMD EPYC with AVX-512, 2026-11: AES-256-GCM 100 ns to
// seal and 89 ns to open; OpenSSL 3.0, which has no VAES code and some 150 ns of its own for each packet, 400
// ns. ChaCha20-Poly1305 500 ns; OpenSSL 1,280 ns. Without AVX-512 for big integers (IFMA) ipsec-mb's Poly1305
// is the slower one: 1,190 ns to 1,120 with AVX2.
#pragma once

#include <memory>

#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// One key, both directions. Not for two threads at once.
class IpsecMbAead {
 public:
  /// nullptr unless the library is built in, and is the faster one for `cipher` on this processor.
  static std::unique_ptr<IpsecMbAead> make(Cipher cipher, const SecretKey& key);
  /// Whether make() makes one.
  static bool serves(Cipher cipher);

  IpsecMbAead() = default;
  IpsecMbAead(const IpsecMbAead&) = delete;
  IpsecMbAead& operator=(const IpsecMbAead&) = delete;
  virtual ~IpsecMbAead() = default;

  /// Encrypts all of `packet` but its last 16 bytes in place, and writes the tag there.
  void seal(const Nonce& nonce, ConstBytes associated, Bytes packet);
  /// The reverse. False if the tag is wrong: then the bytes are garbage. `packet` has at least 16 bytes.
  [[nodiscard]] bool open(const Nonce& nonce, ConstBytes associated, Bytes packet);

 private:
  /// Encrypts or decrypts `text` in place, and writes the 16 bytes of its tag.
  virtual void run(Aead::Use use, const Nonce& nonce, ConstBytes associated, Bytes text,
                   std::uint8_t* tag) = 0;
};

}  // namespace mptunnel
