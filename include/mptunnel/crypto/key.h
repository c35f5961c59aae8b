// The pre-shared key as people handle it: 32 bytes in base64. What it is not: a reader of files; that is
// host/read_file.h.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/random.h"
#include "mptunnel/base/secret_text.h"
#include "mptunnel/crypto/aead.h"

namespace mptunnel {

/// 44 characters of base64 (RFC 4648, section 4); white space around them is allowed. The error says in words
/// what is wrong and what would be right.
tl::expected<SecretKey, std::string> parse_key(std::string_view text);

/// A new key as base64, for `--genkey`.
SecretText generate_key(RandomSource& random);

}  // namespace mptunnel
