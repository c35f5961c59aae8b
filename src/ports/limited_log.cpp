#include "mptunnel/ports/limited_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "mptunnel/host/log.h"

namespace mptunnel {

void LimitedLog::say(LogLevel level, std::string text) {
  say_if(budget_.take(clock_()), level, std::move(text));
}

void LimitedLog::say_other(LogLevel level, std::string text) {
  bool is_allowed = false;
  if (text == last_) {
    is_allowed = budget_.take(clock_());
  } else if (others_.take(clock_())) {
    last_ = text;
    budget_ = NewsBudget();
    is_allowed = true;
  }
  say_if(is_allowed, level, std::move(text));
}

void LimitedLog::say_if(bool is_allowed, LogLevel level, std::string text) {
  if (!is_allowed) {
    ++held_back_;
    return;
  }
  if (const auto count = std::exchange(held_back_, 0); count > 0)
    text += fmt::format(" ({} line{} about it left out before)", count, count == 1 ? "" : "s");
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    log_line(level, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace mptunnel
