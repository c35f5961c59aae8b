#include "mptunnel/apps/server_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "mptunnel/config/keyring_file.h"
#include "mptunnel/config/limits.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/host/read_file.h"

namespace mptunnel {
namespace {

/// Reads the keys of a keyring's lines, in their order, and finds those that stand there twice.
class KeyReader {
 public:
  explicit KeyReader(const std::optional<SecretKey>& shared) : shared_(shared) {}

  std::optional<std::string> read(std::string_view text) {
    auto key = parse_key(text);
    if (!key) return std::move(key.error());
    if (shared_ && shared_->bytes == key->bytes)
      return "this is the key that all clients share: make another";
    const std::size_t hash = hash_of(*key);
    const auto [first, last] = by_hash_.equal_range(hash);
    if (std::any_of(first, last, [&](const auto& entry) { return keys_[entry.second].bytes == key->bytes; }))
      return "another client has this key already: give each its own";
    by_hash_.emplace(hash, keys_.size());
    keys_.push_back(*key);
    return std::nullopt;
  }
  /// One for each line, if nothing was wrong.
  [[nodiscard]] const std::vector<SecretKey>& keys() const { return keys_; }

 private:
  static std::size_t hash_of(const SecretKey& key) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()});
  }

  const std::optional<SecretKey>& shared_;
  std::vector<SecretKey> keys_;
  /// Into keys_. Of a key it has no more than 64 bits of a hash, which need not be wiped.
  std::unordered_multimap<std::size_t, std::size_t> by_hash_;
};

NamedKey named_key(KeyringLine line, const SecretKey& key) {
  NamedKey named{std::move(line.name), key, {}, line.is_disabled};
  if (line.max_sessions) named.quota.max_sessions = *line.max_sessions;
  if (line.max_flows) named.quota.max_flows = *line.max_flows;
  named.quota.max_rate = line.max_rate;
  named.quota.inner = std::move(line.allow);
  return named;
}

tl::expected<std::vector<NamedKey>, std::vector<std::string>> load_keyring(
    const std::string& path, const std::optional<SecretKey>& shared) {
  const auto text = read_secret_file(path, kKeyringWords, kMaxConfigBytes);
  if (!text) return tl::make_unexpected(std::vector{text.error()});
  KeyReader keys(shared);
  auto lines = parse_keyring(text->text(), path, [&](std::string_view key) { return keys.read(key); });
  if (!lines) {
    std::vector<std::string> mistakes;
    for (const ConfigError& mistake : lines.error()) mistakes.push_back(to_string(mistake));
    return tl::make_unexpected(std::move(mistakes));
  }
  std::vector<NamedKey> named;
  for (std::size_t i = 0; i < lines->size(); ++i)
    named.push_back(named_key(std::move((*lines)[i]), keys.keys()[i]));
  return named;
}

using Names = std::vector<std::string_view>;

/// "; added: alice, bob and 3 more"; `room` is how many names may be told yet. Empty if there are none.
std::string list(std::string_view what, const Names& names, std::size_t& room) {
  if (names.empty()) return "";
  const std::size_t told = std::min(room, names.size());
  room -= told;
  const std::size_t rest = names.size() - told;
  std::string text = fmt::format(
      "; {}: {}", what, fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(told), ", "));
  if (rest > 0) text += fmt::format("{}{}{}", told > 0 ? " and " : "", rest, told > 0 ? " more" : "");
  return text;
}

}  // namespace

tl::expected<ServerKeys, std::vector<std::string>> load_server_keys(const KeyFiles& files) {
  ServerKeys keys;
  std::vector<std::string> mistakes;
  keys.shared = files.fixed;
  if (!files.shared.empty()) {
    if (auto shared = load_key_file(files.shared)) {
      keys.shared = *shared;
    } else {
      mistakes.push_back(std::move(shared.error()));
    }
  }
  if (!files.keyring.empty()) {
    if (auto named = load_keyring(files.keyring, keys.shared)) {
      keys.named = std::move(*named);
    } else {
      for (std::string& mistake : named.error()) mistakes.push_back(std::move(mistake));
    }
  }
  if (!mistakes.empty()) return tl::make_unexpected(std::move(mistakes));
  return keys;
}

KeyNames names_of(const std::optional<std::vector<NamedKey>>& keys) {
  KeyNames names;
  if (!keys) return names;
  for (const NamedKey& key : *keys) names.emplace(key.name, key.is_disabled);
  return names;
}

std::string describe_change(const KeyNames& before, const KeyNames& after) {
  Names added;
  Names withdrawn;
  Names disabled;
  Names enabled;
  for (const auto& [name, is_disabled] : after) {
    const auto old = before.find(name);
    if (old == before.end()) {
      added.push_back(name);
    } else if (old->second != is_disabled) {
      (is_disabled ? disabled : enabled).push_back(name);
    }
  }
  for (const auto& [name, is_disabled] : before) {
    if (!after.contains(name)) withdrawn.push_back(name);
  }
  std::size_t room = kMostNamesOfChange;
  std::string text = list("withdrawn", withdrawn, room);
  text += list("disabled", disabled, room);
  text += list("enabled", enabled, room);
  return text + list("added", added, room);
}

std::string describe(bool has_shared, const std::optional<Keyring::Clients>& clients) {
  std::string text = has_shared ? "a key is set" : "";
  if (!clients) return text;
  if (has_shared) text += ", and ";
  text += clients->named == 1 ? "1 client has a key of its own"
                              : fmt::format("{} clients have keys of their own", clients->named);
  if (clients->disabled > 0) text += fmt::format(" ({} disabled)", clients->disabled);
  return text;
}

}  // namespace mptunnel
