// Words of which a person chooses one: yes or no, a cipher, a log level.
// Every error is a text that says what is wrong and what would be right, without file and line.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/log_level.h"
#include "mptunnel/config/config.h"

namespace mptunnel {

/// How to write it, for a message that puts it in quotes: "encrypt yes' or 'encrypt no", "min-paths N".
/// `argument` is as in Statement; a choice of two is written out.
std::string usage_of(std::string_view word, std::string_view argument);

/// Whether `value` is the first of the two in `argument` ("yes|no"), which is that of `word`.
tl::expected<bool, std::string> parse_either(std::string_view value, std::string_view word,
                                             std::string_view argument);

tl::expected<CipherChoice, std::string> parse_cipher(std::string_view value);
tl::expected<LogLevel, std::string> parse_level(std::string_view value);

}  // namespace mptunnel
