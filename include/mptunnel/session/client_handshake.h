// The client's side of the handshake. Timers and repeats belong to the engine.
//
//     client                                        server
//       HANDSHAKE 1 on all paths, repeated  ---->   answers from a table: see pending_handshakes.h
//       <----  HANDSHAKE 2, the server's index and choice inside
//       CONTROL (CLIENT_HELLO, PING)        ---->   only now the epoch counts: see engine
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/noise.h"
#include "mptunnel/session/handshake_settings.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

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
  /// HANDSHAKE 1 of the present attempt, byte for byte the same each time.
  [[nodiscard]] ConstBytes message() const { return attempts_.front()->message; }
  /// Reads HANDSHAKE 2. Drops: handshake_stale, handshake_size, handshake_invalid, and handshake_rate if
  /// more answers came to open attempts than are worth a key agreement.
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

  tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> accept(Attempt& attempt,
                                                                   const HandshakePayload& payload,
                                                                   TimePoint now);

  HandshakeSettings settings_;
  RandomSource& random_;
  std::array<std::optional<Attempt>, 2> attempts_;  ///< the present one first
  TokenBucket answers_{kAnswersReadPerSecond, kAnswersReadBurst};
};

}  // namespace mptunnel
