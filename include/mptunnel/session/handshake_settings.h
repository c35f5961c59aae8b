// What both ends of a handshake are set to.
#pragma once

#include <optional>

#include "mptunnel/crypto/aead.h"

namespace mptunnel {

struct HandshakeSettings {
  std::optional<SecretKey> key;  ///< the pre-shared key: Noise_NNpsk0; without it Noise_NN
  bool encrypt = true;           ///< false: cipher "none", and nothing else, is offered and accepted
  bool fast_aes = true;          ///< offer and accept AES-256-GCM
};

}  // namespace mptunnel
