#include "mptunnel/base/log_level.h"

#include <array>

namespace mptunnel {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames.at(i) == word) return static_cast<LogLevel>(i);
  }
  if (word == "warn") return LogLevel::warning;  // as syslog(3) and many programs call it
  return std::nullopt;
}

std::string_view name_of(LogLevel level) {
  return kLevelNames.at(static_cast<std::size_t>(level));
}

}  // namespace mptunnel
