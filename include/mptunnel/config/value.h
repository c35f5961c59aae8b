// Values that a person writes as one word, in a configuration or on the command line: numbers, durations, and
// words of which one is chosen.
// Every error is a text that says what is wrong and what would be right, without file and line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/log_level.h"
#include "mptunnel/base/time.h"
#include "mptunnel/config/config.h"
#include "mptunnel/ip/prefix.h"

namespace mptunnel {

/// Decimal digits alone, from `least` to `most`.
tl::expected<std::uint32_t, std::string> parse_number(std::string_view word, std::uint32_t least,
                                                      std::uint32_t most);

/// A mark of packets: 1 to 2^32 - 1, decimal or hexadecimal behind "0x".
tl::expected<std::uint32_t, std::string> parse_mark(std::string_view word);

/// Whole seconds ("90"), or a whole number with its unit ("90s", "5m", "24h"), from `least` to `most`.
tl::expected<Duration, std::string> parse_duration(std::string_view word, Duration least, Duration most);

/// In the largest unit that leaves no rest: "5m", "90s", "24h". Parts of a second are left out.
std::string duration_text(Duration duration);

/// A whole number of milliseconds with "ms" behind it ("20ms"), from `least` to `most`, and how that is
/// written.
tl::expected<Duration, std::string> parse_milliseconds(std::string_view word, Duration least, Duration most);
std::string milliseconds_text(Duration duration);

/// A share in percent ("5%", "0.5%"), from `least` to `most` (1 is 100%), and how that is written.
tl::expected<double, std::string> parse_percent(std::string_view word, double least, double most);
std::string percent_text(double share);

/// A share as a decimal number ("0.001", "1e-5"), from `least` to `most`, and how that is written.
tl::expected<double, std::string> parse_fraction(std::string_view word, double least, double most);
std::string fraction_text(double share);

/// A network that a client may have: not everything.
tl::expected<Prefix, std::string> parse_allowed(std::string_view word);

/// Bits a second: a whole number with kbit, Mbit or Gbit behind it ("500kbit", "10Mbit"), of thousands each;
/// from `least` to `most`. Small and capital letters are equal.
tl::expected<std::uint64_t, std::string> parse_rate(std::string_view word, std::uint64_t least,
                                                    std::uint64_t most);

/// In the largest unit that leaves no rest: "10Mbit".
std::string rate_text(std::uint64_t bits_per_second);

/// A name's word: 1 to kMaxNameWordBytes letters, digits and . _ - : @
/// `what` it is, for the error: "name".
tl::expected<std::string, std::string> parse_name_word(std::string_view word, std::string_view what);

/// How to write it, for a message that puts it in quotes: "encrypt yes' or 'encrypt no", "min-paths N".
/// `argument` is as in Statement; a choice of two is written out.
std::string usage_of(std::string_view word, std::string_view argument);

/// Whether `value` is the first of the two in `argument` ("yes|no"), which is that of `word`.
tl::expected<bool, std::string> parse_either(std::string_view value, std::string_view word,
                                             std::string_view argument);

tl::expected<CipherChoice, std::string> parse_cipher(std::string_view value);
tl::expected<LogLevel, std::string> parse_level(std::string_view value);

}  // namespace mptunnel
