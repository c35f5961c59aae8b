// Small files in one piece: any, and those that have a secret, which only their owner may read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/secret_text.h"
#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// A whole file, at most `limit_bytes` of it. The error is "PATH: cannot be read: REASON".
tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit_bytes);

/// The file that `name` means to a service of systemd (systemd.exec(5), LoadCredential=): below `directory`,
/// the value of $CREDENTIALS_DIRECTORY, if that has a file of this name, or if the name begins with the
/// variable itself, which no shell has replaced. Else the name as it is.
std::string credential_path(const std::string& name, const std::string& directory);

/// How messages call a file with one secret, and what to do about it.
struct SecretFileWords {
  std::string_view file;    ///< "key file"
  std::string_view secret;  ///< "key"
  std::string_view cure;    ///< of a file without a secret: "make one with --genkey"
  std::string_view wanted;  ///< what its line is to be; empty: what parse_key says
  std::string_view shape;   ///< of one that is too large: "it should have one line, the key"
  /// Whether a name may stand before the secret, which is for people.
  bool may_have_name = false;
  /// What to do about one that belongs to another user; empty: make it this user's, "chown UID FILE". Whoever
  /// owns it knows what is in it.
  std::string_view foreign = {};
  /// Whether its group may read it, as that of a container's or systemd's secret does.
  bool may_be_of_group = false;
};
inline constexpr SecretFileWords kKeyFileWords{
    "key file", "key", "make one with --genkey", "", "it should have one line, the key", true, {}, true};
inline constexpr SecretFileWords kKeyringWords{
    "keyring", "keys", "", "", "it should have a line for each client", false, {}, true};

/// The secret of 32 bytes in the text of a file: the one line that is neither empty nor a comment (#), as
/// parse_key reads it, behind a name if there may be one ("alice KEY"), and behind a byte order mark. The
/// error goes on from "key file FILE", and repeats nothing of the text.
tl::expected<SecretKey, std::string> read_secret(std::string_view text, const SecretFileWords& words);

/// The key in this file, as read_secret finds it. Refused is a file that is open to others in any way, or to
/// its group for more than reading, that belongs to another user than this one or root, that is no regular
/// file, or is larger than 4096 bytes; the error names the file and says what to do (`chmod 600 FILE`).
tl::expected<SecretKey, std::string> load_key_file(const std::string& path);
/// The whole of a file with secrets, at most `limit_bytes` of it, if load_key_file() would read it. One that
/// somebody writes to meanwhile is refused: what was read may be half of it.
tl::expected<SecretText, std::string> read_secret_file(const std::string& path, const SecretFileWords& words,
                                                       std::size_t limit_bytes);
/// What should be known of a file that was read: it is this user's own, and a group can read it that this
/// process is not in. nullopt if there is nothing.
std::optional<std::string> secret_file_warning(const std::string& path, const SecretFileWords& words);
/// As load_key_file, for other secrets of 32 bytes.
tl::expected<SecretKey, std::string> load_secret_file(const std::string& path, const SecretFileWords& words);

}  // namespace mptunnel
