#include "mptunnel/session/keyring.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mptunnel {
namespace {

constexpr double kBitsInByte = 8;

/// A datagram of any size passes, however low the rate.
TokenBucket rate_bucket(std::uint64_t bits_per_second) {
  const double per_second = static_cast<double>(bits_per_second) / kBitsInByte;
  const double burst = per_second * std::chrono::duration<double>(kRateBurst).count();
  return {per_second, std::max(burst, static_cast<double>(kMaxPacketBytes))};
}

}  // namespace

KeyAccount::KeyAccount(const SecretKey* key) : handshake_key_(derive_handshake_key(key)) {
  if (key != nullptr) key_ = *key;
}

void KeyAccount::set(std::string name, const KeyQuota& quota, bool is_disabled) {
  name_ = std::move(name);
  is_disabled_ = is_disabled;
  is_listed_ = true;
  if (quota.max_rate != quota_.max_rate) {
    rate_.reset();
    if (quota.max_rate) rate_ = {rate_bucket(*quota.max_rate), rate_bucket(*quota.max_rate)};
  }
  quota_ = quota;
}

bool Keyring::IsLess::operator()(const std::optional<SecretKey>& a, const std::optional<SecretKey>& b) const {
  return a && b ? a->bytes < b->bytes : a.has_value() < b.has_value();
}

std::size_t Keyring::NameHash::operator()(const KeyName& name) const {
  std::size_t hash = 0;
  static_assert(sizeof(hash) <= sizeof(KeyName));
  std::memcpy(&hash, name.data(), sizeof(hash));
  return hash;
}

KeyAccount* Keyring::find(const KeyName& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

KeyAccount& Keyring::account_of(const SecretKey* key) {
  const auto wanted = key == nullptr ? std::optional<SecretKey>() : std::optional(*key);
  const auto found = accounts_.find(wanted);
  return found != accounts_.end() ? found->second : accounts_.try_emplace(wanted, key).first->second;
}

std::vector<KeyAccount*> Keyring::replace(const ServerKeys& keys) {
  for (auto& [key, account] : accounts_) account.is_listed_ = false;
  has_names_ = keys.named.has_value();
  const bool is_open = !keys.shared && !keys.named;
  if (is_open || keys.shared) account_of(is_open ? nullptr : &*keys.shared).set("", {}, false);
  if (keys.named) {
    for (const NamedKey& named : *keys.named)
      account_of(&named.key).set(named.name, named.quota, named.is_disabled);
  }
  std::vector<KeyAccount*> over;
  by_name_.clear();
  for (auto& [key, account] : accounts_) {
    if (account.is_listed_) by_name_.emplace(account.handshake_key_.name, &account);
    if (!account.is_listed_ || account.is_disabled_) over.push_back(&account);
  }
  return over;
}

void Keyring::erase_withdrawn() {
  std::erase_if(accounts_, [](const auto& entry) { return !entry.second.is_listed_; });
}

std::vector<InnerReservation> Keyring::reservations() const {
  std::vector<InnerReservation> all;
  for (const auto& [key, account] : accounts_) {
    if (!account.is_listed_) continue;
    for (const Prefix& prefix : account.quota_.inner) all.push_back({account.handshake_key_.name, prefix});
  }
  return all;
}

std::optional<Keyring::Clients> Keyring::clients() const {
  if (!has_names_) return std::nullopt;
  Clients clients;
  for (const auto& [key, account] : accounts_) {
    if (!account.is_named()) continue;
    ++clients.named;
    if (account.is_disabled()) ++clients.disabled;
  }
  return clients;
}

}  // namespace mptunnel
