// Numbers and durations as a person writes them in a configuration.
// Every error is a text that says what is wrong and what would be right, without file and line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// Decimal digits alone, from `least` to `most`.
tl::expected<std::uint32_t, std::string> parse_number(std::string_view word, std::uint32_t least,
                                                      std::uint32_t most);

/// Whole seconds ("90"), or a whole number with its unit ("90s", "5m", "24h"), from `least` to `most`.
tl::expected<Duration, std::string> parse_duration(std::string_view word, Duration least, Duration most);

/// In the largest unit that leaves no rest: "5m", "90s", "24h". Parts of a second are left out.
std::string duration_text(Duration duration);

}  // namespace mptunnel
