// What this layer meets that a person may want to know. It writes no log: its user gives it a sink.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "mptunnel/base/log_level.h"

namespace mptunnel {

/// Takes one line, without its end. Null: nobody wants to know.
using NoticeSink = void (*)(LogLevel level, std::string_view text);

template <typename... Args>
void notify(NoticeSink sink, LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (sink != nullptr) sink(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mptunnel
