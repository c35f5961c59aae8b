// Where mpserver's keys come from, and how they are read: at the start, and again while it runs.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/crypto/aead.h"
#include "mptunnel/session/keyring.h"

namespace mptunnel {

/// The files, by absolute paths: the current folder may change between two readings.
struct KeyFiles {
  std::string shared;              ///< empty: there is no shared key, or it is not in a file
  std::optional<SecretKey> fixed;  ///< the shared key that is not in a file
  std::string keyring;             ///< empty: there is none
};

/// Reads them all. The error has a line for each mistake; where several are made, all of them.
tl::expected<ServerKeys, std::vector<std::string>> load_server_keys(const KeyFiles& files);

/// Whose keys there are, without the keys: whether each is disabled.
using KeyNames = std::map<std::string, bool>;
KeyNames names_of(const std::optional<std::vector<NamedKey>>& keys);

/// For people, what became different: "; added: carol; withdrawn: bob". Empty if no name came, went or
/// was disabled or enabled. After kMostNamesOfChange names it only counts.
std::string describe_change(const KeyNames& before, const KeyNames& after);
inline constexpr std::size_t kMostNamesOfChange = 20;

/// What there is in the way of keys, for people: "a key is set", "12 clients have keys of their own"; empty
/// if there are none.
std::string describe(bool has_shared, const std::optional<Keyring::Clients>& clients);

}  // namespace mptunnel
