// The handshake, at both ends. Timers and repeats belong to the engine.
//
//     client                                        server
//       HANDSHAKE 1 on all paths, repeated  ---->   answers from a table: see PendingHandshakes
//       <----  HANDSHAKE 2, the server's index and choice inside
//       CONTROL (CLIENT_HELLO, PING)        ---->   only now the epoch counts: see engine
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/noise.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// What both ends of a handshake are set to.
struct HandshakeSettings {
  std::optional<SecretKey> key;  ///< the pre-shared key: Noise_NNpsk0; without it Noise_NN
  bool encrypt = true;           ///< false: cipher "none", and nothing else, is offered and accepted
  bool fast_aes = true;          ///< offer and accept AES-256-GCM
};

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

/// The server's pending handshakes: answered, not yet confirmed by a CONTROL packet under the new key.
///
/// What a stranger can cause here is bounded. A message 1 that is answered, replayed or forged, takes a place
/// in a bounded table for ten seconds and changes nothing else. Its cost, in the order of payment:
///
///     a repeat       is found by comparing bytes, and gets the same answer: no cryptography, no budget
///     its key id     is derived within the budget of key checks
///     its Noise      is read and answered within the budget of handshakes
class PendingHandshakes {
 public:
  PendingHandshakes(const HandshakeSettings& settings, RandomSource& random);

  struct Answer {
    ConstBytes response;              ///< HANDSHAKE 2, valid until the next call
    Refusal refusal = Refusal::none;  ///< what it says inside
    bool is_new = false;              ///< made now, not repeated
  };
  using IsIndexFree = std::function<bool(SessionIndex)>;

  /// Answers HANDSHAKE 1. Drops: handshake_size, handshake_key, handshake_rate, handshake_invalid.
  tl::expected<Answer, Drop> answer(ConstBytes packet, const Endpoint& from, const IsIndexFree& is_free,
                                    TimePoint now);
  /// The unconfirmed epoch with this index, or nullptr.
  KeyEpoch* find(SessionIndex local);
  /// Takes the epoch out: it is confirmed. The answer stays in the table for late repeats.
  std::unique_ptr<KeyEpoch> adopt(SessionIndex local);
  void expire(TimePoint now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  PendingHandshakes(const HandshakeSettings& settings, RandomSource& random, std::uint64_t salt);

  struct Entry {
    std::vector<std::uint8_t> response;
    std::unique_ptr<KeyEpoch> epoch;
    SessionIndex index;
    Refusal refusal = Refusal::none;
    TimePoint created;
    std::size_t place = 0;  ///< in order_
  };
  /// Message 1, its cookie zeroed.
  using Message = std::vector<std::uint8_t>;
  struct IsLess {
    bool operator()(const Message& a, const Message& b) const;
  };
  /// In a tree, which no choice of messages makes slow.
  using Entries = std::map<Message, Entry, IsLess>;

  /// Whether the message was made with our key: the error says why it is not looked at further.
  tl::expected<void, Drop> check_key(const HandshakePrefix& prefix, const Endpoint& from, TimePoint now);
  tl::expected<Entry, Drop> respond(const HandshakePrefix& prefix, ConstBytes noise_message,
                                    const IsIndexFree& is_free, TimePoint now);
  /// `cipher` becomes what is chosen; if the client offers none of ours, the last of these.
  Refusal choose(const HandshakePayload& offer, Cipher& cipher) const;
  const Entry& insert(Message message, Entry entry);
  void erase(Entries::iterator entry);

  HandshakeSettings settings_;
  RandomSource& random_;
  Entries entries_;
  std::vector<Entries::iterator> order_;  ///< for a random victim
  std::unordered_map<SessionIndex, Entries::iterator> by_index_;
  NetworkBudget handshakes_;
  NetworkBudget key_checks_;
};

}  // namespace mptunnel
