#include "mptunnel/base/log_level.h"

#include <algorithm>
#include <array>

namespace mptunnel {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

/// `name` is in small letters. Not <cctype>: its answers depend on the locale.
bool is_level_name(std::string_view word, std::string_view name) {
  return std::equal(word.begin(), word.end(), name.begin(), name.end(), [](char letter, char small) {
    return letter == small || (letter >= 'A' && letter <= 'Z' && letter - 'A' + 'a' == small);
  });
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (is_level_name(word, kLevelNames.at(i))) return static_cast<LogLevel>(i);
  }
  if (is_level_name(word, "warn")) return LogLevel::warning;  // as syslog(3) and many programs call it
  return std::nullopt;
}

std::string_view name_of(LogLevel level) {
  return kLevelNames.at(static_cast<std::size_t>(level));
}

}  // namespace mptunnel
