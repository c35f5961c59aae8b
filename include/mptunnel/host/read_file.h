// Small files in one piece: any, and a pre-shared key's, which only its owner may read.
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// A whole file, at most `limit_bytes` of it. The error is "PATH: cannot be read: REASON".
tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit_bytes);

/// The one line of the file that is neither empty nor a comment (#), as parse_key reads it. Refused is a file
/// that is open to group or others in any way, that belongs to another user than this one or root, that is no
/// regular file, is larger than 4096 bytes or has more than one such line; the error names the file and says
/// what to do (`chmod 600 FILE`).
tl::expected<SecretKey, std::string> load_key_file(const std::string& path);

}  // namespace mptunnel
