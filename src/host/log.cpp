#include "mptunnel/host/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>

namespace mptunnel {
namespace {

/// In the order of LogLevel.
constexpr std::array<spdlog::level::level_enum, 4> kLevels{spdlog::level::debug, spdlog::level::info,
                                                           spdlog::level::warn, spdlog::level::err};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made =
        std::make_shared<spdlog::logger>("mptunnel", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_level(LogLevel level) {
  logger().set_level(kLevels.at(static_cast<std::size_t>(level)));
}

void add_syslog(const std::string& ident) {
  auto sink = std::make_shared<spdlog::sinks::syslog_sink_mt>(ident, LOG_PID, LOG_DAEMON, true);
  sink->set_pattern("%l: %v");
  logger().sinks().push_back(std::move(sink));
}

void leave_stderr() {
  auto& sinks = logger().sinks();
  sinks.erase(sinks.begin());
}

void log_line(LogLevel level, std::string_view text) {
  logger().log(kLevels.at(static_cast<std::size_t>(level)), "{}", text);
}

}  // namespace mptunnel
