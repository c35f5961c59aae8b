// How much a line of the log matters. The log itself is host/log.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mptunnel {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// "debug", "info", "warning" (or "warn") or "error", in small letters or capitals; nullopt for any other
/// word.
std::optional<LogLevel> parse_log_level(std::string_view word);
std::string_view name_of(LogLevel level);

}  // namespace mptunnel
