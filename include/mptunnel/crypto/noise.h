// The Noise Protocol Framework (revision 34): Noise_NN and Noise_NNpsk0 with 25519, ChaChaPoly and BLAKE2s.
// What it is not: framing or retries. Bytes of Noise messages go in and come out.
#pragma once

#include <array>
#include <optional>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"

namespace mptunnel {

enum class NoiseError : std::uint8_t {
  truncated,       ///< shorter than the pattern's message
  authentication,  ///< a tag does not verify: wrong key, wrong prologue, or altered on the way
  bad_point,       ///< the peer's public key gives an all-zero shared secret (RFC 7748, section 6.1)
};

/// The two keys at the end of the handshake (Split()), and the handshake hash for channel binding.
struct NoiseSplit {
  SecretKey initiator_to_responder;
  SecretKey responder_to_initiator;
  std::array<std::uint8_t, 32> handshake_hash{};
};

/// One handshake of two messages: the initiator writes the first and reads the second, the responder the
/// other way round. Calls in another order are our own bug. Movable, not copyable.
class NoiseHandshake {
 public:
  enum class Role : std::uint8_t { initiator, responder };

  /// Noise_NNpsk0 if `psk` is given, else Noise_NN. The ephemeral private key is 32 raw bytes drawn from
  /// `random` at the moment the own message is written.
  NoiseHandshake(Role role, ConstBytes prologue, const SecretKey* psk, RandomSource& random);
  NoiseHandshake(const NoiseHandshake&) = delete;
  NoiseHandshake& operator=(const NoiseHandshake&) = delete;
  NoiseHandshake(NoiseHandshake&&) noexcept;
  NoiseHandshake& operator=(NoiseHandshake&&) noexcept;
  ~NoiseHandshake();

  /// The next message with `payload` inside: 32 bytes of public key, then the payload, sealed (16 bytes more)
  /// save in the first message of Noise_NN. Fails with bad_point (responder only).
  tl::expected<std::vector<std::uint8_t>, NoiseError> write_message(ConstBytes payload);
  /// The payload of the peer's message. A failed message 2 leaves the handshake as it was, so that a later,
  /// genuine one can still be read.
  tl::expected<std::vector<std::uint8_t>, NoiseError> read_message(ConstBytes message);
  /// Only after both messages.
  [[nodiscard]] NoiseSplit split() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Bytes that message 1 adds to its payload: public key, and with a key the tag.
constexpr std::size_t noise_message1_overhead(bool keyed) {
  return 32 + (keyed ? kTagBytes : 0);
}

/// X25519 (RFC 7748). nullopt if the result is all zero.
std::optional<SecretKey> x25519(const SecretKey& private_key, ConstBytes public_key);
std::array<std::uint8_t, 32> x25519_public(const SecretKey& private_key);

}  // namespace mptunnel
