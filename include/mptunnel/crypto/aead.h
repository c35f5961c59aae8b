// Authenticated encryption of packets: one key, keyed once, any number of packets.
// What it is not: a guard of nonces. Whoever seals counts packet numbers and never repeats one under a key.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

inline constexpr std::size_t kKeyBytes = 32;
/// A secret key; wiped when it goes or is moved from.
struct SecretKey {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  SecretKey() = default;
  explicit SecretKey(const std::array<std::uint8_t, kKeyBytes>& from) : bytes(from) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  SecretKey(SecretKey&& other) noexcept : bytes(other.bytes) { other.wipe(); }
  SecretKey& operator=(SecretKey&& other) noexcept {
    if (this == &other) return *this;
    bytes = other.bytes;
    other.wipe();
    return *this;
  }
  ~SecretKey() { wipe(); }

 private:
  void wipe();
};

using Nonce = std::array<std::uint8_t, 12>;

/// The packet number as a nonce: 8 zero bytes, then the number, big-endian.
Nonce packet_nonce(PacketNumber number);

/// AES-256-GCM (RFC 5116) or ChaCha20-Poly1305 (RFC 8439) with a 96-bit nonce and a 128-bit tag behind the
/// ciphertext. An object serves one direction: sealing or opening. Movable, not copyable; not for two threads
/// at once.
class Aead {
 public:
  enum class Use : std::uint8_t { seal, open };
  /// Which library does the work. Both give the same bytes.
  enum class Library : std::uint8_t {
    fastest,  ///< ipsec-mb if it is built in, and this processor has what makes it the faster one
    openssl,
  };

  /// `cipher` is not Cipher::none.
  Aead(Cipher cipher, const SecretKey& key, Use use, Library library = Library::fastest);
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  /// Writes ciphertext of `head` followed by `body`, then the 16-byte tag, to `out`, whose size is exactly
  /// head + body + 16. `body` may be the bytes of `out` right behind the head (in place) or not overlap
  /// `out`.
  void seal(const Nonce& nonce, ConstBytes associated, ConstBytes head, ConstBytes body, Bytes out);

  /// Decrypts in place. `sealed` ends with the tag. On success returns true, and the plaintext is
  /// sealed.first(sealed.size() - 16). On failure returns false: the bytes are then garbage, and nothing of
  /// them may be used.
  [[nodiscard]] bool open(const Nonce& nonce, ConstBytes associated, Bytes sealed);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Whether Library::fastest is ipsec-mb here, for `cipher`.
bool has_ipsec_mb(Cipher cipher);

/// Whether this processor has instructions for AES and carry-less multiplication, so that AES-256-GCM is the
/// faster.
bool has_fast_aes();

}  // namespace mptunnel
