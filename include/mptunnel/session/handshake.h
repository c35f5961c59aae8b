// The handshake, at both ends. Timers and repeats belong to the engine.
//
//     client                                        server
//       HANDSHAKE 1 on all paths, repeated  ---->   answers from a table: see PendingHandshakes
//       <----  COOKIE, if the server is under load, and HANDSHAKE 1 again with the cookie on that path
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
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"
#include "mptunnel/session/address_proof.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/seen_handshakes.h"
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

/// The server's pending handshakes: answered, not yet confirmed by a CONTROL packet under the new key.
///
/// What a stranger can cause here is bounded, and keeps nobody out. A message 1 that is answered takes a
/// place in a bounded table for ten seconds and changes nothing else. In the order of payment:
///
///     its key name     must be ours
///     its mac          is verified, which costs less than to receive it: what has no key ends here
///     a repeat         gets the same answer, within a budget of its own
///     a recorded one   is known and gets no answer
///     its address      must be proved by a cookie when others have used up what is done without
///     its Noise        is read and answered within the budget of its network and of all
///
/// A handshake that comes inside a session is none of that: it has a budget of the session's, and a place
/// that no stranger's takes.
class PendingHandshakes {
 public:
  PendingHandshakes(const HandshakeSettings& settings, RandomSource& random);

  struct Answer {
    ConstBytes response;              ///< HANDSHAKE 2 or COOKIE, valid until the next call
    Refusal refusal = Refusal::none;  ///< what it says inside
    bool is_new = false;              ///< made now, not repeated
    bool is_cookie = false;           ///< COOKIE instead: the address has to be proved first
  };
  using IsIndexFree = std::function<bool(SessionIndex)>;

  /// Answers HANDSHAKE 1. Drops: handshake_size, handshake_key, handshake_mac, handshake_replay,
  /// handshake_rate, handshake_invalid.
  tl::expected<Answer, Drop> answer(ConstBytes packet, const Endpoint& from, const IsIndexFree& is_free,
                                    TimePoint now);
  /// Answers HANDSHAKE 1 that came inside a session, within this budget of the session's. The same drops.
  tl::expected<Answer, Drop> renew(ConstBytes packet, TokenBucket& budget, const IsIndexFree& is_free,
                                   TimePoint now);
  /// The unconfirmed epoch with this index, or nullptr.
  KeyEpoch* find(SessionIndex local);
  /// Takes the epoch out: it is confirmed. The answer stays in the table for late repeats.
  std::unique_ptr<KeyEpoch> adopt(SessionIndex local);
  void expire(TimePoint now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    std::vector<std::uint8_t> response;
    std::unique_ptr<KeyEpoch> epoch;
    SessionIndex index;
    Refusal refusal = Refusal::none;
    TimePoint created;
    TokenBucket repeats{kRepeatsPerSecond, kRepeatBurst};
    std::optional<std::size_t> place;  ///< in order_; nullopt if it began inside a session
  };
  /// Message 1, its cookie zeroed, without its mac.
  using Message = std::vector<std::uint8_t>;
  struct IsLess {
    bool operator()(const Message& a, const Message& b) const;
  };
  /// In a tree, which no choice of messages makes slow.
  using Entries = std::map<Message, Entry, IsLess>;

  /// What a message 1 shows without a look into its Noise.
  struct Request {
    HandshakePrefix prefix;
    Message message;
    ConstBytes noise_message;  ///< in the packet
  };

  /// The error says why it is not looked at.
  [[nodiscard]] tl::expected<Request, Drop> read(ConstBytes packet) const;
  [[nodiscard]] bool was_seen(const Request& request) const;
  /// Reads and answers its Noise, and keeps the answer; it is among those from outside only once it is in
  /// order_.
  tl::expected<Entries::iterator, Drop> make(Request request, const IsIndexFree& is_free, TimePoint now);
  static tl::expected<Answer, Drop> repeat(Entry& entry, TimePoint now);
  tl::expected<Answer, Drop> ask_for_proof(HandshakePrefix prefix, const Endpoint& from, TimePoint now);
  tl::expected<Entry, Drop> respond(const HandshakePrefix& prefix, ConstBytes noise_message,
                                    const IsIndexFree& is_free, TimePoint now);
  /// `cipher` becomes what is chosen; if the client offers none of ours, the last of these.
  Refusal choose(const HandshakePayload& offer, Cipher& cipher) const;
  void erase(Entries::iterator entry);

  HandshakeSettings settings_;
  HandshakeKey key_;
  RandomSource& random_;
  Entries entries_;
  std::vector<Entries::iterator> order_;  ///< of those from outside: for a random victim
  std::unordered_map<SessionIndex, Entries::iterator> by_index_;
  AddressProof proof_;
  TokenBucket unproved_{kUnprovedHandshakesPerSecond, kUnprovedHandshakeBurst};
  NetworkBudget proved_;
  NetworkBudget cookies_;
  SipHashKey seen_key_;
  SeenHandshakes seen_;
  std::vector<std::uint8_t> cookie_packet_;  ///< the last that was given out
};

}  // namespace mptunnel
