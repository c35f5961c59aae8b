// The keys that a server accepts, and what the holders of each may take. Handshakes find their key here;
// sessions keep the account of the key that they were made with.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/time.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/ip/prefix.h"
#include "mptunnel/session/inner_reservations.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// What all sessions of one key may take together.
struct KeyQuota {
  std::size_t max_sessions = kSessionsOfKey;
  std::optional<std::size_t> max_flows;   ///< nullopt: what the server has
  std::optional<std::uint64_t> max_rate;  ///< bits of datagrams a second, each way; nullopt: any
  std::vector<Prefix> inner;  ///< addresses and networks of TUN devices that are kept for them; none: any

  friend bool operator==(const KeyQuota&, const KeyQuota&) = default;
};

/// A client that has a key of its own.
struct NamedKey {
  std::string name;
  SecretKey key;
  KeyQuota quota;
  bool is_disabled = false;
};

/// The keys of a server.
struct ServerKeys {
  std::optional<SecretKey> shared;             ///< one that many clients may have
  std::optional<std::vector<NamedKey>> named;  ///< no two have the same key; nullopt: there is no keyring
};

/// Of a datagram.
enum class Way : std::uint8_t { to_target, to_client };

/// One key of the server. It stays where it is until Keyring::erase_withdrawn().
class KeyAccount {
 public:
  /// `key` is null if clients need none.
  explicit KeyAccount(const SecretKey* key);

  /// The name is empty for a key that many share, and for none.
  void set(std::string name, const KeyQuota& quota, bool is_disabled);

  [[nodiscard]] const SecretKey* key() const { return key_ ? &*key_ : nullptr; }
  [[nodiscard]] const HandshakeKey& handshake_key() const { return handshake_key_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Whether the key is one client's, and has a quota. Networks are not charged for its sessions then.
  [[nodiscard]] bool is_named() const { return !name_.empty(); }
  [[nodiscard]] const KeyQuota& quota() const { return quota_; }
  [[nodiscard]] bool is_disabled() const { return is_disabled_; }

  /// Whether another handshake of this key may be answered.
  bool may_handshake(TimePoint now) { return !is_named() || handshakes_.take(now, 0, 1); }
  void count_handshake(TimePoint now) { handshakes_.take(now); }
  /// Whether the flows of its sessions may become more.
  [[nodiscard]] bool may_open_flow() const { return !quota_.max_flows || flows_ < *quota_.max_flows; }
  void count_flows(std::ptrdiff_t change) { flows_ += static_cast<std::size_t>(change); }
  /// Whether a datagram of so many bytes is within the rate; if so it is charged.
  bool take_rate(Way way, std::size_t bytes, TimePoint now) {
    return !rate_ || (*rate_)[static_cast<std::size_t>(way)].take(now, static_cast<double>(bytes));
  }

 private:
  friend class Keyring;

  std::optional<SecretKey> key_;
  HandshakeKey handshake_key_;
  std::string name_;
  KeyQuota quota_;
  bool is_disabled_ = false;
  bool is_listed_ = true;
  TokenBucket handshakes_{kHandshakesPerSecondOfKey, kHandshakeBurstOfKey};
  std::optional<std::array<TokenBucket, 2>> rate_;  ///< by Way
  std::size_t flows_ = 0;
};

class Keyring {
 public:
  /// Without a shared key and a keyring there is one account for everybody, who needs no key.
  explicit Keyring(const ServerKeys& keys) { replace(keys); }
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;
  ~Keyring() = default;

  /// Null if no key has this name. One look-up, however many keys there are; names are HKDF's output, which
  /// nobody can choose.
  KeyAccount* find(const KeyName& name);
  /// From now on these keys. An account that stays keeps its budgets. Returns those whose sessions have to
  /// end: they are disabled, or no longer listed and to be erased once nothing refers to them.
  std::vector<KeyAccount*> replace(const ServerKeys& keys);
  void erase_withdrawn();
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }
  /// Clients that have a key of their own, and how many of these are disabled; nullopt without a keyring.
  struct Clients {
    std::size_t named = 0;
    std::size_t disabled = 0;
  };
  [[nodiscard]] std::optional<Clients> clients() const;
  /// What is kept for the clients of each key, disabled or not.
  [[nodiscard]] std::vector<InnerReservation> reservations() const;

 private:
  struct IsLess {
    bool operator()(const std::optional<SecretKey>& a, const std::optional<SecretKey>& b) const;
  };
  struct NameHash {
    std::size_t operator()(const KeyName& name) const;
  };
  KeyAccount& account_of(const SecretKey* key);

  bool has_names_ = false;
  std::map<std::optional<SecretKey>, KeyAccount, IsLess> accounts_;
  std::unordered_map<KeyName, KeyAccount*, NameHash> by_name_;
};

}  // namespace mptunnel
