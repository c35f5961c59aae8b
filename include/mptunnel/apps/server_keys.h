// Where mpserver's keys come from, and how they are read: at the start, and again while it runs.
#pragma once

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

/// What there is in the way of keys, for people: "a key is set", "12 clients have keys of their own"; empty
/// if there are none.
std::string describe(bool has_shared, const std::optional<Keyring::Clients>& clients);

}  // namespace mptunnel
