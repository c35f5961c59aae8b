#include "mptunnel/ports/limited_log.h"

#include <fmt/format.h>

#include "mptunnel/host/log.h"

namespace mptunnel {

void LimitedLog::say(LogLevel level, std::string text) {
  if (!budget_.take(clock_())) {
    ++held_back_;
    return;
  }
  if (const auto count = std::exchange(held_back_, 0); count > 0)
    text += fmt::format(" ({} line{} about it left out before)", count, count == 1 ? "" : "s");
  log_line(level, text);
}

}  // namespace mptunnel
