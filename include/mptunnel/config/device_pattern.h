// Names of network interfaces with '*' and '?' in them, as `dev=` and `dev-exclude` take them.
// What it is not: a list of the interfaces that there are.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/config/limits.h"

namespace mptunnel {

/// A name of an interface, or one with '*' (any letters, or none) and '?' (any one letter) in it. All other
/// letters match themselves. The error says what is wrong and what would be right.
tl::expected<std::string, std::string> parse_device_pattern(std::string_view word);

/// 1 to kMaxDevicePatterns of them with commas between, none of them twice.
tl::expected<std::vector<std::string>, std::string> parse_device_patterns(std::string_view word);

/// Whether `pattern` matches the whole `name`. Takes at most the product of their lengths.
bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace mptunnel
