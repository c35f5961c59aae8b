// The log: a line per event that a person cares about, on standard error. Never a line per packet.
// What it is not: a way out of the core or of net. The core returns values; what a socket meets goes to a
// NoticeSink (net/notice.h), and log_line() is one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "mptunnel/base/log_level.h"

namespace mptunnel {

/// Lines below `level` are dropped. The default is info.
void set_log_level(LogLevel level);
/// From now on lines go to syslog (facility daemon) under this name as well. Not while other threads log.
void add_syslog(const std::string& ident);
/// And from now on to syslog alone: standard error gets no more. After add_syslog(); not while other threads
/// log.
void leave_stderr();
/// Writes one line, with time and level before it. Safe from any thread.
void log_line(LogLevel level, std::string_view text);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mptunnel
