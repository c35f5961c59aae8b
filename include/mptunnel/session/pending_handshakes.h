// Handshakes that a server has answered and no packet has confirmed yet: see handshake.h for the whole.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/random.h"
#include "mptunnel/session/address_proof.h"
#include "mptunnel/session/handshake.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/session/keyring.h"
#include "mptunnel/session/seen_handshakes.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// The server's pending handshakes: answered, not yet confirmed by a CONTROL packet under the new key.
///
/// What a stranger can cause here is bounded, and keeps nobody out. A message 1 that is answered takes a
/// place in a bounded table for ten seconds and changes nothing else. In the order of payment:
///
///     its key name     must be of one of our keys
///     its mac          is verified, which costs less than to receive it: what has no key ends here
///     its key          must not be disabled
///     a repeat         gets the same answer, within a budget of its own
///     a recorded one   is known and gets no answer
///     its address      must be proved by a cookie when others have used up what is done without
///     its Noise        is read and answered within the budgets of its key, if that is one client's, of its
///                      network and of all
///
/// A handshake that comes inside a session is none of that: it has a budget of the session's, and a place
/// that no stranger's takes.
class PendingHandshakes {
 public:
  /// `keyring` and `random` outlive the object; the key of `settings` is not looked at.
  PendingHandshakes(const HandshakeSettings& settings, Keyring& keyring, RandomSource& random);

  struct Answer {
    ConstBytes response;              ///< HANDSHAKE 2 or COOKIE, valid until the next call
    Refusal refusal = Refusal::none;  ///< what it says inside
    bool is_new = false;              ///< made now, not repeated
    bool is_cookie = false;           ///< COOKIE instead: the address has to be proved first
  };
  using IsIndexFree = std::function<bool(SessionIndex)>;

  /// Answers HANDSHAKE 1. Drops: handshake_size, handshake_key, handshake_mac, handshake_disabled,
  /// handshake_replay, handshake_rate, handshake_invalid.
  tl::expected<Answer, Drop> answer(ConstBytes packet, const Endpoint& from, const IsIndexFree& is_free,
                                    TimePoint now);
  /// A session that asks for new keys inside itself.
  struct Renewal {
    SessionHandle session;
    const KeyAccount& account;  ///< the handshake must be made with its key
    TokenBucket& budget;        ///< the session's
  };
  /// Answers HANDSHAKE 1 that came inside a session. The same drops.
  tl::expected<Answer, Drop> renew(ConstBytes packet, const Renewal& renewal, const IsIndexFree& is_free,
                                   TimePoint now);
  /// An epoch that is not confirmed.
  struct Unconfirmed {
    KeyEpoch* keys = nullptr;       ///< null if none has this index
    KeyAccount* account = nullptr;  ///< whose key it was made with
    std::uint64_t network = 0;      ///< that HANDSHAKE 2 went to; not of a renewal
    std::optional<SessionHandle> renews;
  };
  Unconfirmed find(SessionIndex local);
  /// Takes the epoch out: it is confirmed. The answer stays in the table for late repeats.
  std::unique_ptr<KeyEpoch> adopt(SessionIndex local);
  /// Forgets what was made with this key.
  void withdraw(const KeyAccount& account);
  void expire(TimePoint now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    std::vector<std::uint8_t> response;
    Unconfirmed about;  ///< but its keys
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
    KeyAccount* account = nullptr;
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
  tl::expected<Answer, Drop> ask_for_proof(const Request& request, const Endpoint& from, TimePoint now);
  tl::expected<Entry, Drop> respond(const Request& request, const IsIndexFree& is_free, TimePoint now);
  /// `cipher` becomes what is chosen; if the client offers none of ours, the last of these.
  Refusal choose(const HandshakePayload& offer, Cipher& cipher) const;
  void erase(Entries::iterator entry);
  template <typename Condition>
  void erase_if(Condition is_over);

  HandshakeSettings settings_;
  Keyring& keyring_;
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
