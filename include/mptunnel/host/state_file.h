// The file in which a client without a key keeps its secret from one start to the next, so that mpserver
// knows it again and nobody else can pass for it. What it is not: where anything else is kept.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// Whose state it is, and where that user wants it.
struct StateUser {
  unsigned uid = 0;
  std::string state_directory;  ///< $STATE_DIRECTORY: folders with colons between (systemd.exec(5))
  std::string state_home;       ///< $XDG_STATE_HOME
  std::string home;             ///< $HOME
};
StateUser current_state_user();

/// The file if none is named: `client-secret` in the first folder of STATE_DIRECTORY; else, for root, in
/// /var/lib/mptunnel; else in mptunnel below XDG_STATE_HOME, or below .local/state of HOME. What is no
/// absolute path does not count; if nothing is left, as for root.
std::string default_state_path(const StateUser& user);

struct StateError {
  bool is_there = false;  ///< the file exists, and can't be used as it is; else it can't be made
  std::string text;       ///< "state file PATH ...", for people, with what to do where that is known
};

/// The secret in the file at `path`, which load_secret_file() must accept. If nothing is there, the file is
/// made (0600, missing folders 0700) with a secret out of `random`; of several programs that do so at once
/// all get the same. What is there is never replaced.
tl::expected<SecretKey, StateError> keep_secret(const std::string& path, RandomSource& random);

}  // namespace mptunnel
