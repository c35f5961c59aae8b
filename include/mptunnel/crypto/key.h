// The pre-shared key as people handle it: 32 bytes in base64, in a file that only its owner reads.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// 44 characters of base64 (RFC 4648, section 4); white space around them is allowed. The error says in words
/// what is wrong and what would be right.
tl::expected<SecretKey, std::string> parse_key(std::string_view text);

/// The one line of the file that is neither empty nor a comment (#), as parse_key reads it. Refused is a file
/// that is open to group or others in any way, that is no regular file, is larger than 4096 bytes or has more
/// than one such line; the error names the file and says what to do (`chmod 600 FILE`).
tl::expected<SecretKey, std::string> load_key_file(const std::string& path);

/// A new key as base64, for `--genkey`.
std::string generate_key(RandomSource& random);

}  // namespace mptunnel
