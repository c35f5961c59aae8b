// The file that `keys` names at mpserver: a client a line, `NAME KEY [option...]`. Text comes in; the lines,
// or the list of all mistakes, go out. What it is not: a reader of files, or of keys; it has a check for
// these.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/secret_text.h"
#include "mptunnel/config/config.h"
#include "mptunnel/ip/prefix.h"

namespace mptunnel {

struct KeyringLine {
  std::string name;
  SecretText key;                             ///< as it stands: base64
  std::optional<std::uint32_t> max_sessions;  ///< 1 to kMostClients
  std::optional<std::uint32_t> max_flows;     ///< 1 to kMostFlowsOfKey
  std::optional<std::uint64_t> max_rate;      ///< bits a second, each way
  std::vector<Prefix> allow;                  ///< at most kMaxTunNetworks, each once in the file
  bool is_disabled = false;
  int line = 0;
};

/// Says what is wrong with a key; nullopt if it is good. An empty function checks nothing.
using KeyCheck = std::function<std::optional<std::string>(std::string_view key)>;

/// At most kMaxKeyringLines lines, no two with one name or one key, and each ends with a newline: one that
/// was cut does not. A file without clients is good if it has a comment: nobody may come. `file_name` is the
/// name that mistakes are reported under.
ConfigResult<std::vector<KeyringLine>> parse_keyring(std::string_view text, std::string_view file_name,
                                                     const KeyCheck& check_key = {});

}  // namespace mptunnel
