// The handshake: what both ends are set to, and the client's part. The server's is pending_handshakes.h.
// Timers and repeats belong to the engine.
//
//     client                                        server
//       HANDSHAKE 1 on all paths, repeated  ---->   answers from a table: see PendingHandshakes
//       <----  COOKIE, if the server is under load, and HANDSHAKE 1 again with the cookie on that path
//       <----  HANDSHAKE 2, the server's index and choice inside
//       CONTROL (CLIENT_HELLO, PING)        ---->   only now the epoch counts: see engine
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// What both ends of a handshake are set to.
struct HandshakeSettings {
  std::optional<SecretKey> key;  ///< the pre-shared key: Noise_NNpsk0; without it Noise_NN. See ServerKeys
                                 ///< for a server with several
  bool encrypt = true;           ///< false: cipher "none", and nothing else, is offered and accepted
  bool fast_aes = true;          ///< offer and accept AES-256-GCM
};

/// Best first. Neither end takes any other.
std::vector<Cipher> allowed_ciphers(const HandshakeSettings& settings);

/// Why reading an answer gave no epoch.
struct HandshakeFailure {
  Drop drop = Drop::handshake_invalid;
  Refusal refusal = Refusal::none;  ///< if the server answered, but declined
};

/// The client's attempts: the present one and the one before it.
class ClientHandshake {
 public:
  ClientHandshake(const HandshakeSettings& settings, RandomSource& random);

  /// A new attempt under a new index; the one before the last is forgotten.
  void begin(SessionIndex local, TimePoint now);
  [[nodiscard]] bool has_attempt() const { return attempts_.front().has_value(); }
  [[nodiscard]] TimePoint begun() const { return attempts_.front()->begun; }
  /// HANDSHAKE 1 of the present attempt, byte for byte the same each time; and the same with the cookie that
  /// came by this path, if one did.
  [[nodiscard]] ConstBytes message() const { return attempts_.front()->message; }
  [[nodiscard]] std::vector<std::uint8_t> message_for(PathId path) const;
  /// The paths by which a cookie came that still holds.
  [[nodiscard]] PathSet paths_with_cookies(TimePoint now);
  /// Reads COOKIE, which came by this path. Drops: handshake_size, handshake_invalid, handshake_stale,
  /// handshake_mac, and handshake_rate if one came a moment ago.
  tl::expected<void, Drop> read_cookie(ConstBytes packet, PathId path, TimePoint now);
  /// Reads HANDSHAKE 2. Drops: handshake_stale, handshake_size, handshake_mac, handshake_invalid, and
  /// handshake_rate if more answers came to open attempts than are worth a key agreement.
  tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> read(ConstBytes packet, TimePoint now);
  /// Forgets all attempts.
  void abandon();

 private:
  struct Attempt {
    HandshakePrefix prefix;
    NoiseHandshake noise;
    std::vector<std::uint8_t> message;
    TimePoint begun;
  };

  struct Shown {
    Cookie cookie;
    TimePoint since;
  };

  /// The attempt that the packet answers, or nullptr.
  std::optional<Attempt>* find(const HandshakePrefix& answer);
  tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> accept(Attempt& attempt,
                                                                   const HandshakePayload& payload,
                                                                   TimePoint now);

  HandshakeSettings settings_;
  HandshakeKey key_;
  RandomSource& random_;
  std::array<std::optional<Attempt>, 2> attempts_;  ///< the present one first
  std::array<std::optional<Shown>, kMaxPaths> cookies_;
  TokenBucket answers_{kAnswersReadPerSecond, kAnswersReadBurst};
};

}  // namespace mptunnel
